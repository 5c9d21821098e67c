# SPDX-License-Identifier: GPL-2.0-or-later
# For faults.bats, with traces.awk: turns names of files, groups and processes into lines that are the same for two guests that are alike.

BEGIN {
	four = "[0-9a-f][0-9a-f][0-9a-f][0-9a-f]"
	uuid = four four "-" four "-" four "-" four "-" four four four
}

function say(text) {
	gsub(uuid, "UUID", text)
	gsub(/\/dev\/loop[0-9]+/, "LOOP", text)
	sub(/ via fe80::[0-9a-f:]+/, " via MAC", text)
	sub(/\/ids\/[0-9]+$/, "/ids/N", text)
	sub(/\/addresses\/[0-9.]+$/, "/addresses/N4", text)
	sub(/\/addresses\/[0-9a-f:]+$/, "/addresses/N6", text)
	sub(/[0-9][0-9][0-9][0-9][0-9][0-9][0-9][0-9]\.[0-9]+$/, "VERSION", text)
	print text
}

# Says the lines of a file, each behind WHAT, but those that begin with EXCEPT.
function say_lines(what, file, except,    line) {
	while ((getline line < file) > 0)
		if (line !~ except)
			say(what " " line)
	close(file)
}

function trace(kind, text) {
	say(kind == "link" ? kind : kind " " text)
}

# What ctctl says of its guests, and the limits of the pool; a removed subvolume's group is stale until the kernel has cleaned up after it.
part == "guests" && $1 != "end" { say("guest " $1 " " $2); next }
part == "quota" && $1 != "end" {
	if ($6 ~ /^[0-9a-f][0-9a-f-]+$/)
		say("quota " $4)
	next
}

$1 == "group" && $2 !~ /\/_monitors$/ { say($0) }
$1 == "limit" { say_lines($0, $2, "^$") }

# Has it no number but the host's? Then it is no guest's process, whatever group it is in.
function is_hosts(pid,    line, field, n, file) {
	file = "/proc/" pid "/status"
	while ((getline line < file) > 0)
		if (line ~ /^NSpid:/)
			n = split(line, field)
	close(file)
	return n == 2
}

# Who is in a group: so many monitors, so many guests.
$1 == "procs" {
	group = $3
	sub(/\/.*/, "", group)
	while ((getline pid < $2) > 0) {
		grouped[pid] = 1
		if (group == "_monitors")
			monitor[pid] = 1
		else if (is_hosts(pid))
			strays++
		else
			guest[group] = 1
	}
	close($2)
}
$1 == "process" && !is_zombie($2) { process[$2] = 1 }

# The pool may lie within the instance's folder, or elsewhere.
$1 == "file" && known[$2]++ { next }
$1 == "file" && index($2, pool) == 1 {
	say("area " substr($2, length(pool) + 1))
	say_lines("canary", $2 "/upper/canary", "^$")
	next
}
$1 == "file" && index($2, prefix) == 1 {
	path = substr($2, length(prefix) + 1)
	n = split(path, name_of, "/")
	if (n < 2 || path == "lib/ids" || path == "lib/ids/next" || path == "lib/addresses" || path ~ /^lib\/addresses\/\.next-/ || path == "lib/netpools" || name_of[n] ~ /^(console\.log|traffic)/ || (n > 3 && path !~ /^lib\/(guests|pools|templates)\//) ||
		path ~ /^lib\/pools\/[^\/]*\/data$/)
		next
	say("file " path)
	if (name_of[n] == "guest.conf")
		say_lines("conf " path, $2, "^(uuid|ids|description) ")
}

END {
	for (pid in monitor)
		monitors++
	for (name in guest)
		guests++
	for (pid in process)
		if (!(pid in grouped))
			strays++
	say("monitors " monitors + 0 " guests " guests + 0 " others " strays + 0)
}
