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
