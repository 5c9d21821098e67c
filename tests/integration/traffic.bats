# SPDX-License-Identifier: GPL-2.0-or-later
# What guests have sent and received is counted to the byte, once, whoever is killed when; and quotas, which are of that.
load lib
load world
load counts

HOOK=$CTCTL_PREFIX/etc/hooks/quota

setup_file() {
	world_up
	world_bridge
	# Whom the guest talks to: behind lan.
	in_lan ip addr add 10.77.0.1/32 dev lo
	in_lan ip addr add 203.0.113.7/32 dev lo
	in_lan ip addr add fd00:77::1/128 dev lo nodad
	in_lan ip addr add 2001:db8:77::7/128 dev lo nodad
	mkdir -p "$CTCTL_PREFIX/etc/hooks"
	"${CC:-gcc}" -shared -fPIC -Wall -Wextra -O1 -o "$BATS_FILE_TMPDIR/later.so" "$BATS_TEST_DIRNAME/later.c"
}

teardown_file() {
	rmdir "$CTCTL_PREFIX/etc/hooks"
	world_down
}

# text N: so many bytes.
text() {
	printf "%$1s" '' | tr ' ' x
}

# Echo replies that nobody has asked for: nobody answers them. Their numbers and sizes, one for each class, direction and family, so that no two could be
# taken for each other: "CLASS COUNT LENGTH", LENGTH is that of the IP packet.
SENT='out_local_ipv4 3 301
out_local_ipv6 4 403
out_outside_ipv4 5 507
out_outside_ipv6 6 611
in_local_ipv4 7 701
in_local_ipv6 8 809
in_outside_ipv4 9 907
in_outside_ipv6 11 1009'

# send_class CLASS COUNT LENGTH: uses what send_all has found out.
send_class() {
	local family=${1##*ipv} other header=28 kind='icmp4 type=0' own=$own4
	[ "$family" = 4 ] || { header=48 kind='icmp6 type=129' own=$own6; }
	case $1 in
	*local_ipv4) other=10.77.0.1 ;;
	*local_ipv6) other=fd00:77::1 ;;
	*ipv4) other=203.0.113.7 ;;
	*) other=2001:db8:77::7 ;;
	esac
	# shellcheck disable=SC2086
	case $1 in
	out*) in_guest a /root/packet send eth0 "$(text $(($3 - header - 2)))" $kind count="$2" smac="$guest_mac" dmac="$gateway_mac" src="$own" dst=$other ;;
	in*) "${sender[@]}" "$PACKET" send "$sender_at" "$(text $(($3 - header - 2)))" $kind count="$2" smac=02:00:00:00:00:77 dmac="$receiver_mac" src=$other dst="$own" ;;
	esac
}

# Neighbours have things to say to each other at any time: neighbour discovery, memberships. All that is local: a few short packets.
is_counted() {
	local packets=$((now[$1_packets] - was[$1_packets] - $2)) bytes=$((now[$1_bytes] - was[$1_bytes] - $2 * $3))
	echo "$1: $2 packets of $3 bytes; above that: $packets packets, $bytes bytes"
	case $1 in
	*_local_*) ((packets >= 0 && packets < 20 && bytes >= packets * 28 && bytes <= packets * 300)) ;;
	*) ((packets == 0 && bytes == 0)) ;;
	esac
}

# counts_exactly GATEWAY-MAC SENDER... -- INTERFACE MAC: `a` has sent and been sent what SENT says.
counts_exactly() {
	local sender=() sender_at receiver_mac guest_mac gateway_mac=$1 class count length
	local -A was now
	shift
	while [ "$1" != -- ]; do
		sender+=("$1")
		shift
	done
	guest_mac=$(mac_of a)
	sender_at=$2 receiver_mac=${3:-$guest_mac}
	give_packet a
	read_counts a was
	while read -r class count length; do
		send_class "$class" "$count" "$length"
	done <<<"$SENT"
	read_counts a now
	while read -r class count length; do
		is_counted "$class" "$count" "$length"
	done <<<"$SENT"
	[ "${now[dropped_packets]}" = "${was[dropped_packets]}" ]
	# What is not its own is not counted as sent, but as dropped.
	in_guest a /root/packet send eth0 "$(text 470)" icmp4 type=0 count=13 smac="$guest_mac" dmac="$gateway_mac" src=203.0.113.66 dst=203.0.113.7
	read_counts a was
	echo "dropped: ${was[dropped_packets]} packets, ${was[dropped_bytes]} bytes, before: ${now[dropped_packets]}, ${now[dropped_bytes]}"
	[ $((was[dropped_packets] - now[dropped_packets])) -eq 13 ]
	[ $((was[dropped_bytes] - now[dropped_bytes])) -eq $((13 * 500)) ]
	[ "${was[out_outside_ipv4_bytes]}" -eq "${now[out_outside_ipv4_bytes]}" ]
	[ "${now[month_outside_bytes]}" -eq $((now[in_outside_ipv4_bytes] + now[in_outside_ipv6_bytes] + now[out_outside_ipv4_bytes] + now[out_outside_ipv6_bytes])) ]
}

@test "routed: each family, direction and class is counted to the byte, and what is dropped" {
	local own4=198.51.100.10 own6=2001:db8:1::10
	new a --ip $own4,$own6
	pings in_lan -- $own4
	pings in_lan -- $own6
	counts_exactly "$(link_mac in_host -- "$(link_of a)")" in_lan -- lan0 "$(link_mac in_host -- up0)"
}

@test "bridge: each family, direction and class is counted to the byte, and what is dropped" {
	local own4=192.0.2.10 own6=2001:db8:2::10
	new a --bridge br0 --ip $own4/24,$own6/64
	pings in_host -- $own4
	pings in_host -- $own6
	counts_exactly "$(link_mac in_host -- br0)" in_host -- br0
}

@test "nat: each family, direction and class is counted to the byte, and what is dropped" {
	local own4 own6
	new a --net nat
	read -r own4 own6 < <(addresses_of a)
	pings in_host -- "$own4"
	pings in_host -- "$own6"
	counts_exactly "$(link_mac in_host -- "$BRIDGE")" in_host -- "$BRIDGE"
}

# echoes NAME N: so many packets to the other machine and back, of 84 bytes.
echoes() {
	in_guest "$1" ping -q -c "$2" -i 0.002 -s 56 198.51.100.254 >/dev/null
}

# has_counted NAME N: so many, in each direction, not one more or less.
has_counted() {
	local -A now
	local way
	read_counts "$1" now
	for way in in out; do
		echo "$way: ${now[${way}_outside_ipv4_packets]} packets, ${now[${way}_outside_ipv4_bytes]} bytes, expected $2, $(($2 * 84))"
		[ "${now[${way}_outside_ipv4_packets]}" -eq "$2" ]
		[ "${now[${way}_outside_ipv4_bytes]}" -eq $(($2 * 84)) ]
	done
	[ "${now[month_outside_bytes]}" -eq $(($2 * 168)) ]
}

is_stopped() {
	[ "$(state "$1")" = stopped ]
}

@test "every packet is counted once: over stop, start, restart, reboots from inside, kills of the guest and of its monitor" {
	local init
	new a --net nat
	echoes a 10
	ct -q restart a
	has_counted a 10
	echoes a 10
	ct -q stop a
	has_counted a 20
	ct -q start a
	echoes a 10
	init=$(status_of a init_pid)
	in_guest a reboot -f || :
	within 20 has_other_init a "$init"
	has_counted a 30
	echoes a 10
	kill -KILL "$(status_of a init_pid)"
	within 10 is_stopped a
	has_counted a 40
	ct -q start a
	echoes a 10
	# Nobody cleans up until somebody asks.
	init=$(status_of a init_pid)
	kill -KILL "$(status_of a monitor_pid)"
	kill -KILL "$init"
	within 10 has_ended "$init"
	ct -q start a
	has_counted a 50
	echoes a 10
	has_counted a 60
	ct net account
	ct net account
	has_counted a 60
}

# The fault points (base/fault.h) that a stop, and a change that unplugs an interface, come by.
folding_points() {
	cat "$BATS_TEST_DIRNAME"/../../runtime/*.c | sed -nE 's/.*fault_point\("((stop|set)\.network[a-z-]*)".*/\1/p' | grep -v -e '-filter$' -e '-host$' | sort -u
}

@test "every packet is counted once, wherever ctctl is killed or fails while counters are added up and removed" {
	local point how n=0
	new a --net nat
	[ "$(folding_points | wc -l)" -ge 6 ]
	for point in $(folding_points); do
		for how in KILL FAIL; do
			echoes a 5
			n=$((n + 5))
			ct net account
			echoes a 5
			n=$((n + 5))
			echo "$how at $point"
			if [[ $point == stop.* ]]; then
				run ! in_host env "CTCTL_FAULT_$how=$point" "$CTCTL" kill a
			else
				# An own MAC: the interface is unplugged and plugged again.
				run ! in_host env "CTCTL_FAULT_$how=$point" "$CTCTL" net set a eth0 --mac "02:00:00:00:01:$(printf %02x $n)"
			fi
			has_counted a $n
			ct -q start a 2>/dev/null || ct set a --description "$point"
			has_counted a $n
		done
	done
}

@test "an interface that is removed and added again, live, counts on; a second one is counted apart" {
	new a --net nat
	echoes a 10
	ct net remove a eth0
	has_counted a 10
	ct -q net add a eth0 --net nat
	echoes a 10
	has_counted a 20
	# Made anew while it runs: the new one has counted more than the old one when somebody looks.
	ct -q net set a eth0 --mtu 1400
	echoes a 40
	has_counted a 60
	ct -q net add a eth1 --bridge br0 --ip 192.0.2.10/24
	in_guest a ping -q -c 7 -i 0.002 -s 72 -I eth1 192.0.2.1 >/dev/null
	run -0 --separate-stderr ct net traffic a -o guest,interface,out-outside-ipv4,out-outside-ipv4-packets,in-outside-ipv4-packets --json
	[[ $(tr -d ' \n' <<<"$output") == *'"interface":"eth0","out_outside_ipv4_bytes":5040,"out_outside_ipv4_packets":60,"in_outside_ipv4_packets":60}'* ]]
	[[ $(tr -d ' \n' <<<"$output") == *'"interface":"eth1","out_outside_ipv4_bytes":700,"out_outside_ipv4_packets":7,"in_outside_ipv4_packets":7}'* ]]
	# A table, too, for all guests.
	run -0 --separate-stderr ct net traffic
	[[ $output =~ a\ +eth0\ +5040\ +5040 || $output =~ a\ +eth0\ +4\.9K\ +4\.9K ]]
}

# Reads until it is told to end; a sum that falls is written down.
watch_sums() {
	local now last=0
	while [ -e "$BATS_TEST_TMPDIR/watching" ]; do
		now=$(ct net traffic a --json 2>/dev/null | sed -n 's/.*"out_outside_ipv4_bytes": *\([0-9]*\).*/\1/p') || continue
		[ -n "$now" ] || continue
		((now >= last)) || echo "$last $now" >>"$BATS_TEST_TMPDIR/fallen"
		last=$now
		echo "$now" >>"$BATS_TEST_TMPDIR/sums"
	done
}

@test "what is read never falls, while the guest is restarted and somebody accounts" {
	local watcher
	new a --net nat
	: >"$BATS_TEST_TMPDIR/watching"
	watch_sums 3>&- &
	watcher=$!
	for _ in $(rounds 12); do
		echoes a 5
		ct net account
		echoes a 5
		ct -q restart a --kill
	done
	rm "$BATS_TEST_TMPDIR/watching"
	wait "$watcher"
	[ ! -e "$BATS_TEST_TMPDIR/fallen" ] || { cat "$BATS_TEST_TMPDIR/fallen" && return 1; }
	[ "$(sort -u "$BATS_TEST_TMPDIR/sums" | wc -l)" -gt 3 ]
	has_counted a $(($(rounds 12 | wc -l) * 10))
}

@test "a damaged file of sums is kept aside and said, and the guest starts and stops as ever" {
	new a --net nat
	echoes a 10
	ct net account
	sed -i 's/^out-outside-ipv4 = .*/out-outside-ipv4 = many/' "$GUESTS/a/traffic"
	run -0 --separate-stderr ct net traffic a
	[[ $stderr == *traffic* && $stderr == *many* ]]
	run -0 --separate-stderr ct net account
	[[ $stderr == *traffic.damaged* ]]
	grep -q '= many' "$GUESTS/a/traffic.damaged"
	has_counted a 10
	ct -q restart a
	echoes a 10
	has_counted a 20
}

# write_hook LINE...
write_hook() {
	printf '%s\n' '#!/bin/sh' "$@" >"$HOOK"
	chmod 755 "$HOOK"
}

teardown() {
	rm -f "$HOOK"
	end_background
	remove_guests
	instance_state | sort >"$BATS_TEST_TMPDIR/after"
	as_remembered "$BATS_TEST_TMPDIR/after"
}

# megabyte NAME: in each direction.
megabyte() {
	in_guest "$1" ping -q -c 27 -i 0.01 -W 1 -s 40000 198.51.100.254 >/dev/null || :
}

reaches_lan() {
	in_guest "$1" ping -q -c 1 -W $((PATIENCE > 2 ? 4 : 2)) 198.51.100.254 >/dev/null
}

@test "quota: used up it blocks the outside but not the neighbourhood; the hook is told once, and a new month begins anew" {
	local later
	new a --net nat --quota 1M --quota-action block
	write_hook "echo \"\$#: \$*\" >>'$BATS_TEST_TMPDIR/told'"
	reaches_lan a
	ct net account
	[ ! -e "$BATS_TEST_TMPDIR/told" ]
	megabyte a
	run ! in_guest a ping -q -c 1 -W 1 198.51.100.254
	in_guest a ping -q -c 1 "$NETWORK.1"
	run ! in_lan busybox ping -q -c 1 -W 1 "$(addresses_of a | cut -d ' ' -f 1)"
	# It is used up after a restart, too, also if nobody has accounted.
	ct -q restart a
	run ! in_guest a ping -q -c 1 -W 1 -s 1472 198.51.100.254
	run -0 --separate-stderr ct net account
	[[ $stderr == *"'a'"*eth0*1M*block* ]]
	run -0 --separate-stderr ct net account
	[ -z "$stderr" ]
	[ "$(cat "$BATS_TEST_TMPDIR/told")" = "5: a eth0 1048576 1048576 block" ]
	# More of it opens the way again.
	ct -q net set a eth0 --quota 4M
	reaches_lan a
	ct -q net set a eth0 --quota 1M
	run ! in_guest a ping -q -c 1 -W 1 -s 1472 198.51.100.254
	# 32 days from now is another month, for whoever is told that this is the time.
	later="env LD_PRELOAD=$BATS_FILE_TMPDIR/later.so CTCTL_TEST_LATER=$((32 * 86400))"
	CTCTL="$later $CTCTL" ct_words net account
	reaches_lan a
	[ "$(CTCTL="$later $CTCTL" ct_words net traffic a -o month --json | tr -dc 0-9)" -lt 1000 ]
	# And once more in that one.
	megabyte a
	CTCTL="$later $CTCTL" ct_words net account
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" -eq 2 ]
	run ! in_guest a ping -q -c 1 -W 1 -s 1472 198.51.100.254
}

# As ct, with more than one word in CTCTL.
ct_words() {
	# shellcheck disable=SC2086
	in_host timeout -k 5 $((60 * PATIENCE)) $CTCTL "$@"
}

@test "quota: used up it throttles, in both directions, until it is more" {
	new a --net nat --quota 1M --quota-rate 80K
	megabyte a
	# 10 KB per second: of 40 KB at once nothing complete passes, of small ones a few.
	in_guest a ping -q -c 2 -i 0.3 -W $((2 * PATIENCE)) 198.51.100.254 >/dev/null
	run ! in_guest a ping -q -c 3 -i 0.05 -W 1 -s 40000 198.51.100.254
	ct -q net set a eth0 --quota ''
	in_guest a ping -q -c 3 -i 0.05 -W $((2 * PATIENCE)) -s 40000 198.51.100.254 >/dev/null
}

@test "quota: used up it stops the guest, and again if it is started in the same month" {
	new a --net nat --quota 1M --quota-action stop
	new b --net nat
	write_hook "echo \"\$*\" >>'$BATS_TEST_TMPDIR/told'"
	megabyte a
	ct -q net account
	is_stopped a
	[ "$(state b)" = running ]
	ct -q start a
	ct -q net account
	is_stopped a
	[ "$(cat "$BATS_TEST_TMPDIR/told")" = "a eth0 1048576 1048576 stop" ] || [[ $(cat "$BATS_TEST_TMPDIR/told") =~ ^a\ eth0\ [0-9]+\ 1048576\ stop$ ]]
}

no_hook_runs() {
	has_ended "$(cat "$BATS_TEST_TMPDIR/hook")"
}

@test "quota: a hook that fails, that is not root's alone or that hangs harms nobody; others are accounted" {
	new a --net nat --quota 1M --quota-action block
	new b --net nat --quota 1M --quota-action stop
	megabyte a
	megabyte b
	write_hook "echo \"\$1\" >>'$BATS_TEST_TMPDIR/told'" 'echo it is broken >&2' 'exit 7'
	run -0 --separate-stderr ct net account
	[[ $stderr == *hooks/quota* && $stderr == *7* ]]
	[ "$(sort "$BATS_TEST_TMPDIR/told" | tr '\n' ' ')" = 'a b ' ]
	is_stopped b
	[ "$(state a)" = running ]
	# Somebody else could have written it: it is not run.
	write_hook "echo again >>'$BATS_TEST_TMPDIR/told'"
	chmod 777 "$HOOK"
	ct -q net set a eth0 --quota 1100K
	megabyte a
	run -0 --separate-stderr ct net account
	[[ $stderr == *chmod\ go-w* ]]
	run ! grep -q again "$BATS_TEST_TMPDIR/told"
	# One that hangs holds up nobody who works with guests; who ends the accounting ends it, too.
	write_hook "echo \$\$ >'$BATS_TEST_TMPDIR/hook'; echo hangs >>'$BATS_TEST_TMPDIR/told'" 'exec sleep 1000'
	ct -q net set a eth0 --quota 1200K
	megabyte a
	behind host "$CTCTL" -q net account
	within 10 grep -q hangs "$BATS_TEST_TMPDIR/told"
	ct -q set a --description free
	ct -q restart a --kill
	ct -q net account
	kill "$behind"
	within 10 no_hook_runs
	[ "$(grep -c hangs "$BATS_TEST_TMPDIR/told")" -eq 1 ]
}
