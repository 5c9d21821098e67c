# SPDX-License-Identifier: GPL-2.0-or-later
# Stock Debian in guests: how it begins and ends, each time anew.
#
# needs template debian-12
# needs template debian-13
# needs template debian-12-sysv
load lib
load debian

@test "the journal takes what is said, keeps it over a reboot, and counts that as a new boot" {
	both
	local g
	for g in d12 d13; do
		ct exec "$g" -- systemd-cat -t test echo "before the reboot of $g"
		ct exec "$g" -- journalctl --sync
		[ "$(ct exec "$g" -- journalctl -b -t test -o cat)" = "before the reboot of $g" ]
		[ "$(boots "$g")" -eq 1 ]
		reboots "$g" systemctl reboot
	done
	for g in d12 d13; do
		come_up "$g"
		[ "$(boots "$g")" -eq 2 ]
		[ -z "$(ct exec "$g" -- journalctl -q -b 0 -t test -o cat)" ]
		[ "$(ct exec "$g" -- journalctl -b -1 -t test -o cat)" = "before the reboot of $g" ]
	done
}

boots() {
	ct exec "$1" -- journalctl --list-boots --no-pager | grep -cE '^ *-?[0-9]'
}

@test "the console's log does not end at a NUL, with which programs pad what they write at boot" {
	sysv
	ct exec sv -- sh -c 'printf "one\0two\n" >/dev/console'
	within 5 says_two
	run -0 "$PTY" -- "$CTCTL" console sv --log
	[[ $output == *onetwo* ]]
}

says_two() {
	ct console sv --log | tr '\0' '.' | grep -aqF one.two
}

# Its processes have less than 64 MiB of their own.
has_let_go() {
	local file
	file=$(cgroup_file "$1" memory.stat memory.stat)
	[ "$(awk '$1 == "anon" || $1 == "total_rss" { print $2; exit }' "$file")" -lt $((64 << 20)) ]
}

# It is up, or what failed is what the kernel killed for memory: while the first victim's is not back yet, it may choose a second one.
goes_on() {
	local unit state
	state=$(ct exec "$1" -- systemctl is-system-running) || [ "$state" = degraded ]
	for unit in $(ct exec "$1" -- systemctl --failed --no-legend --plain | awk '{ print $1 }'); do
		echo "failed in $1: $unit"
		ct exec "$1" -- systemctl show -P Result "$unit" | grep -qxE 'oom-kill|signal'
	done
	ct exec "$1" -- systemctl start systemd-tmpfiles-clean.service
}

@test "a memory limit holds for a whole system: who wants more is killed, and the system goes on" {
	both --memory 192M
	local g file
	for g in d12 d13; do
		file=$(cgroup_file "$g" memory.max memory.limit_in_bytes)
		[ "$(cat "$file")" -eq $((192 << 20)) ]
		run -137 ct exec "$g" -- perl -e '$x = "x" x (400 << 20); print length $x'
		# Who asks for more before the kernel has taken that back has others killed, too.
		within 10 has_let_go "$g"
		ct exec "$g" -- perl -e '$x = "x" x (16 << 20)'
		ct set "$g" --memory 256M
		[ "$(cat "$file")" -eq $((256 << 20)) ]
		goes_on "$g"
	done
}

@test "reboot inside brings the system up again: a new boot of the same system, with its limits and its address" {
	both --memory 512M
	local g id how boot
	for g in d12 d13; do
		for how in 'systemctl reboot' reboot; do
			id=$(ct exec "$g" -- cat /etc/machine-id)
			boot=$(ct exec "$g" -- cat /proc/sys/kernel/random/boot_id)
			ct exec "$g" -- touch "/root/kept" /run/lost
			# shellcheck disable=SC2086
			reboots "$g" $how
			come_up "$g"
			[ "$(ct exec "$g" -- cat /etc/machine-id)" = "$id" ]
			[ "$(ct exec "$g" -- cat /proc/sys/kernel/random/boot_id)" != "$boot" ]
			ct exec "$g" -- sh -c '[ -e /root/kept ] && ! [ -e /run/lost ]'
		done
		[ "$(cat "$(cgroup_file "$g" memory.max memory.limit_in_bytes)")" -eq $((512 << 20)) ]
		ct exec "$g" -- ping -q -c 1 -W 5 "$NETWORK.1"
	done
}

@test "poweroff inside stops the system, and it stays stopped" {
	both
	ask d12 systemctl poweroff
	ask d13 poweroff
	within 30 is_state d12 stopped
	within 30 is_state d13 stopped
	[ -z "$(cgroup_dirs d12)$(cgroup_dirs d13)$(links)" ]
	[ "$(state d12) $(state d13)" = 'stopped stopped' ]
}

@test "stop lets systemd end its services in order, and nothing has to be killed" {
	both
	local g
	for g in d12 d13; do
		ct exec "$g" -- systemd-run -q --unit witness -p RemainAfterExit=yes -p ExecStop='touch /root/was-stopped' true
		stops "$g"
		ct start "$g"
		come_up "$g"
		ct exec "$g" -- test -e /root/was-stopped
	done
}

@test "a system with sysvinit boots to its runlevel and a login prompt, with an uptime of its own" {
	sysv
	[ "$(ct exec sv -- readlink /proc/1/exe)" = /usr/sbin/init ]
	within 10 says_login sv
	[ "$(ct exec sv -- cut -d. -f1 /proc/uptime)" -lt $((30 * PATIENCE)) ]
	run -0 ct exec sv -- dpkg --audit
	[ -z "$output" ]
}

# A script of the system's own, which runs at boot and at shutdown.
witness() {
	ct exec sv -- sh -ec 'cat >/etc/init.d/witness; chmod 755 /etc/init.d/witness; update-rc.d witness defaults' <<-'END'
		#!/bin/sh
		### BEGIN INIT INFO
		# Provides: witness
		# Required-Start: $remote_fs
		# Required-Stop: $remote_fs
		# Default-Start: 2
		# Default-Stop: 0 6
		### END INIT INFO
		echo "$1 at $(runlevel)" >>/root/witness
	END
}

@test "stop goes through sysvinit's scripts, and nothing has to be killed" {
	sysv
	witness
	stops sv
	ct start sv
	within 30 witness_said 2 'start at N 2'
	witness_said 1 'stop at 2 0'
}

# witness_said LINE TEXT
witness_said() {
	[ "$(ct exec sv -- sed -n "$1p" /root/witness)" = "$2" ]
}

@test "reboot inside restarts a system with sysvinit, poweroff stops it" {
	sysv
	witness
	reboots sv reboot
	within 30 witness_said 2 'start at N 2'
	witness_said 1 'stop at 2 6'
	ask sv poweroff
	within 30 is_state sv stopped
	[ -z "$(cgroup_dirs sv)" ]
}
