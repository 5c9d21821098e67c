# SPDX-License-Identifier: GPL-2.0-or-later
# How guests are connected, seen from inside, from the host and from another machine on the wire.
load lib
load world

setup_file() {
	world_up
	world_bridge
}

teardown_file() {
	world_down
}

# The addresses that a guest's interface has, link-local ones aside.
inside_addresses() {
	in_guest "$1" ip -o addr show dev "$2" scope global | awk '{ print $4 }' | sort | paste -sd ' '
}

@test "routed: a link of its own, its addresses and a prefix, reached from the wire, with the host as its gateway" {
	local a
	new a --ip 198.51.100.10,2001:db8:1::10 --route 2001:db8:5::/64
	new b --ip 198.51.100.11,2001:db8:1::11
	[ "$(inside_addresses a eth0 | tr ' ' '\n' | grep -c -e '^198.51.100.10/32$' -e '^2001:db8:1::10/128$')" -eq 2 ]
	for a in 198.51.100.1 198.51.100.254 198.51.100.11 2001:db8:1::1 2001:db8:1::ff 2001:db8:1::11; do
		pings in_guest a -- "$a"
	done
	for a in 198.51.100.10 2001:db8:1::10; do
		pings in_host -- "$a"
		pings in_lan -- "$a"
	done
	# The prefix: any address of it that the guest takes, without a word to the host.
	in_lan ip -6 route replace 2001:db8:5::/64 via 2001:db8:1::1
	in_guest a ip addr add 2001:db8:5::77/128 dev eth0
	pings in_lan -- 2001:db8:5::77
}

@test "bridge: a port of a given bridge, with its own addresses and gateway" {
	new a --bridge br0 --ip 192.0.2.10/24,2001:db8:2::10/64
	new b --bridge br0 --ip 192.0.2.11/24,2001:db8:2::11/64 --gateway 192.0.2.1,2001:db8:2::1
	local x
	for x in 192.0.2.1 192.0.2.11 2001:db8:2::1 2001:db8:2::11; do
		pings in_guest a -- "$x"
	done
	in_guest b ip route | grep -q '^default via 192.0.2.1 '
	in_guest b ip -6 route | grep -q '^default via 2001:db8:2::1 '
	[ "$(in_guest a sh -c 'ip route; ip -6 route' | grep -c ^default)" -eq 0 ]
}

@test "bridge: a guest sees nothing of what its neighbours say to each other" {
	new a --bridge br0 --ip 192.0.2.10/24
	new b --bridge br0 --ip 192.0.2.11/24
	new c --bridge br0 --ip 192.0.2.12/24
	give_packet a
	give_packet c
	local mac_b mac_c
	mac_b=$(mac_of b)
	mac_c=$(mac_of c)
	watch_begin in_guest c -- eth0 honest secret stranger
	in_guest a /root/packet send eth0 secret udp4 dmac="$mac_b" smac="$(mac_of a)" src=192.0.2.10 dst=192.0.2.11
	# To a MAC that nobody has: a bridge would flood it.
	in_guest a /root/packet send eth0 stranger udp4 dmac=02:00:00:00:00:99 smac="$(mac_of a)" src=192.0.2.10 dst=192.0.2.99
	in_guest a /root/packet send eth0 honest udp4 dmac="$mac_c" smac="$(mac_of a)" src=192.0.2.10 dst=192.0.2.12
	run -0 watch_end
	[ "$output" = '0 0' ]
}

@test "bridge: guests in different VLANs of one bridge do not hear each other, those in one do" {
	needs bridge_vlans
	in_host ip link set br0 type bridge vlan_filtering 1
	new a --bridge br0 --vlan 10 --ip 192.0.2.10/24
	new b --bridge br0 --vlan 10 --ip 192.0.2.11/24
	new c --bridge br0 --vlan 20 --ip 192.0.2.12/24
	pings in_guest a -- 192.0.2.11
	is_silent in_guest a -- 192.0.2.12
	is_silent in_guest a -- 192.0.2.1
}

@test "nat: an address of the pool, the way out, and no way in but published ports" {
	new a --net nat
	new b --net nat
	local a b x
	read -ra a < <(addresses_of a)
	read -ra b < <(addresses_of b)
	[ "${#a[@]}" -eq 2 ] && [ "${a[0]}" != "${b[0]}" ] && [ "${a[1]}" != "${b[1]}" ]
	for x in 198.51.100.254 2001:db8:1::ff "${b[0]}" "${b[1]}"; do
		pings in_guest a -- "$x"
	done
	in_lan ip route replace "${a[0]}" via 198.51.100.1
	is_silent in_lan -- "${a[0]}"
	# Addresses stay over a restart.
	ct -q restart a
	[ "$(addresses_of a)" = "${a[*]}" ]
	pings in_guest a -- 198.51.100.254
}

@test "macvlan: on the host's wire, as a machine beside it" {
	new a --net macvlan --parent up0 --filter none --ip 198.51.100.20/24,2001:db8:1::20/64
	pings in_guest a -- 198.51.100.254
	pings in_guest a -- 2001:db8:1::ff
	pings in_lan -- 198.51.100.20
}

@test "without a network a guest has its loopback" {
	new a --net none
	pings in_guest a -- 127.0.0.1
	[ "$(in_guest a ls /sys/class/net)" = lo ]
}

@test "interfaces come and go while the guest runs, and what others are doing goes on" {
	new a --ip 198.51.100.10
	in_guest a sh -c 'nohup ping 198.51.100.254 >/tmp/pings 2>&1 &'
	ct net add a eth1 --bridge br0 --ip 192.0.2.10/24
	ct net add a eth2 --net nat
	pings in_guest a -- 192.0.2.1
	[ "$(in_guest a ls /sys/class/net | tr '\n' ' ')" = 'eth0 eth1 eth2 lo ' ]
	ct -q restart a
	pings in_guest a -- 192.0.2.1
	pings in_guest a -- 198.51.100.254
	ct net remove a eth1
	ct net remove a eth2
	[ "$(in_guest a ls /sys/class/net | tr '\n' ' ')" = 'eth0 lo ' ]
	pings in_guest a -- 198.51.100.254
	# And while it is stopped.
	ct -q stop a --kill
	ct net add a eth1 --bridge br0 --ip 192.0.2.10/24
	ct -q start a
	pings in_guest a -- 192.0.2.1
}

@test "an address changes while the guest runs: the old one is nobody's, the new one is reached" {
	new a --ip 198.51.100.10,2001:db8:1::10
	ct set a --ip 198.51.100.12,2001:db8:1::12
	pings in_lan -- 198.51.100.12
	pings in_lan -- 2001:db8:1::12
	is_silent in_lan -- 198.51.100.10
	new b --ip 198.51.100.10
	pings in_lan -- 198.51.100.10
}

@test "neighbours on the wire are told at a start who has an address" {
	local want
	new a --ip 198.51.100.10
	# Somebody else had it before.
	in_lan ip neigh replace 198.51.100.10 lladdr 02:00:00:00:00:99 dev lan0 nud stale
	ct -q restart a
	want=$(in_host cat /proc/net/dev >/dev/null && in_host ip -o link show up0 | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/')
	within 5 has_neighbour 198.51.100.10 "$want"
}

has_neighbour() {
	in_lan ip neigh show "$1" | grep -q "$2"
}

@test "two guests never get one address: not by hand, not from a pool, not at once, not if a stranger on the wire has it" {
	new a --ip 198.51.100.10 --route 2001:db8:5::/64
	refuse 78 ct -q create b micro --ip 198.51.100.10 says 198.51.100.10 "'a'"
	refuse 78 ct -q create b micro --ip 2001:db8:5::9 says 2001:db8:5::9
	in_lan ip addr add 198.51.100.30/24 dev lan0
	refuse 78 ct -q create b micro --ip 198.51.100.30 says 198.51.100.30
	in_lan ip addr del 198.51.100.30/24 dev lan0
	ct net pool create small --range 198.51.100.40-198.51.100.41 --net routed
	new b --net-pool small
	new c --net-pool small
	[ "$(addresses_of b)" != "$(addresses_of c)" ]
	refuse 5 ct -q create d micro --net-pool small says small
	ct -q destroy --force b
	new d --net-pool small
	ct -q destroy --force c
	ct -q destroy --force d
	ct net pool remove small
}
