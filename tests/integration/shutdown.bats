# SPDX-License-Identifier: GPL-2.0-or-later
# What the host's shutdown does with guests, and its boot: by the two commands that the units run. On whole hosts: tests/hosts/reboot.bats.
load lib

# What it counts is in its memory only.
at_work() {
	new "$@"
	# shellcheck disable=SC2016
	ct exec "$1" -- sh -c 'setsid sh -c "i=0; while :; do i=\$((i + 1)); echo \$\$ \$i >/run/new; mv /run/new /run/count; sleep 0.1; done" >/dev/null 2>&1 </dev/null &'
	within 10 counts "$1"
}

# counts NAME: sets pid and n.
counts() {
	read -r pid n < <(ct exec "$1" -- cat /run/count 2>/dev/null) && [ -n "$n" ]
}

is_past() {
	counts "$1" && [ "$n" -gt "$2" ]
}

# The same process, further on.
counts_on() {
	local was_pid=$pid was_n=$n
	counts "$1"
	[ "$pid $((n >= was_n))" = "$was_pid 1" ]
	within 10 is_past "$1" "$n"
}

# As after a boot of the host: no guest has run yet.
forget_monitors() {
	local hierarchy
	for hierarchy in $HIERARCHIES; do
		[ ! -d "$hierarchy/$PARENT/_monitors" ] || rmdir "$hierarchy/$PARENT/_monitors"
	done
}

states() {
	local name
	for name; do printf '%s ' "$name:$(state "$name")"; done
}

@test "a shutdown suspends who is to be, and the boot lets go on who was suspended by it: not who was by hand, nor who was stopped" {
	needs criu
	at_work saved --on-shutdown suspend
	new nested --on-shutdown suspend --features nesting
	new plain
	new byhand --on-shutdown suspend
	new auto --autostart yes
	ct suspend byhand auto
	run -0 ct autostart --stop
	echo "$output"
	[[ $output == *"'nested'"*features*"'nested' was stopped instead of suspended"*'Stopped 2, suspended 1, failed 0'* ]]
	[ "$(states saved nested plain byhand auto)" = 'saved:suspended nested:stopped plain:stopped byhand:suspended auto:suspended ' ]
	# Who cannot go on is not booted in its place, and is tried again with the next boot.
	CTCTL_CRIU=/bin/false run -1 ct autostart
	echo "$output"
	[[ $output == *"'saved' stays suspended: "*'Started 0, failed 2'* ]]
	forget_monitors
	run -0 ct autostart
	echo "$output"
	[[ $output == *'Started 2, failed 0'* ]]
	[ -n "$(ct console saved --log)" ]
	[ "$(states saved nested plain byhand auto)" = 'saved:running nested:stopped plain:stopped byhand:suspended auto:running ' ]
	counts_on saved
	# What is done by hand counts from then on.
	ct suspend saved
	ct stop auto
	ct set auto --autostart no
	run -0 ct autostart
	[[ $output == *'Started 0, failed 0'* ]]
	is_state saved suspended
}

# It says its version, and then does nothing until nobody is there who it would do it for.
lazy_criu() {
	local program=$BATS_TEST_TMPDIR/lazy
	printf '#!/bin/sh\n[ -e "%s.asked" ] || { : >"%s.asked"; exec "%s" "$@"; }\nexec cat <&3 >/dev/null\n' "$program" "$program" \
		"${CTCTL_CRIU:-/usr/local/libexec/ctctl/criu/criu}" >"$program"
	chmod 755 "$program"
	echo "$program"
}

@test "a node can have all suspended; a guest that is not saved when the time is over is stopped" {
	needs criu
	local conf=$CTCTL_PREFIX/etc/ctctl.conf
	cp "$conf" "$BATS_TEST_TMPDIR/conf"
	at_work saved
	new stopped --on-shutdown stop
	printf '%s\n' 'on-shutdown = suspend' 'suspend-timeout = 1' >>"$conf"
	CTCTL_CRIU=$(lazy_criu) run -0 ct autostart --stop
	echo "$output"
	[[ $output == *"'saved' could not be saved in time"*"'saved' was stopped instead of suspended"*'Stopped 2, failed 0'* ]]
	sed -i 's/^suspend-timeout.*/suspend-timeout = 600/' "$conf"
	ct start saved stopped
	run -0 ct autostart --stop
	[[ $output == *'Stopped 1, suspended 1, failed 0'* ]]
	[ "$(states saved stopped)" = 'saved:suspended stopped:stopped ' ]
	cp "$BATS_TEST_TMPDIR/conf" "$conf"
}
