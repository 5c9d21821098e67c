# SPDX-License-Identifier: GPL-2.0-or-later
# For instance_state() of lib.bash: all that the instance has, a line each, but what stays by intention: the pool, mounted templates, the bridge, the monitors' group.

function trace(kind, text) {
	print kind, text
}

function once(kind, text) {
	if (!said[kind, text]++)
		trace(kind, text)
}

$1 == "group" && $2 !~ /\/_monitors$/ { trace("cgroup", $2) }
$1 == "procs" {
	while ((getline pid < $2) > 0)
		once("process", pid)
	close($2)
}
$1 == "process" && !is_zombie($2) { once("process", $2) }

# The pool may lie within the instance's folder, or elsewhere.
$1 == "file" && index($2, pool) == 1 && substr($2, length(pool) + 1) !~ /\// { once("area", $2) }
$1 == "file" && index($2, prefix) == 1 {
	path = substr($2, length(prefix) + 1)
	n = split(path, part_of, "/")
	if (path ~ /^lib\/pools\/[^\/]*\/data\/[^\/]*$/)
		once("area", $2)
	if ((n == 2 || n == 3) && path !~ /^run\/_images\// && path !~ /^lib\/ids(\/next)?$/ && path !~ /^lib\/addresses\/\.next-/ && path !~ /^lib\/templates\/[^\/]*\//)
		once("file", $2)
}
