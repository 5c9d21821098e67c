# SPDX-License-Identifier: GPL-2.0-or-later
# What guests have sent and received is counted once, whoever is killed when; quotas; captures; the small firewall.
load lib
load world

setup_file() {
	world_up
	mkdir -p "$CTCTL_PREFIX/etc/hooks"
}

teardown_file() {
	rmdir "$CTCTL_PREFIX/etc/hooks"
	world_down
}

fails() {
	if "$@"; then
		echo "no failure: $*"
		return 1
	fi
}

gateway_of() {
	in_guest "$1" ip route | awk '$1 == "default" { print $3 }'
}

# packets NAME KEY: of "out_outside_ipv4_packets" say; 0 before it has counted anything.
packets() {
	local n
	n=$(ct net traffic "$1" --json -q | tr -d ' \n' | sed -n "s/.*\"$2\":\([0-9]*\).*/\1/p")
	echo "${n:-0}"
}

# How many echo requests the other machine has got.
lan_echos() {
	in_lan awk '$1 == "Icmp:" { if (!n) { for (i = 1; i <= NF; i++) if ($i == "InEchos") n = i } else print $n }' /proc/net/snmp
}

send_some() {
	in_guest "$1" ping -q -c 20 -i 0.01 198.51.100.254 >/dev/null
}

@test "traffic: every packet is counted once, over restarts, kills of the guest and of ctctl in the midst of a stop" {
	local before point
	new a --net nat
	before=$(lan_echos)
	send_some a
	ct restart a --kill
	send_some a
	ct kill a
	ct start a
	for point in stop.ended stop.network-cut stop.network; do
		send_some a
		ct net account
		CTCTL_FAULT_KILL=$point ct kill a || :
		ct start a
	done
	send_some a
	[ "$(($(lan_echos) - before))" -ge 100 ]
	[ "$(packets a out_outside_ipv4_packets)" -eq $(($(lan_echos) - before)) ]
	[ "$(packets a in_outside_ipv4_packets)" -eq $(($(lan_echos) - before)) ]
	# What stays on the host's own networks is another class.
	before=$(packets a out_outside_ipv4_packets)
	in_guest a ping -q -c 3 "$(gateway_of a)" >/dev/null
	[ "$(packets a out_outside_ipv4_packets)" -eq "$before" ]
	[ "$(packets a out_local_ipv4_packets)" -ge 3 ]
}

@test "traffic: an interface that is removed and added again counts on" {
	local before
	new a --net none
	ct net add a eth1 --net nat
	before=$(lan_echos)
	send_some a
	ct net remove a eth1
	ct net add a eth1 --net nat
	send_some a
	[ "$(packets a out_outside_ipv4_packets)" -eq $(($(lan_echos) - before)) ]
}

@test "traffic: an interface that is made anew in a running guest loses nothing that was counted" {
	local before
	new a --net nat
	before=$(lan_echos)
	send_some a
	ct net set a eth0 mtu=1400
	# More than before: what the new interface has counted must not be taken for what the old one had.
	send_some a
	send_some a
	ct net account
	[ "$(packets a out_outside_ipv4_packets)" -eq $(($(lan_echos) - before)) ]
}

@test "quota: used up it blocks or stops, the hook is run once, and a new month begins anew" {
	new a --net nat --quota 1M --quota-action block
	printf '#!/bin/sh\necho "$*" >>"%s/told"\n' "$BATS_TEST_TMPDIR" >"$CTCTL_PREFIX/etc/hooks/quota"
	chmod 755 "$CTCTL_PREFIX/etc/hooks/quota"
	in_guest a ping -q -c 1 198.51.100.254
	in_guest a ping -q -c 30 -i 0.01 -s 40000 -W 1 198.51.100.254 >/dev/null || :
	fails in_guest a ping -q -c 1 -W 1 198.51.100.254
	in_guest a ping -q -c 1 "$(gateway_of a)"
	ct net account
	ct net account
	[ "$(cat "$BATS_TEST_TMPDIR/told")" = "a eth0 1048576 1048576 block" ]
	sed -i -e 's/^month = [0-9]*/month = 202001/' -e 's/^told = [0-9]*/told = 202001/' "$CTCTL_PREFIX/lib/guests/a/traffic"
	ct net account
	in_guest a ping -q -c 1 198.51.100.254
	ct net set a eth0 quota-action=stop
	in_guest a ping -q -c 30 -i 0.01 -s 40000 -W 1 198.51.100.254 >/dev/null || :
	ct net account
	[ "$(ct list -o state -q | tail -1)" = stopped ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/told")" -eq 2 ]
	rm "$CTCTL_PREFIX/etc/hooks/quota"
}

@test "capture: the packets of one interface, as a pcap file, until so many or the end of the interface" {
	new a --net nat
	install -m 644 /dev/null "$BATS_TEST_TMPDIR/one.pcap"
	ct net capture a --write "$BATS_TEST_TMPDIR/one.pcap" --count 2 &
	within 10 test -s "$BATS_TEST_TMPDIR/one.pcap"
	in_guest a ping -q -c 3 -i 0.2 198.51.100.254 >/dev/null
	wait $!
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/one.pcap")" = 600 ]
	[ "$(od -An -tx4 -N4 "$BATS_TEST_TMPDIR/one.pcap" | tr -d ' ')" = a1b2c3d4 ]
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/one.pcap")" -gt 60 ]
	ct net capture a eth0 >"$BATS_TEST_TMPDIR/two.pcap" &
	within 10 test -s "$BATS_TEST_TMPDIR/two.pcap"
	ct net remove a eth0
	wait $!
}

@test "firewall: what is not allowed does not arrive, answers do, and rules can be taken back" {
	new a --net routed --ip 198.51.100.30
	pings in_lan -- 198.51.100.30
	ct net allow a tcp/22 from 198.51.100.0/24
	fails in_host busybox ping -q -c 1 -W 1 198.51.100.30
	in_guest a ping -q -c 1 198.51.100.254
	ct net allow a icmp
	pings in_lan -- 198.51.100.30
	ct net forget a 2
	fails in_host busybox ping -q -c 1 -W 1 198.51.100.30
	ct net forget a --all
	pings in_lan -- 198.51.100.30
}
