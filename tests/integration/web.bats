# SPDX-License-Identifier: GPL-2.0-or-later
# Two stock Debian guests as their owners use them: they serve and fetch over HTTP, from each other, from the host and from another machine, in each mode and both families.
# The two are up before the first test and after the last one: each test connects them in another way, while they run.
#
# needs template debian-12
# needs template debian-13
load lib
load debian
load world
load mirror

setup_file() {
	# A bridge with the outside, as many a provider has it.
	world_up br0
	serve in_host -- 8080 host
	serve in_lan -- 8080 lan
	ct -q create d12 debian-12 --start --net none
	ct -q create d13 debian-13 --start --net none
	come_up d12
	come_up d13
	serve in_guest d12 -- 80 d12
	serve in_guest d13 -- 80 d13
}

setup() {
	:
}

# A system that was connected in another way has no failed unit after it.
teardown() {
	come_up d12
	come_up d13
}

teardown_file() {
	remove_guests
	end_relay
	world_down
}

# serve WHERE... -- PORT NAME: the server, ready; who asks it gets NAME back.
serve() {
	local where=()
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	"${where[@]}" rm -f "/tmp/httpd.$2"
	"${where[@]}" perl -e "$HTTPD" "$2" "$3" >/dev/null 2>&1 3>&- &
	within 20 "${where[@]}" test -e "/tmp/httpd.$2"
}

# connect OPTIONS-12 OPTIONS-13: after a moment without any network.
connect() {
	local none=(--net none --ip '' --net-pool '' --gateway '' --bridge '' --parent '' --filter '' --publish '')
	ct -q set d12 "${none[@]}"
	ct -q set d13 "${none[@]}"
	# shellcheck disable=SC2086
	ct -q set d12 $1
	# shellcheck disable=SC2086
	ct -q set d13 $2
}

# one ADDRESS NAME FROM...: what FROM fetches there is of NAME.
one() {
	local host=$1 name=$2 got
	shift 2
	[[ $host != *:* ]] || host=[$host]
	got=$(fetch "$@" -- "http://$host${port:-}/")
	[[ $got == "$name for "* ]] || {
		echo "$* at $host: got '$got', expected $name"
		return 1
	}
}

# all_ways ADDRESS4-12 ADDRESS6-12 ADDRESS4-13 ADDRESS6-13: each fetches from the other and from the host, the host from both.
all_ways() {
	local a
	for a in "$1" "$2"; do
		one "$a" d12 in_guest d13
		one "$a" d12 in_host
	done
	for a in "$3" "$4"; do
		one "$a" d13 in_guest d12
		one "$a" d13 in_host
	done
	for a in 198.51.100.1 2001:db8:1::1; do
		port=:8080 one "$a" host in_guest d12
		port=:8080 one "$a" host in_guest d13
	done
}

# To another machine on the wire and back.
with_lan() {
	local a
	for a in 198.51.100.254 2001:db8:1::ff; do
		port=:8080 one "$a" lan in_guest d12
		port=:8080 one "$a" lan in_guest d13
	done
}

from_lan() {
	one "$1" d12 in_lan
	one "$2" d12 in_lan
	one "$3" d13 in_lan
	one "$4" d13 in_lan
}

@test "routed: two Debian guests, the host and another machine fetch from each other over IPv4 and IPv6" {
	connect '--net routed --ip 198.51.100.12,2001:db8:1::12' '--net routed --ip 198.51.100.13,2001:db8:1::13'
	all_ways 198.51.100.12 2001:db8:1::12 198.51.100.13 2001:db8:1::13
	with_lan
	from_lan 198.51.100.12 2001:db8:1::12 198.51.100.13 2001:db8:1::13
}

@test "bridge: two Debian guests, the host and another machine fetch from each other over IPv4 and IPv6" {
	local gw='--gateway 198.51.100.254,2001:db8:1::ff'
	connect "--net bridge --bridge br0 --ip 198.51.100.12/24,2001:db8:1::12/64 $gw" "--net bridge --bridge br0 --ip 198.51.100.13/24,2001:db8:1::13/64 $gw"
	all_ways 198.51.100.12 2001:db8:1::12 198.51.100.13 2001:db8:1::13
	with_lan
	from_lan 198.51.100.12 2001:db8:1::12 198.51.100.13 2001:db8:1::13
}

@test "nat: two Debian guests and the host fetch from each other, and they from outside; outside gets in by published ports only" {
	local a b
	connect '--net nat --publish 8012:80/tcp' '--net nat --publish 8013:80/tcp'
	read -ra a < <(addresses_of d12)
	read -ra b < <(addresses_of d13)
	all_ways "${a[0]}" "${a[1]}" "${b[0]}" "${b[1]}"
	with_lan
	local host
	for host in 198.51.100.1 2001:db8:1::1; do
		port=:8012 one "$host" d12 in_lan
		port=:8013 one "$host" d13 in_lan
		# The way through the host's own address from inside, and from the host itself.
		port=:8013 one "$host" d13 in_guest d12
		port=:8012 one "$host" d12 in_host
	done
	# What is not published is not reached, even by whoever knows the way.
	in_lan ip route add "${a[0]}" via 198.51.100.1
	run ! fetch in_lan -- "http://${a[0]}/"
}

@test "macvlan: two Debian guests and another machine fetch from each other over IPv4 and IPv6" {
	local a options
	options='--net macvlan --parent br0 --filter none --gateway 198.51.100.254,2001:db8:1::ff'
	connect "$options --ip 198.51.100.12/24,2001:db8:1::12/64" "$options --ip 198.51.100.13/24,2001:db8:1::13/64"
	for a in 198.51.100.12 2001:db8:1::12; do
		one "$a" d12 in_guest d13
	done
	for a in 198.51.100.13 2001:db8:1::13; do
		one "$a" d13 in_guest d12
	done
	with_lan
	from_lan 198.51.100.12 2001:db8:1::12 198.51.100.13 2001:db8:1::13
}

@test "apt-get update works in a guest behind nat, where the machine itself reaches Debian" {
	needs mirror
	connect '--net nat' '--net none'
	use_mirror d12
	in_guest d12 sh -c 'ls /var/lib/apt/lists/*Packages* /var/lib/apt/lists/*InRelease*'
}

# A customer installs it and restarts: nothing has failed, and his guest is reached as before.
outlives() {
	local package=$1 service=$2 before address
	ct -q create tool debian-12 --start --ip 198.51.100.20,2001:db8:1::20
	come_up tool
	use_mirror tool
	in_guest tool env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$package" iproute2
	before=$(in_guest tool ip -o addr show dev eth0 scope global | awk '{ print $4 }' | sort)
	ct -q restart tool
	come_up tool
	in_guest tool systemctl is-active "$service"
	in_guest tool systemctl restart "$service"
	[ "$(in_guest tool ip -o addr show dev eth0 scope global | awk '{ print $4 }' | sort)" = "$before" ]
	for address in 198.51.100.20 2001:db8:1::20; do
		pings in_lan -- "$address"
	done
	ct -q destroy --force tool
}

@test "ifupdown, installed by the customer, leaves the network as it is, and has not failed" {
	needs mirror
	outlives ifupdown networking
}

@test "NetworkManager, installed by the customer, leaves the network as it is, and has not failed" {
	needs mirror
	outlives network-manager NetworkManager
}
