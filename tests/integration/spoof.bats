# SPDX-License-Identifier: GPL-2.0-or-later
# Root in a guest sends what is not his to send, by raw sockets, and it does not arrive; the same frames arrive where the filter is off, so that it is the filter that stops them.
load lib
load world

setup_file() {
	world_up
	world_bridge
}

teardown_file() {
	world_down
}

BROADCAST=ff:ff:ff:ff:ff:ff
STRANGER=02:00:00:00:00:99

# The link-local address that follows from a MAC, as the kernel gives it to the guest.
local_of() {
	in_guest "$1" ip -6 addr show dev eth0 scope link | sed -n 's|.*inet6 \(fe80[^/]*\)/.*|\1|p'
}

# send_from NAME TOKEN KIND [KEY=VALUE...]
send_from() {
	in_guest "$1" /root/packet send eth0 "${@:2}"
}

# What an attacker at 192.0.2.10 and 2001:db8:2::10 tries on a bridge, one token each; NEIGHBOUR at .11 and ::11, the host at .1 and ::1.
BRIDGE_ATTACKS='ip4-stranger ip4-neighbour ip6-stranger ip6-link-local mac-ip4 mac-ip6 arp-gateway arp-neighbour arp-mac arp-probe-of-neighbour
na-gateway na-neighbour na-foreign-mac ns-from-gateway ra redirect6 redirect4 dhcp-server dhcp6-server tagged double-tagged-arp lldp pppoe own-ip-other-mac-in-na'

bridge_attacks() {
	local mac ll multi=33:33:00:00:00:01
	mac=$(mac_of "$1") ll=$(local_of "$1")
	local to="dmac=$BROADCAST"
	send_from "$1" ip4-stranger udp4 $to smac="$mac" src=192.0.2.99 dst=192.0.2.11
	send_from "$1" ip4-neighbour udp4 $to smac="$mac" src=192.0.2.11 dst=192.0.2.1
	send_from "$1" ip6-stranger udp6 $to smac="$mac" src=2001:db8:2::99 dst=2001:db8:2::11
	send_from "$1" ip6-link-local udp6 $to smac="$mac" src=fe80::1 dst=ff02::1
	send_from "$1" mac-ip4 udp4 $to smac="$STRANGER" src=192.0.2.10 dst=192.0.2.11
	send_from "$1" mac-ip6 udp6 $to smac="$STRANGER" src=2001:db8:2::10 dst=2001:db8:2::11
	send_from "$1" arp-gateway arp $to smac="$mac" spa=192.0.2.1 tpa=192.0.2.11
	send_from "$1" arp-neighbour arp $to smac="$mac" op=1 spa=192.0.2.11 tpa=192.0.2.11
	send_from "$1" arp-mac arp $to smac="$mac" sha="$STRANGER" spa=192.0.2.10 tpa=192.0.2.11
	send_from "$1" arp-probe-of-neighbour arp $to smac="$mac" op=1 spa=0.0.0.0 tpa=192.0.2.11
	send_from "$1" na-gateway icmp6 dmac=$multi smac="$mac" src=2001:db8:2::10 dst=ff02::1 type=136 flags=0x20000000 target=2001:db8:2::1 lladdr="$mac"
	send_from "$1" na-neighbour icmp6 dmac=$multi smac="$mac" src="$ll" dst=ff02::1 type=136 flags=0x20000000 target=2001:db8:2::11 lladdr="$mac"
	send_from "$1" na-foreign-mac icmp6 dmac=$multi smac="$STRANGER" src=2001:db8:2::10 dst=ff02::1 type=136 flags=0x20000000 target=2001:db8:2::10 lladdr="$STRANGER"
	send_from "$1" own-ip-other-mac-in-na icmp6 dmac=$multi smac="$mac" src=2001:db8:2::1 dst=ff02::1 type=136 flags=0x20000000 target=2001:db8:2::10 lladdr="$mac"
	send_from "$1" ns-from-gateway icmp6 dmac=$multi smac="$mac" src=2001:db8:2::1 dst=ff02::1 type=135 target=2001:db8:2::11 option=1 lladdr="$mac"
	send_from "$1" ra icmp6 dmac=$multi smac="$mac" src="$ll" dst=ff02::1 type=134
	send_from "$1" redirect6 icmp6 dmac=$multi smac="$mac" src="$ll" dst=ff02::1 type=137
	send_from "$1" redirect4 icmp4 $to smac="$mac" src=192.0.2.10 dst=192.0.2.11 type=5 code=1
	send_from "$1" dhcp-server udp4 $to smac="$mac" src=192.0.2.10 dst=255.255.255.255 sport=67 dport=68
	send_from "$1" dhcp6-server udp6 dmac=$multi smac="$mac" src="$ll" dst=ff02::1 sport=547 dport=546
	send_from "$1" tagged udp4 $to smac="$mac" vlan=7 src=192.0.2.10 dst=192.0.2.11
	send_from "$1" double-tagged-arp arp $to smac="$mac" vlan=1 spa=192.0.2.10 tpa=192.0.2.11
	send_from "$1" lldp raw $to smac="$mac" ethertype=0x88cc
	send_from "$1" pppoe raw $to smac="$mac" ethertype=0x8863
	send_from "$1" honest udp4 $to smac="$mac" src=192.0.2.10 dst=192.0.2.11
}

# arrivals WHERE... : which attacks of `a` come there, as words.
arrivals() {
	local counts tokens i
	read -ra tokens <<<"${BRIDGE_ATTACKS//$'\n'/ }"
	watch_begin "$@" honest "${tokens[@]}"
	bridge_attacks a
	read -ra counts < <(watch_end)
	[ ${#counts[@]} -eq ${#tokens[@]} ] || { echo "watched: ${counts[*]}" && return 1; }
	for i in "${!tokens[@]}"; do
		[ "${counts[i]}" -eq 0 ] || echo "${tokens[i]}"
	done
}

@test "bridge: nothing that is not its own leaves a guest, neither towards its neighbours nor to the host" {
	new a --bridge br0 --ip 192.0.2.10/24,2001:db8:2::10/64
	new b --bridge br0 --ip 192.0.2.11/24,2001:db8:2::11/64
	give_packet a
	give_packet b
	run -0 arrivals in_guest b -- eth0
	[ -z "$output" ]
	run -0 arrivals in_host -- br0
	[ -z "$output" ]
}

@test "bridge: what the filter stops arrives without it; by MAC only, addresses are not looked at" {
	new a --bridge br0 --ip 192.0.2.10/24,2001:db8:2::10/64 --filter none
	new b --bridge br0 --ip 192.0.2.11/24,2001:db8:2::11/64
	give_packet a
	give_packet b
	run -0 arrivals in_guest b -- eth0
	local token
	for token in ip4-stranger mac-ip4 arp-gateway arp-mac na-gateway ra redirect4 dhcp-server lldp; do
		grep -qx "$token" <<<"$output" || { echo "not there: $token" && return 1; }
	done
	ct set a --filter mac
	run -0 arrivals in_guest b -- eth0
	echo "arrived: $output"
	grep -qx ip4-stranger <<<"$output"
	run -1 grep -xE 'mac-ip4|mac-ip6|ra|dhcp-server|dhcp6-server' <<<"$output"
}

@test "routed: packets from others' addresses or MACs do not get to the wire, and neighbour tables are not poisoned" {
	local mac ll link to
	new a --ip 198.51.100.10,2001:db8:1::10
	new b --ip 198.51.100.11,2001:db8:1::11
	give_packet a
	mac=$(mac_of a) ll=$(local_of a)
	link=$(ct net list a --json | tr -d ' \n' | sed 's/.*"link":"\([^"]*\)".*/\1/')
	to=dmac=$(in_host cat /proc/net/arp >/dev/null && in_host ip -o link show "$link" | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/')
	watch_begin in_lan -- lan0 honest ip4-stranger ip4-neighbour ip4-host ip6-stranger ip6-neighbour mac-ip4 mac-ip6
	send_from a ip4-stranger udp4 "$to" smac="$mac" src=203.0.113.9 dst=198.51.100.254
	send_from a ip4-neighbour udp4 "$to" smac="$mac" src=198.51.100.11 dst=198.51.100.254
	send_from a ip4-host udp4 "$to" smac="$mac" src=198.51.100.1 dst=198.51.100.254
	send_from a ip6-stranger udp6 "$to" smac="$mac" src=2001:db8:9::9 dst=2001:db8:1::ff
	send_from a ip6-neighbour udp6 "$to" smac="$mac" src=2001:db8:1::11 dst=2001:db8:1::ff
	send_from a mac-ip4 udp4 "$to" smac="$STRANGER" src=198.51.100.10 dst=198.51.100.254
	send_from a mac-ip6 udp6 "$to" smac="$STRANGER" src=2001:db8:1::10 dst=2001:db8:1::ff
	send_from a honest udp4 "$to" smac="$mac" src=198.51.100.10 dst=198.51.100.254
	[ "$(watch_end)" = '0 0 0 0 0 0 0' ]
	# Claims to be somebody else, on its own link.
	send_from a claim arp "$to" smac="$mac" op=1 spa=198.51.100.11 tpa=169.254.1.1
	send_from a claim icmp6 "$to" smac="$mac" src="$ll" dst=fe80::1 type=136 flags=0x60000000 target=2001:db8:1::11 lladdr="$mac"
	send_from a claim icmp6 "$to" smac="$mac" src=2001:db8:1::11 dst=fe80::1 type=135 target=fe80::1 option=1 lladdr="$mac"
	in_guest a ping -c 1 -w $((5 * PATIENCE)) 198.51.100.1
	run -0 in_host ip neigh show dev "$link"
	[[ $output != *198.51.100.11* && $output != *2001:db8:1::11* ]]
}

@test "nat: guests cannot pretend to be each other or the gateway" {
	local a b mac
	new a --net nat
	new b --net nat
	give_packet a
	give_packet b
	mac=$(mac_of a)
	a=$(in_guest a ip -o -4 addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }')
	b=$(in_guest b ip -o -4 addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 }')
	watch_begin in_guest b -- eth0 honest ip4 arp
	send_from a ip4 udp4 dmac=$BROADCAST smac="$mac" src="$NETWORK.1" dst="$b"
	send_from a arp arp dmac=$BROADCAST smac="$mac" spa="$NETWORK.1" tpa="$b"
	send_from a honest udp4 dmac=$BROADCAST smac="$mac" src="$a" dst="$b"
	[ "$(watch_end)" = '0 0' ]
}

# counted NAME: frames that come to the lan of the 300 that it sends at once.
burst_of() {
	local to
	to=dmac=$(in_host ip -o link show "$(ct net list "$1" --json | tr -d ' \n' | sed 's/.*"link":"\([^"]*\)".*/\1/')" | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/')
	watch_begin in_lan -- lan0 "last-$2" "many-$2"
	send_from "$1" "many-$2" "$2" "$to" smac="$(mac_of "$1")" src=198.51.100.10 dst=198.51.100.254 count=300
	sleep 3 # what the limit lets through afterwards
	send_from "$1" "last-$2" "$2" "$to" smac="$(mac_of "$1")" src=198.51.100.10 dst=198.51.100.254
	watch_end
}

# arrive LEAST MOST KIND: so many of the burst.
arrive() {
	local n
	n=$(burst_of a "$3")
	echo "of 300 $3 arrived: $n, expected $1 to $2"
	[ "$n" -ge "$1" ] && [ "$n" -le "$2" ]
}

@test "floods: packets and new connections above a guest's limit are dropped at its link" {
	new a --ip 198.51.100.10
	give_packet a
	arrive 300 300 udp4
	arrive 300 300 syn4
	ct set a --connections 10
	arrive 300 300 udp4
	arrive 1 100 syn4
	ct set a --packets 20 --connections ''
	arrive 1 150 udp4
}
