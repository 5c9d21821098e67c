# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Stock Debian in guests, for debian.bats and boots.bats; loaded after lib.bash.

PASSWORD=Grune-Wiese7

# Debian 12 and Debian 13, up and running, at addresses 12 and 13.
both() {
	ct -q create d12 debian-12 --start --bridge "$BRIDGE" --ip "$NETWORK.12/24" "$@"
	ct -q create d13 debian-13 --start --bridge "$BRIDGE" --ip "$NETWORK.13/24" "$@"
	come_up d12
	come_up d13
}

sysv() {
	ct -q create sv debian-12-sysv --start
	within 30 is_at_runlevel_2 sv
}

come_up() {
	within 30 is_up "$1" && return
	ct exec "$1" -- systemctl --failed --no-legend
	ct console "$1" --log
	return 1
}

# Until its bus is up, systemctl only fails.
is_up() {
	[ "$(ct exec "$1" -- systemctl is-system-running 2>/dev/null)" = running ]
}

is_at_runlevel_2() {
	[ "$(ct exec "$1" -- runlevel)" = 'N 2' ]
}

# A command that ends the guest, and so itself: with what status does not matter.
ask() {
	local name=$1
	shift
	run ct exec "$name" -- "$@"
	[ "$status" -eq 0 ] || [ "$status" -gt 128 ] || [[ $output == *'onnection'* ]]
}

# reboots NAME COMMAND...: it comes up again, with another init.
reboots() {
	local name=$1 first
	first=$(status_of "$1" init_pid)
	shift
	ask "$name" "$@"
	within 30 has_other_init "$name" "$first"
}

as_nobody() {
	local name=$1
	shift
	ct exec "$name" -- setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

# Ended by itself: not killed, and long before the time is over that it has.
stops() {
	local start
	start=$(now_ms)
	run -0 --separate-stderr ct stop "$1" --timeout $((50 * PATIENCE))
	echo "$1 took $(($(now_ms) - start)) ms: $stderr"
	[[ $stderr != *kill* ]]
	[ $(($(now_ms) - start)) -lt $((20000 * PATIENCE)) ]
	[ "$(state "$1")" = stopped ]
}

first_id() {
	ct show "$1" | awk '$1 == "ids" { print $3 }'
}

says_login() {
	ct console "$1" --log | grep -aq "^$1 login:"
}

# Each service: its name, how often it was restarted, and its process.
services() {
	ct exec "$1" -- systemctl show -p Id,MainPID,NRestarts '*.service' | awk -F= '
		{ value[$1] = $2 }
		/^$/ { print value["Id"], value["NRestarts"], value["MainPID"] }
		END { print value["Id"], value["NRestarts"], value["MainPID"] }'
}

# same_services NAME FILE: none was restarted or has another process than it had there. Some that had nothing to do may have ended by themselves.
same_services() {
	services "$1" | awk -v file="$2" '
		BEGIN { while ((getline line <file) > 0) { split(line, was); restarts[was[1]] = was[2]; pid[was[1]] = was[3] } }
		!($1 in pid) { next }
		$2 != restarts[$1] || (pid[$1] != 0 && $3 != 0 && $3 != pid[$1]) { print $1 ": restarts " $2 ", process " $3 ", was " pid[$1]; bad = 1 }
		END { exit bad }'
}
