# SPDX-License-Identifier: GPL-2.0-or-later
# Guests are suspended and resumed, and what runs in them does not know of it. What runs is work/, which has everything that a program can have and says so when
# anything is not as it was, and ends of connections (work/lines.c).
#
# needs template debian-12
# needs template debian-13
load lib
load world
load debian
load counts
load working

setup_file() {
	make_work
	world_up
	world_bridge
}

teardown_file() {
	world_down
}

# What it has of the network, on both sides. The other end of its link is a new one.
network_of() {
	{
		links
		elements
		routes
		in_guest "$1" sh -c 'ip -o addr; ip -o link; ip route; ip -6 route' | sed -E 's/@if[0-9]+//'
	} | sort
}

# A watch that /proc shows without a file handle: the kernel has dropped the name of the folder, as it does on a busy host in time.
has_nameless_watch() {
	echo 2 >/proc/sys/vm/drop_caches
	guest_processes '[!Z]' | while read -r pid; do cat "/proc/$pid/fdinfo"/*; done | grep '^inotify ' | grep -qv 'fhandle-bytes:'
}

@test "a guest is suspended and resumed, three times: nothing of it is on the host meanwhile, and nothing in it is lost" {
	needs criu
	local round
	on_host >"$BATS_TEST_TMPDIR/stopped"
	new_at_work g1 --memory 256M --pids 200
	for round in 1 2 3; do
		echo "round $round"
		note g1
		[ "$round" -ne 2 ] || within 5 has_nameless_watch
		ct suspend g1
		is_only_files g1
		refuse 35 ct suspend g1 says g1 suspended
		ct resume g1
		[ "$(state g1)" = running ]
		[ ! -e "$GUESTS/g1/checkpoint" ]
		goes_on g1
	done
	[ "$(cat "$(cgroup_file g1 memory.max memory.limit_in_bytes)")" -eq $((256 << 20)) ]
	pings in_guest g1 -- 192.0.2.1
	pings in_host -- 192.0.2.10
}

prompts() {
	ct console "$1" --log | grep -ac "^$1 login:"
}

has_prompts() {
	[ "$(prompts "$1")" -ge "$2" ]
}

# Its systemd still does its work, and nothing has failed.
serves() {
	is_up "$1"
	ct exec "$1" -- systemctl restart systemd-journald systemd-logind work
	[ "$(ct exec "$1" -- systemd-run --wait --pipe -q echo alive)" = alive ]
	is_up "$1"
}

keeps_journal() {
	ct exec "$1" -- systemd-cat -t suspend echo after
	ct exec "$1" -- journalctl --sync
	[ "$(ct exec "$1" -- journalctl -b -t suspend -o cat | tr '\n' ' ')" = 'before after ' ]
}

# keeps_time NAME UPTIME AT: its clock went on since that moment ($SECONDS), but not faster than the host's.
keeps_time() {
	local up
	up=$(ct exec "$1" -- cut -d. -f1 /proc/uptime)
	echo "up $up s, before $2 s, $((SECONDS - $3)) s ago"
	((up >= $2 && up <= $2 + SECONDS - $3 + 2))
}

# keeps_console NAME: who waits for a login on it gets what is typed.
keeps_console() {
	local n
	n=$(prompts "$1")
	printf '\n' | ct console "$1" >/dev/null
	within 10 has_prompts "$1" $((n + 1))
}

# debian_goes_on TEMPLATE
debian_goes_on() {
	local up at
	ct -q create g1 "$1" --start --ip 198.51.100.10,2001:db8:1::10
	come_up g1
	within 10 has_prompts g1 1
	give g1 "$WORK"
	ct exec g1 -- systemd-run -q --unit work /root/work /run/work
	ct exec g1 -- systemd-cat -t suspend echo before
	ct exec g1 -- journalctl --sync
	within 10 note g1
	services g1 >"$BATS_TEST_TMPDIR/services"
	up=$(ct exec g1 -- cut -d. -f1 /proc/uptime) at=$SECONDS
	ct suspend g1
	is_state g1 suspended
	ct start g1
	same_services g1 "$BATS_TEST_TMPDIR/services"
	keeps_time g1 "$up" "$at"
	goes_on g1
	keeps_console g1
	keeps_journal g1
	serves g1
	reboots g1 systemctl reboot
	come_up g1
	ct suspend g1
	ct resume g1
	is_up g1
	stops g1
}

@test "Debian 12 goes on: its services, journal, console and clock; it reboots and stops as ever" {
	needs criu
	debian_goes_on debian-12
}

@test "Debian 13 goes on: its services, journal, console and clock; it reboots and stops as ever" {
	needs criu
	debian_goes_on debian-13
}

# listens FILE
listens() {
	grep -q listens "$1" 2>/dev/null
}

in_guest_listens() {
	in_guest "$1" grep -q listens "$2"
}

# Connections of g1 with the WORLD (lan or host), whose address is PEER, in both directions: it is reached at ADDRESS, port PORT, if it listens on port IN.
talk() {
	local world=$1 peer=$2 address=$3 port=$4 in=$5 any=0.0.0.0
	[[ $peer != *:* ]] || any=::
	leave g1 /root/lines listen $any "$in" "/run/in.$in"
	within 5 in_guest_listens g1 "/run/in.$in"
	behind "$world" "$TALK" connect "$address" "$port" "$BATS_TEST_TMPDIR/to.$in"
	behind "$world" "$TALK" listen "$peer" "7$in" "$BATS_TEST_TMPDIR/from.$in"
	within 5 listens "$BATS_TEST_TMPDIR/from.$in"
	leave g1 /root/lines connect "$peer" "7$in" "/run/out.$in"
}

# talked FILE: one line for each end: its name, what it has sent and received, "ok".
talked() {
	{
		(cd "$BATS_TEST_TMPDIR" && grep '' to.8? from.8?)
		in_guest g1 sh -c 'cd /run && grep "" in.8? out.8?'
	} | tr : ' ' >"$1"
}

# all_past FILE N: each end has received so many lines more than the file says, and nothing is wrong.
all_past() {
	talked "$BATS_TEST_TMPDIR/talked"
	paste -d' ' "$1" "$BATS_TEST_TMPDIR/talked" | awk -v n="$2" '
		$1 != $5 || $8 != "ok" || $7 < $3 + n { print; late = 1 }
		END { exit late || NR != 8 }'
}

# The peers have sent on while nobody has answered: some two seconds.
peers_past() {
	local end
	for end in "$BATS_TEST_TMPDIR"/to.8? "$BATS_TEST_TMPDIR"/from.8?; do
		read -r sent _ <"$end"
		[ "$sent" -ge "$(awk -v end="${end##*/}" -v n="$2" '$1 == end { print $2 + n }' "$1")" ] || return 1
	done
}

# connections_go_on: those of the four `talk`s that have begun.
connections_go_on() {
	network_of g1 >"$BATS_TEST_TMPDIR/network"
	within 5 has_talked
	ct suspend g1
	[ -z "$(links)$(elements)" ]
	within 20 peers_past "$BATS_TEST_TMPDIR/begun" 100
	ct resume g1
	network_of g1 | diff "$BATS_TEST_TMPDIR/network" -
	within 20 all_past "$BATS_TEST_TMPDIR/begun" 150 || {
		cat "$BATS_TEST_TMPDIR/talked"
		return 1
	}
}

has_talked() {
	talked "$BATS_TEST_TMPDIR/begun"
	[ "$(awk '$4 == "ok" && $3 > 10' "$BATS_TEST_TMPDIR/begun" | wc -l)" -eq 8 ]
}

@test "routed: connections from and to the wire go on, of both families, and addresses, routes and filter are as before" {
	needs criu
	new g1 --ip 198.51.100.10,2001:db8:1::10 --route 2001:db8:5::/64 --rate-out 100M
	give g1 "$TALK"
	talk lan 198.51.100.254 198.51.100.10 80 80
	talk lan 2001:db8:1::ff 2001:db8:1::10 81 81
	connections_go_on
}

@test "bridge: connections from and to the host go on, of both families, and addresses, routes and filter are as before" {
	needs criu
	new g1 --bridge br0 --ip 192.0.2.10/24,2001:db8:2::10/64 --gateway 192.0.2.1,2001:db8:2::1
	give g1 "$TALK"
	talk host 192.0.2.1 192.0.2.10 80 80
	talk host 2001:db8:2::1 2001:db8:2::10 81 81
	connections_go_on
}

@test "nat: connections to a published port and to the wire go on, of both families, and addresses, routes and filter are as before" {
	needs criu
	new g1 --net nat --publish 8080:80,8081:81
	give g1 "$TALK"
	talk lan 198.51.100.254 198.51.100.1 8080 80
	talk lan 2001:db8:1::ff 2001:db8:1::1 8081 81
	connections_go_on
}
