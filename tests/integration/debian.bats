# SPDX-License-Identifier: GPL-2.0-or-later
# Stock Debian in guests: what a customer finds who has just got his VPS.
#
# needs template debian-12
# needs template debian-13
# needs template debian-12-sysv
load lib

PASSWORD=Grune-Wiese7

# Debian 12 and Debian 13, up and running, at addresses 12 and 13.
both() {
	ct -q create d12 debian-12 --start --ip "$NETWORK.12/24" "$@"
	ct -q create d13 debian-13 --start --ip "$NETWORK.13/24" "$@"
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

@test "Debian 12 and Debian 13 run side by side, with no failed unit and all that belongs to a system" {
	both
	local g
	for g in d12 d13; do
		[ -z "$(ct exec "$g" -- systemctl --failed --no-legend --plain)" ]
		ct exec "$g" -- systemctl is-active dbus systemd-journald systemd-logind console-getty multi-user.target timers.target
		[ "$(ct exec "$g" -- systemctl list-jobs --no-legend | grep -vc '^No jobs')" -eq 0 ]
	done
	[[ $(ct exec d12 -- cat /etc/debian_version) == 12.* ]]
	[[ $(ct exec d13 -- cat /etc/debian_version) == 13.* ]]
}

@test "the ranges of ids of two systems do not overlap, and every process is in its guest's" {
	both
	local g first pid uid n=0
	first=$(($(first_id d12) - $(first_id d13)))
	[ "${first#-}" -ge 65536 ]
	for g in d12 d13; do
		first=$(first_id "$g")
		for pid in $(group_processes "$g" | sort -u); do
			uid=$(awk '$1 == "Uid:" { print $2 }' "/proc/$pid/status") || continue
			echo "$g: process $pid of $uid"
			[ "$uid" -ge "$first" ] && [ "$uid" -lt $((first + 65536)) ]
			n=$((n + 1))
		done
	done
	[ "$n" -ge 10 ]
}

@test "a system knows that it is in a container, whose: nobody's, and has an identity of its own" {
	both
	local g
	for g in d12 d13; do
		[ "$(ct exec "$g" -- systemd-detect-virt)" = container-other ]
		[ "$(ct exec "$g" -- hostname)" = "$g" ]
		# Where controllers are on version 1, they have a line each.
		[ "$(ct exec "$g" -- grep -cvE '^[1-9][0-9]*:[^:]*:/$|^0::/init.scope$' /proc/1/cgroup)" -eq 0 ]
		[[ $(ct exec "$g" -- cat /etc/machine-id) =~ ^[0-9a-f]{32}$ ]]
	done
	[ "$(ct exec d12 -- cat /etc/machine-id)" != "$(ct exec d13 -- cat /etc/machine-id)" ]
	[ "$(ct exec d12 -- cat /etc/machine-id)" != "$(cat /etc/machine-id 2>/dev/null)" ]
}

@test "clocks inside begin with the boot: uptime, init's age, and what time it began" {
	local start before g up
	start=$(now_ms)
	before=$(date +%s)
	both
	for g in d12 d13; do
		up=$(ct exec "$g" -- cut -d' ' -f1 /proc/uptime)
		echo "$g is up $up s, of $(($(now_ms) - start)) ms"
		[ "${up%%.*}" -le $((($(now_ms) - start) / 1000)) ]
		[ "$(ct exec "$g" -- ps -o etimes= -p 1)" -le $((($(now_ms) - start) / 1000 + 1)) ]
		[ "$(date -d "$(TZ=UTC ct exec "$g" -- uptime -s) UTC" +%s)" -ge $((before - 1)) ]
		[[ $(ct exec "$g" -- systemd-analyze time) == *'finished in'*'(userspace)'* ]]
	done
}

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

@test "a service is restarted when it is asked to be, and when it was killed" {
	both
	local g first second
	for g in d12 d13; do
		first=$(main_pid "$g" systemd-logind)
		ct exec "$g" -- systemctl restart systemd-logind
		second=$(main_pid "$g" systemd-logind)
		[ "$second" -gt 0 ] && [ "$second" != "$first" ]
		first=$(main_pid "$g" systemd-journald)
		ct exec "$g" -- kill -9 "$first"
		within 10 has_other_main_pid "$g" systemd-journald "$first"
		within 10 is_up "$g"
	done
}

main_pid() {
	ct exec "$1" -- systemctl show -P MainPID "$2"
}

has_other_main_pid() {
	local pid
	pid=$(main_pid "$1" "$2")
	[ "$pid" -gt 0 ] && [ "$pid" != "$3" ]
}

@test "a transient service runs, its status comes back, and one in a sandbox of systemd's is confined" {
	both
	local g
	for g in d12 d13; do
		[ "$(ct exec "$g" -- systemd-run -q --wait --pipe echo done)" = done ]
		run -7 ct exec "$g" -- systemd-run -q --wait sh -c 'exit 7'
		run -0 ct exec "$g" -- systemd-run -q --wait --pipe -p DynamicUser=yes -p PrivateTmp=yes -p ProtectSystem=strict -p PrivateDevices=yes \
			-p PrivateNetwork=yes -p ProtectHome=yes -p NoNewPrivileges=yes \
			sh -c 'id -u; ip -o link | wc -l; touch /tmp/here && echo tmp; touch /usr/here 2>/dev/null || echo read-only'
		echo "$output"
		[ "${lines[0]}" -ge 61184 ]
		[ "${lines[*]:1}" = '1 tmp read-only' ]
		ct exec "$g" -- systemctl reset-failed
		is_up "$g"
	done
}

@test "a timer goes off" {
	both
	local g
	for g in d12 d13; do
		ct exec "$g" -- systemd-run -q --on-active=0.2 --timer-property=AccuracySec=10ms touch /root/went-off
	done
	for g in d12 d13; do
		within 5 ct exec "$g" -- test -e /root/went-off
	done
}

@test "one logs in at the console, and gets a session with a service manager of one's own" {
	both
	local g
	for g in d12 d13; do
		within 10 says_login "$g"
		# Without a password: login throws away what is typed right after it asks for one.
		ct exec "$g" -- passwd -q -d root
		run "$PTY" send '\r' expect 'login: ' send 'root\r' expect '# ' \
			send 'echo "on $(tty), session on $(loginctl show-session $XDG_SESSION_ID -P TTY), $(systemctl --user is-active default.target)"\r' \
			expect 'on /dev/console, session on console, active' expect '# ' send 'exit\r' expect 'login: ' send '\x01q' -- "$CTCTL" console "$g"
		echo "$output"
		[ "$status" -eq 0 ]
		is_up "$g"
	done
}

says_login() {
	ct console "$1" --log | grep -aq "^$1 login:"
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

@test "the packages are whole, and apt installs, configures and removes one without a network" {
	both
	local g
	for g in d12 d13; do
		ct exec "$g" -- apt-get --version | grep -q '^apt '
		run -0 ct exec "$g" -- dpkg --audit
		[ -z "$output" ]
		ct exec "$g" -- apt-get -q check
		ct exec "$g" -- sh -ec "$(build_package)"
		ct exec "$g" -- env DEBIAN_FRONTEND=noninteractive apt-get -q install -y /root/local-test.deb
		[ "$(ct exec "$g" -- stat -c '%U %a' /usr/bin/local-test /var/lib/local-test)" = "$(printf 'root 4755\nnobody 700')" ]
		ct exec "$g" -- apt-get -q purge -y local-test
		ct exec "$g" -- test ! -e /usr/bin/local-test
	done
}

# A package with a set-user-ID program, and a folder that its script gives to somebody.
build_package() {
	cat <<-'END'
		mkdir -p /root/p/DEBIAN /root/p/usr/bin /root/p/var/lib/local-test
		printf '%s\n' 'Package: local-test' 'Version: 1' 'Architecture: all' 'Maintainer: T <t@example.org>' 'Description: test' >/root/p/DEBIAN/control
		printf '%s\n' '#!/bin/sh' 'chown nobody /var/lib/local-test' 'chmod 700 /var/lib/local-test' >/root/p/DEBIAN/postinst
		cp /usr/bin/true /root/p/usr/bin/local-test
		chmod 4755 /root/p/usr/bin/local-test
		chmod 755 /root/p/DEBIAN/postinst
		dpkg-deb --build /root/p /root/local-test.deb
	END
}

@test "two guests reach each other over the bridge, and the host" {
	both
	ct exec d12 -- ping -q -c 1 -W 5 "$NETWORK.13"
	ct exec d13 -- ping -q -c 1 -W 5 "$NETWORK.12"
	ct exec d12 -- ping -q -c 1 -W 5 "$NETWORK.1"
	exchange d12 d13 "$NETWORK.12"
	exchange d13 d12 "$NETWORK.13"
}

# exchange SERVER CLIENT ADDRESS: 20 MB by TCP, from a service that systemd starts when somebody connects.
exchange() {
	ct exec "$1" -- sh -c 'head -c 20M /dev/urandom >/var/tmp/data'
	ct exec "$1" -- systemd-run -q --unit serve systemd-socket-activate --listen 7777 --accept --inetd cat /var/tmp/data
	# shellcheck disable=SC2016
	within 10 ct exec "$2" -- bash -c 'exec 3<>/dev/tcp/$0/7777 && cat <&3 >/var/tmp/received' "$3" 2>/dev/null
	[ "$(ct exec "$1" -- sha256sum </dev/null /var/tmp/data | cut -d' ' -f1)" = "$(ct exec "$2" -- sha256sum /var/tmp/received | cut -d' ' -f1)" ]
}

@test "a memory limit holds for a whole system: who wants more is killed, and the system goes on" {
	both --memory 192M
	local g file
	for g in d12 d13; do
		file=$(cgroup_file "$g" memory.max memory.limit_in_bytes)
		[ "$(cat "$file")" -eq $((192 << 20)) ]
		run -137 ct exec "$g" -- perl -e '$x = "x" x (400 << 20); print length $x'
		ct exec "$g" -- perl -e '$x = "x" x (16 << 20)'
		ct set "$g" --memory 256M
		[ "$(cat "$file")" -eq $((256 << 20)) ]
		is_up "$g"
	done
}

@test "set-user-ID programs work: one becomes root, su asks for a password, and passwd changes it" {
	both
	local g
	for g in d12 d13; do
		ct exec "$g" -- install -m 4755 /usr/bin/id /usr/local/bin/id-of-root
		[ "$(as_nobody "$g" /usr/local/bin/id-of-root -un)" = root ]
		[ "$(as_nobody "$g" /usr/local/bin/id-of-root -unr)" = nobody ]
		ct exec "$g" -- useradd --create-home --shell /bin/bash joe
		ct exec "$g" -- chpasswd <<<"joe:$PASSWORD"
		[ "$(as_nobody "$g" su joe -c 'id -un' <<<"$PASSWORD")" = joe ]
		run as_nobody "$g" su joe -c 'id -un' <<<wrong
		[ "$status" -ne 0 ]
		printf '%s\n' "$PASSWORD" Blau.Berg42 Blau.Berg42 | ct exec -u joe "$g" -- passwd
		[ "$(as_nobody "$g" su joe -c 'id -un' <<<Blau.Berg42)" = joe ]
	done
}

@test "file capabilities work: a user pings, and serves on a port below 1024 where he is allowed to" {
	both
	local g
	for g in d12 d13; do
		as_nobody "$g" ping -q -c 1 -W 5 127.0.0.1
		ct exec "$g" -- sh -ec 'cp /usr/bin/perl /usr/local/bin/server; setcap cap_net_bind_service=ep /usr/local/bin/server'
		serve "$g" server
		run serve "$g" perl
		[ "$status" -ne 0 ]
	done
}

serve() {
	as_nobody "$1" "$2" -MIO::Socket::INET -e 'exit !IO::Socket::INET->new(LocalPort => 80, Listen => 1)'
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
