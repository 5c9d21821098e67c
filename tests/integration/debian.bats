# SPDX-License-Identifier: GPL-2.0-or-later
# Stock Debian in guests: what a customer finds who has just got his VPS. All tests here use the same two, which are up before and after each of them.
#
# needs template debian-12
# needs template debian-13
load lib
load debian

setup_file() {
	remember_state
	now_ms >"$BATS_FILE_TMPDIR/started"
	both
}

setup() {
	:
}

teardown() {
	local g
	end_background
	for g in d12 d13; do
		[ ! -d "$GUESTS/$g" ] || within 10 is_up "$g"
	done
}

teardown_file() {
	remove_guests
}

@test "Debian 12 and Debian 13 run side by side, with no failed unit and all that belongs to a system" {
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
	start=$(<"$BATS_FILE_TMPDIR/started")
	before=$((start / 1000))
	for g in d12 d13; do
		up=$(ct exec "$g" -- cut -d' ' -f1 /proc/uptime)
		echo "$g is up $up s, of $(($(now_ms) - start)) ms"
		[ "${up%%.*}" -le $((($(now_ms) - start) / 1000)) ]
		[ "$(ct exec "$g" -- ps -o etimes= -p 1)" -le $((($(now_ms) - start) / 1000 + 1)) ]
		[ "$(date -d "$(TZ=UTC ct exec "$g" -- uptime -s) UTC" +%s)" -ge $((before - 1)) ]
		[[ $(ct exec "$g" -- systemd-analyze time) == *'finished in'*'(userspace)'* ]]
	done
}

@test "a service is restarted when it is asked to be, and when it was killed" {
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
	local g
	for g in d12 d13; do
		ct exec "$g" -- systemd-run -q --on-active=0.2 --timer-property=AccuracySec=10ms touch /root/went-off
	done
	for g in d12 d13; do
		within 5 ct exec "$g" -- test -e /root/went-off
	done
}

@test "one logs in at the console, and gets a session with a service manager of one's own" {
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

@test "the packages are whole, and apt installs, configures and removes one without a network" {
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

@test "set-user-ID programs work: one becomes root, su asks for a password, and passwd changes it" {
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

# The last one here.
@test "both are stopped and destroyed, and nothing of them is left" {
	local g
	for g in d12 d13; do
		stops "$g"
		ct -q destroy "$g"
	done
	instance_state | sort >"$BATS_TEST_TMPDIR/after"
	as_remembered "$BATS_TEST_TMPDIR/after"
}
