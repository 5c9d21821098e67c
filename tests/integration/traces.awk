# SPDX-License-Identifier: GPL-2.0-or-later
# Reads what look() of lib.bash has found and calls trace(KIND, TEXT) for what is the instance's. The file that is loaded before this one (state.awk, shape.awk) has that
# function, and rules of its own for lines "group", "procs", "process", "file" and "limit".
# Variables: prefix, pool (both with a / at their ends), table.

BEGIN {
	while ((getline line < "/proc/self/mountinfo") > 0) {
		split(line, field, " ")
		if (index(line, prefix) && !index(line, prefix "run/_images/"))
			trace("mount", field[4] " " field[5] " " field[9] " " field[10])
	}
	link = "c[tf][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-v]"
}

$1 == "begin" { part = $2; next }
$1 == "end" { part = ""; next }

# Of the filter, each element or chain with the name of a link.
part == "filter" {
	if ($1 == "table") {
		mine = $3 == table
		family = $2
	}
	if ($0 ~ /^\t(set|map|chain) /)
		name = $2
	for (rest = mine ? $0 : ""; match(rest, link); rest = substr(rest, RSTART + RLENGTH)) {
		sub(/_?ct[0-9a-f].*/, "", name)
		trace("element", family " " name)
	}
	next
}

# Links, routes and proxies of a world of our own.
part == "network" && /^[0-9]+: / {
	if (match($2, "^" link "[@:]"))
		trace("link", substr($2, 1, RLENGTH - 1))
	next
}
part == "network" {
	sub(/ dev ct.*/, "")
	trace("route", ($NF == "proxy" ? "proxy " : "") $0)
	next
}

$1 == "link" { trace("link", $2) }
$1 == "loop" { trace("loop", $2 " " $3) }

# Has it ended, and waits for whoever adopted it to take note?
function is_zombie(pid,    stat) {
	if ((getline stat < ("/proc/" pid "/stat")) <= 0)
		return 1
	close("/proc/" pid "/stat")
	sub(/.*\) /, "", stat)
	return stat ~ /^Z/
}
