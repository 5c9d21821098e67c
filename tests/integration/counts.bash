# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests of what is counted, or let through, per family: loaded after world.bash.

# at_guest NAME COMMAND...: a program of this machine, in the guest's network.
at_guest() {
	nsenter "--net=/proc/$(status_of "$1" init_pid)/ns/net" -- "${@:2}"
}

# link_mac WHERE... -- INTERFACE
link_mac() {
	local where=()
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	"${where[@]}" ip -o link show "$2" | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/'
}

# read_counts NAME ARRAY: all that `net traffic` says of its only interface, by the names that it has in JSON.
read_counts() {
	local -n into=$2
	local key value
	into=()
	while IFS=: read -r key value; do
		into[$key]=$value
	done < <(ct net traffic "$1" --json | tr -d ' \n"[]{}' | tr ',' '\n' && echo)
}

# behind WORLD|NAME COMMAND...: in the background, in the network of the world or of the guest. $behind is the process itself, not one that waits for it.
behind() {
	local pid_file=$BATS_FILE_TMPDIR/$1.pid pid
	if [ -e "$pid_file" ]; then pid=$(cat "$pid_file"); else pid=$(status_of "$1" init_pid); fi
	nsenter "--net=/proc/$pid/ns/net" -- "${@:2}" >/dev/null 2>&1 3>&- &
	behind=$!
}
