# SPDX-License-Identifier: GPL-2.0-or-later
# What is asked wrongly of the network, and what the host has not: each with its own exit status, one line that names the thing, and nothing half-made (lib.bash compares).
load lib
load world
load counts

setup_file() {
	world_up
	world_bridge
}

teardown_file() {
	world_down
}

# bad_create STATUS OPTION... says TEXT...: of a guest that is not there afterwards.
bad_create() {
	local status=$1
	shift
	refuse "$status" ct -q create g1 micro "$@"
	[ ! -e "$GUESTS/g1" ]
}

# on_other_host SCRIPT COMMAND...: with a network that has nothing but itself, and without what the script takes away.
on_other_host() {
	unshare --net --mount --propagation private sh -ec "ip link set lo up; $1; exec \"\$@\"" sh "${@:2}"
}

@test "an address that a guest has, or that lies in a network routed to it" {
	ct -q create a micro --ip 198.51.100.10,2001:db8:1::10 --route 2001:db8:5::/64
	bad_create 78 --ip 198.51.100.10 says 198.51.100.10 "'a'"
	bad_create 78 --ip 2001:db8:1:0::10 says 2001:db8:1::10 "'a'"
	bad_create 78 --ip 198.51.100.11,198.51.100.10 says 198.51.100.10 "'a'"
	bad_create 78 --bridge br0 --ip 198.51.100.10/24 says 198.51.100.10 "'a'"
	bad_create 78 --ip 2001:db8:5::9 says 2001:db8:5::9 "'a'"
	bad_create 78 --ip 198.51.100.11 --route 2001:db8::/32 says 2001:db8::/32 "'a'"
	bad_create 78 --ip 198.51.100.11 --route 2001:db8:5:0:1::/80 says 2001:db8:5:0:1::/80 2001:db8:5::/64 "'a'"
	ct -q create b micro --net none
	refuse 78 ct net add b eth1 --ip 198.51.100.10 says 198.51.100.10 "'a'"
	refuse 78 ct set b --ip 198.51.100.10 --net routed says 198.51.100.10 "'a'"
	# What was refused is free for others.
	new c --ip 198.51.100.11
	pings in_lan -- 198.51.100.11
}

@test "an address that a stranger on the wire has" {
	in_lan ip addr add 198.51.100.30/24 dev lan0
	in_lan ip addr add 2001:db8:1::30/64 dev lan0 nodad
	bad_create 78 --ip 198.51.100.30 says 198.51.100.30 'another machine'
	bad_create 78 --ip 2001:db8:1::30 says 2001:db8:1::30 'another machine'
	bad_create 78 --parent up0 --filter none --ip 198.51.100.30/24 says 198.51.100.30 'another machine'
	in_lan ip addr del 198.51.100.30/24 dev lan0
	in_lan ip addr del 2001:db8:1::30/64 dev lan0
	new g1 --ip 198.51.100.30
	pings in_lan -- 198.51.100.30
}

@test "an address of the host itself: at create, at a change, and if the host got it meanwhile" {
	bad_create 78 --ip 198.51.100.1 says 198.51.100.1 host
	bad_create 78 --ip 2001:db8:1::1 says 2001:db8:1::1 host
	bad_create 78 --bridge br0 --ip 192.0.2.1/24 says 192.0.2.1 host
	bad_create 78 --ip 198.51.100.255 says 198.51.100.255 host
	new a --ip 198.51.100.10
	refuse 78 ct set a --ip 198.51.100.1 says 198.51.100.1 host
	refuse 78 ct net add a eth1 --bridge br0 --ip 192.0.2.1/24 says 192.0.2.1 host
	pings in_lan -- 198.51.100.10
	[ "$(in_guest a ls /sys/class/net | tr '\n' ' ')" = 'eth0 lo ' ]
	ct -q kill a
	in_host ip addr add 198.51.100.10/32 dev lo
	refuse 78 ct start a says 198.51.100.10 host
	[ "$(state a)" = stopped ]
	in_host ip addr del 198.51.100.10/32 dev lo
	ct start a
}

@test "pools: broken ones, addresses outside of them or their gateways, none free, and none of that name" {
	refuse 21 ct net pool create p --range 198.51.100.41-198.51.100.40 says 198.51.100.41
	refuse 21 ct net pool create p --range 198.51.100.40-2001:db8::1 says 2001:db8::1
	refuse 21 ct net pool create p --range 198.51.100.0/33 says 198.51.100.0/33
	refuse 21 ct net pool create p --range nowhere says nowhere
	refuse 21 ct net pool create ../p --range 198.51.100.40-198.51.100.41 says ../p
	refuse 20 ct net pool create p says range
	refuse 21 ct net pool create p --net bridge --range 198.51.100.40-198.51.100.41 says bridge
	refuse 111 ct net pool create default --range 198.51.100.40-198.51.100.41 says default
	ct net pool create small --range 198.51.100.40-198.51.100.41 --net routed
	refuse 111 ct net pool create small --range 203.0.113.0/24 says small
	refuse 78 ct net pool create other --range 198.51.100.41-198.51.100.50 says 198.51.100.41 small
	bad_create 21 --net-pool small --ip 198.51.100.42 says 198.51.100.42 small
	bad_create 21 --net nat --ip 192.168.77.1 says 192.168.77.1 default
	bad_create 21 --net nat --ip "$NETWORK.1" says "$NETWORK.1" gateway
	bad_create 110 --net-pool nope says nope
	bad_create 21 --net-pool small --net bridge says small
	new a --net-pool small
	new b --net-pool small
	refuse 5 ct create g1 micro --net-pool small says small
	refuse 21 ct net add a eth1 --net-pool small says routed eth0
	refuse 78 ct net pool remove small says small
	refuse 110 ct net pool remove nope says nope
	refuse 110 ct net pool show nope says nope
	ct -q destroy --force a
	ct -q destroy --force b
	ct net pool remove small
	[ ! -e "$CTCTL_PREFIX/lib/netpools/p.conf" ] && [ ! -e "$CTCTL_PREFIX/lib/netpools/other.conf" ]
}

@test "addresses that are none, and prefixes that are broken or missing" {
	local text
	for text in 198.51.100.10/33 198.51.100.10/ 198.51.100.10/x 198.51.100.300 198.51.100 2001:db8::1/129 2001:db8::g 198.51.100.10/-1 fe80::1%up0 198.51.100.010; do
		bad_create 21 --ip "$text" says ip "$text"
	done
	for text in 0.0.0.0 127.0.0.1 224.0.0.1 255.255.255.255 :: ::1 ff02::1 169.254.1.1; do
		bad_create 21 --ip "$text" says "$text"
	done
	bad_create 21 --bridge br0 --ip 192.0.2.10 says 192.0.2.10 192.0.2.10/24
	bad_create 21 --bridge br0 --ip 192.0.2.0/24 says 192.0.2.0
	bad_create 21 --bridge br0 --ip 192.0.2.255/24 says 192.0.2.255
	bad_create 21 --parent up0 --filter none --ip 198.51.100.20 says 198.51.100.20/24
	bad_create 21 --ip 198.51.100.10,198.51.100.10 says 198.51.100.10 twice
	for text in 2001:db8:5::1/64 2001:db8:5::/129 2001:db8:5:: 0.0.0.0/0 ::/0 224.0.0.0/24 fe80::/64 nowhere/64; do
		bad_create 21 --ip 198.51.100.10 --route "$text" says route "$text"
	done
	bad_create 21 --net nat --route 2001:db8:5::/64 says route nat
}

@test "gateways: of the wrong family, out of reach, two of one family, or where it is the host" {
	bad_create 21 --bridge br0 --ip 192.0.2.10/24 --gateway 2001:db8:2::1 says gateway 2001:db8:2::1 'no IPv6 address'
	bad_create 21 --bridge br0 --ip 2001:db8:2::10/64 --gateway 192.0.2.1 says gateway 192.0.2.1 'no IPv4 address'
	bad_create 21 --bridge br0 --ip 192.0.2.10/24 --gateway 203.0.113.1 says gateway 203.0.113.1 network
	bad_create 21 --bridge br0 --ip 192.0.2.10/24 --gateway 192.0.2.1,192.0.2.2 says gateway family
	bad_create 21 --bridge br0 --ip 192.0.2.10/24 --gateway 192.0.2.1/24 says gateway 192.0.2.1/24
	bad_create 21 --gateway 192.0.2.1 says gateway --net
	bad_create 21 --ip 198.51.100.10 --gateway 198.51.100.254 says gateway 169.254.1.1
}

@test "a bridge that is missing, is none, or went meanwhile" {
	bad_create 104 --bridge br9 --ip 192.0.2.10/24 says br9
	bad_create 104 --bridge up0 --ip 192.0.2.10/24 says up0 bridge
	bad_create 21 --bridge br0 says --ip --filter
	bad_create 21 --net routed --bridge br0 --ip 192.0.2.10 says bridge routed
	in_host ip link add br1 type bridge
	ct -q create a micro --bridge br1 --ip 203.0.113.10/24
	in_host ip link delete br1
	refuse 104 ct start a says a: br1
	[ "$(state a)" = stopped ]
	in_host ip link add br1 type bridge
	ct start a
	in_host ip link delete br1
	ct -q kill a
}

@test "the bridge of nat has the name of something else, and so has the table of the filter" {
	ct -q create a micro --net nat
	local before
	before=$(in_host ip -o link show "$BRIDGE" 2>/dev/null | wc -l)
	[ "$before" -eq 0 ] || in_host ip link delete "$BRIDGE"
	in_host ip link add "$BRIDGE" type veth peer name other
	refuse 104 ct start a says "$BRIDGE" bridge
	in_host ip link delete "$BRIDGE"
	ct start a
	ct -q kill a
	refuse 104 on_other_host "nft add table inet $NFT_TABLE" "$CTCTL" start a says "$NFT_TABLE"
	[ "$(state a)" = stopped ]
}

@test "names of interfaces that are too long, or no names" {
	ct -q create a micro --net none
	local name
	for name in abcdefghijklmnop lo all default 'a b' 0eth eth/0 a.b '' ../x; do
		refuse 21 ct net add a "$name" --net nat says "'$name'"
	done
	for name in abcdefghijklmnop 'a b' a/b . ..; do
		bad_create 21 --bridge "$name" --ip 192.0.2.10/24 says bridge "'$name'"
		bad_create 21 --parent "$name" --filter none --ip 192.0.2.10/24 says parent "'$name'"
	done
	refuse 21 ct net pool create "$(printf 'p%.0s' {1..64})" --range 203.0.113.0/24 says pool
	ct net add a abcdefghijklmno --net nat
	[ "$(grep -c '^\[' "$GUESTS/a/guest.conf")" -eq 2 ]
}

@test "modes that there are not, and settings that a mode cannot have" {
	bad_create 21 --net bridged says net bridged routed
	bad_create 21 --net routed says routed --ip
	bad_create 21 --net nat --vlan 5 says vlan nat
	bad_create 21 --net nat --parent up0 says parent nat
	bad_create 21 --ip 198.51.100.10 --publish 8080:80 says publish routed
	bad_create 21 --net macvlan --filter none says parent
	bad_create 21 --parent up0 --ip 198.51.100.20/24 says '--filter none'
	bad_create 21 --parent up0 --ip 198.51.100.20/24 --filter mac says '--filter none'
	bad_create 104 --parent up9 --ip 198.51.100.20/24 --filter none says up9
	bad_create 21 --parent up0 --ip 198.51.100.20/24 --filter none --rate-out 10M says rate-out macvlan
	bad_create 21 --parent up0 --ip 198.51.100.20/24 --filter none --quota 1G says quota macvlan
	bad_create 21 --net nat --filter some says filter some
	bad_create 21 --net nat --mac 02:00:00:00:00 says mac 02:00:00:00:00
	bad_create 21 --net nat --mac 01:00:5e:00:00:01 says mac 01:00:5e:00:00:01
	bad_create 21 --net nat --mtu 100 says mtu 100 576
	bad_create 21 --ip 2001:db8:1::10 --mtu 1000 says mtu 1280
	bad_create 21 --net nat --rate-out 12x says rate-out 12x
	bad_create 21 --net nat --rate-out 1 says rate-out
	bad_create 21 --net nat --quota 1 says quota
	bad_create 21 --net nat --quota-action shout says quota-action shout
	bad_create 21 --net nat --packets many says packets many
	bad_create 21 --net nat --connections -1 says connections -1
}

@test "VLANs: no number, and bridges that have none" {
	local text
	for text in 0 4095 x -1; do
		bad_create 21 --bridge br0 --ip 192.0.2.10/24 --vlan "$text" says vlan "'$text'" 4094
	done
	local status=104
	[ -z "$(lacks_bridge_vlans)" ] || status=4
	ct -q create a micro --bridge br0 --ip 192.0.2.10/24 --vlan 5
	refuse "$status" ct start a says a: 'VLAN 5'
	[ "$(state a)" = stopped ]
	ct set a --vlan ''
	ct start a
	refuse "$status" ct set a --vlan 5 says 'VLAN 5'
	pings in_guest a -- 192.0.2.1
}

@test "published ports: none, twice in a guest, another guest's" {
	local text
	for text in 8080 0:80 80:0 65536:80 80:80/sctp x:80 1.2.3:80:80 80:80:80 :80; do
		bad_create 21 --net nat --publish "$text" says publish "$text"
	done
	bad_create 21 --net nat --publish 8080:80,8080:81 says 8080 twice
	bad_create 21 --net nat --publish 8080:80,198.51.100.1:8080:81 says 8080 twice
	new a --net nat --publish 8080:80,8081:80/udp
	ct -q create b micro --net nat --publish 8080:80
	refuse 78 ct start b says b: 8080
	[ "$(state b)" = stopped ]
	ct set b --publish 8081:80
	ct start b
	refuse 78 ct set b --publish 8081:80,8081:80/udp says b: 8081 "guest 'a'"
	pings in_guest b -- 198.51.100.254
}

@test "a published port on which the host listens is told of at create, set and net add, and once" {
	local ready=$BATS_TEST_TMPDIR/ready warning='this host itself listens at 0.0.0.0, port 22/tcp'
	behind host perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(LocalPort => 22, Listen => 1) or die; open my $r, ">", shift; sleep' "$ready"
	within 10 test -e "$ready"
	run -0 --separate-stderr ct create a micro --net nat --publish 22:22
	[[ $stderr == *"guest 'a': eth0: $warning"* ]]
	run -0 --separate-stderr ct set a --publish 22:22 --rate-out 1M
	[[ $stderr != *listens* ]]
	run -0 --separate-stderr ct set a --publish 22:2222
	[[ $stderr == *"guest 'a': eth0: $warning"* ]]
	run -0 --separate-stderr ct net add a eth1 --net nat --publish 8022:22
	[[ $stderr != *listens* ]]
	run -0 --separate-stderr ct net set a eth1 --publish 22:22/udp
	[[ $stderr != *listens* ]]
	kill "$behind"
}

@test "interfaces: two of one name, one that is not there, and more than 16" {
	local i
	ct -q create a micro --net nat
	refuse 111 ct net add a eth0 --net nat says a: eth0
	refuse 21 ct net set a eth1 --rate-out 10M says eth1
	refuse 21 ct net remove a eth1 says eth1
	refuse 13 ct net add nobody eth1 --net nat says nobody
	refuse 13 ct net show nobody says nobody
	refuse 20 ct net add a says INTERFACE
	refuse 21 ct net add a eth1 --net bridge --ip "$NETWORK.3" says eth1
	for i in {1..15}; do
		printf '[eth%d]\nnet = none\n' "$i" >>"$GUESTS/a/guest.conf"
	done
	refuse 21 ct net add a eth16 --net nat says 16
	[ "$(grep -c '^\[' "$GUESTS/a/guest.conf")" -eq 16 ]
	printf '[eth16]\nnet = none\n' >>"$GUESTS/a/guest.conf"
	refuse 85 ct start a says guest.conf 16
}

@test "rules of a guest's firewall that are none" {
	local rule
	new a --net nat
	for rule in tcp/0 tcp/65536 tcp/90-80 sctp/5 frob icmp/8 tcp/x 'tcp/22 from nowhere' 'tcp/22 from 192.0.2.1/33' 'tcp/22 from' 'tcp/22 to 192.0.2.1' 'any/5'; do
		# shellcheck disable=SC2086
		refuse 21 ct net allow a $rule says rule "${rule##* }"
	done
	refuse 20 ct net allow a says RULE
	refuse 13 ct net allow nobody tcp/22 says nobody
	refuse 21 ct net allow a tcp/22 --interface eth7 says eth7
	[ -z "$(ct net rules a -q | grep tcp)" ]
	! in_host nft list ruleset | grep -q 'rules-ct'
}

@test "a guest.conf whose sections are broken by hand is 85, with its line; list goes on" {
	local keep=$BATS_TEST_TMPDIR/conf bad
	ct -q create g1 micro --net nat
	ct -q create g2 micro
	cp "$GUESTS/g1/guest.conf" "$keep"
	for bad in '[lo]\nnet = nat' '[eth 1]\nnet = nat' '[abcdefghijklmnop]\nnet = nat' '[]\nnet = nat' '[eth1]\nnet = bridged' '[eth1]\nnet = routed\nip = nowhere' \
		'[eth1]\nnet = nat\nslot = 99' '[eth1]\nnet = nat\nslot = 0' '[eth1]\nnet = bridge\nvlan = 4095' '[eth1]\nnet = nat\npublish = 80' '[eth1]\nnet = nat\nrules = frob' \
		'[eth1]\nnet = nat\nrate-out = fast' '[eth1\nnet = nat'; do
		{ cat "$keep" && printf '\n%b\n' "$bad"; } >"$GUESTS/g1/guest.conf"
		refuse 85 ct start g1 says "$GUESTS/g1/guest.conf"
		[[ $stderr == *' line '* || $stderr == *'slot 0 is that of'* ]]
		refuse 85 ct net set g1 eth0 --rate-out 10M says "$GUESTS/g1/guest.conf"
		run -0 --separate-stderr ct list
		[[ $output == *'g1   broken'* && $output == *'g2   stopped'* ]]
	done
	# Each line is right, but not all of them together.
	for bad in 'net = routed' 'net = nat\nvlan = 5' 'net = macvlan\nfilter = none' 'rate-out = 10M' 'net = bridge\nbridge = br0\nip = 192.0.2.10/24\ngateway = 203.0.113.1'; do
		{ cat "$keep" && printf '\n[eth1]\n%b\n' "$bad"; } >"$GUESTS/g1/guest.conf"
		refuse 21 ct start g1 says g1: eth1:
		[ "$(state g1)" = stopped ]
	done
	cp "$keep" "$GUESTS/g1/guest.conf"
	ct start g1
}

@test "a ctctl.conf and a pool's file that are broken by hand are 85, with their line" {
	local other=$BATS_TEST_TMPDIR/other bad pool=$CTCTL_PREFIX/lib/netpools/small.conf
	mkdir -p "$other/etc"
	for bad in 'bridge = abcdefghijklmnop' 'bridge-address = nowhere' 'bridge-address = 10.1.1.1' 'bridge-address = 10.1.1.0/24' 'bridge-address6 = 10.1.1.1/24' \
		'default-net = bridged' 'default-net = macvlan' 'uplink = a/b' 'local-networks = here' 'forwarding = perhaps'; do
		echo "$bad" >"$other/etc/ctctl.conf"
		refuse 85 ct --prefix "$other" list says "$other/etc/ctctl.conf line 1: ${bad%% *}"
	done
	ct net pool create small --range 203.0.113.5-203.0.113.6
	cp "$pool" "$BATS_TEST_TMPDIR/pool"
	for bad in 'range = nowhere' 'range = 203.0.113.9-203.0.113.1' 'net = bridged' 'gateway = 1.2.3' 'bridge = abcdefghijklmnop'; do
		{ cat "$BATS_TEST_TMPDIR/pool" && echo "$bad"; } >"$pool"
		bad_create 85 --net-pool small says "$pool line" "${bad%% *}"
		refuse 85 ct net pool list says "$pool line" "${bad%% *}"
	done
	cp "$BATS_TEST_TMPDIR/pool" "$pool"
	ct net pool remove small
}

@test "an uplink that the host has not, and a MAC address that is on the bridge already" {
	ct -q create a micro --ip 198.51.100.10
	echo 'uplink = up9' >>"$CTCTL_PREFIX/etc/ctctl.conf"
	refuse 104 ct start a says a: "'up9'" uplink
	run -0 ct doctor
	[[ $output == *'uplink = up9'* ]]
	sed -i '/^uplink = up9$/d' "$CTCTL_PREFIX/etc/ctctl.conf"
	ct start a
	new b --bridge br0 --ip 192.0.2.10/24 --mac 02:00:00:00:00:09
	ct -q create c micro --bridge br0 --ip 192.0.2.11/24 --mac 02:00:00:00:00:09
	refuse 78 ct start c says c: 02:00:00:00:00:09 br0
	pings in_guest b -- 192.0.2.1
}

@test "without libnftables no guest with a network starts, and it is said what to install" {
	local lib
	lib=$(readlink -f "$(ldconfig -p | awk '$1 == "libnftables.so.1" { print $NF; exit }')")
	ct -q create a micro --net nat
	ct -q create b micro --net none
	refuse 4 on_other_host "mount --bind /dev/null '$lib'" "$CTCTL" start a says a: libnftables.so.1 'apt-get install libnftables1'
	[ "$(state a)" = stopped ]
	# Without a network there is nothing to filter.
	on_other_host "mount --bind /dev/null '$lib'" "$CTCTL" start b
	[ "$(state b)" = running ]
}

# As on a kernel without netfilter: a socket of it is EPROTONOSUPPORT (seccomp(2): the numbers are those of socket() and prctl()).
WITHOUT_NETFILTER=(perl -e 'my ($socket, $prctl) = `uname -m` =~ /^aarch64/ ? (198, 167) : (41, 157);
		my @code = ([0x20, 0, 0, 0], [0x15, 0, 5, $socket], [0x20, 0, 0, 16], [0x15, 0, 3, 16], [0x20, 0, 0, 32], [0x15, 0, 1, 12], [0x06, 0, 0, 0x00050000 + 93],
			[0x06, 0, 0, 0x7fff0000]);
		my $filter = join "", map { pack "S C C L", @$_ } @code;
		syscall($prctl, 22, 2, pack("S x6 P", scalar @code, $filter)) == 0 or die "seccomp: $!";
		exec @ARGV or die "exec: $!"')

@test "on a kernel without nftables no guest with a network starts, and nothing is left of the try" {
	ct -q create a micro --net nat
	refuse 4 on_other_host : "${WITHOUT_NETFILTER[@]}" "$CTCTL" start a says a: nf_tables
	[ "$(state a)" = stopped ]
	new b --ip 198.51.100.10
	run -4 --separate-stderr in_host "${WITHOUT_NETFILTER[@]}" "$CTCTL" net add b eth1 --net nat
	[[ $stderr == *"'b'"*nf_tables* ]]
	pings in_lan -- 198.51.100.10
	[ "$(in_guest b ls /sys/class/net | tr '\n' ' ')" = 'eth0 lo ' ]
}

@test "root without the right to change networks is 11" {
	ct -q create a micro --net nat
	refuse 11 on_other_host : setpriv --bounding-set=-net_admin --inh-caps=-net_admin "$CTCTL" start a says a: CAP_NET_ADMIN
	[ "$(state a)" = stopped ]
}

NO_IPV6='echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6'

@test "on a host without IPv6 such addresses are refused, and nat does without" {
	refuse 4 on_other_host "$NO_IPV6" "$CTCTL" create g1 micro --ip 2001:db8:1::10 says 2001:db8:1::10 IPv6
	ct -q create a micro --ip 2001:db8:1::10
	refuse 4 on_other_host "$NO_IPV6" "$CTCTL" start a says a: 2001:db8:1::10 IPv6
	[ "$(state a)" = stopped ]
	on_other_host "$NO_IPV6" "$CTCTL" create b micro --net nat --start
	[ "$(in_guest b ip -4 -o addr show dev eth0 | wc -l)" -eq 1 ]
	ct -q kill b
}

@test "a host that does not forward and may not be made to is said so" {
	sed -i 's/^forwarding = yes$/forwarding = no/' "$CTCTL_PREFIX/etc/ctctl.conf"
	ct -q create a micro --net nat
	refuse 104 on_other_host : "$CTCTL" start a says a: forward 'forwarding = no'
	sed -i 's/^forwarding = no$/forwarding = yes/' "$CTCTL_PREFIX/etc/ctctl.conf"
	[ "$(state a)" = stopped ]
}

@test "a change that is refused leaves a running guest as it was" {
	new a --ip 198.51.100.10
	cp "$GUESTS/a/guest.conf" "$BATS_TEST_TMPDIR/conf"
	in_guest a sh -c 'ip addr; ip route' >"$BATS_TEST_TMPDIR/inside"
	refuse 78 ct set a --ip 198.51.100.11,198.51.100.1 --rate-out 10M says 198.51.100.1
	refuse 104 ct set a --net bridge --bridge br9 --ip 192.0.2.10/24 says br9
	refuse 104 ct net add a eth1 --bridge br9 --ip 192.0.2.10/24 says br9
	refuse 21 ct net set a eth0 --mtu 100 says mtu
	cmp "$GUESTS/a/guest.conf" "$BATS_TEST_TMPDIR/conf"
	in_guest a sh -c 'ip addr; ip route' | cmp - "$BATS_TEST_TMPDIR/inside"
	pings in_lan -- 198.51.100.10
}
