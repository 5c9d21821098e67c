# SPDX-License-Identifier: GPL-2.0-or-later
# Guests that are made of a checkpoint of another: what runs in them goes on, under an identity of its own, and the other does not know of it.
#
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

conf() {
	sed -n "s/^$2 = //p" "$GUESTS/$1/guest.conf"
}

# Who its processes are on the host, and its group of the unified hierarchy: its own ids, and nobody else's.
has_own_ids() {
	local first dir group_dirs
	first=$(conf "$1" ids)
	group_processes "$1" | sort -u | sed 's|.*|/proc/&/status|' | xargs awk -v first="$first" '
		$1 == "Uid:" || $1 == "Gid:" { for (i = 2; i <= 5; i++) if ($i < first || $i >= first + 65536) { print FILENAME ": " $0 ", its own are " first; bad = 1 } }
		END { exit bad || NR == 0 }'
	find_groups "$1"
	for dir in "${group_dirs[@]}"; do
		[ ! -e "$dir/cgroup.subtree_control" ] || [ "$(stat -c %u "$dir")" -eq "$first" ]
	done
}

# has_own NAME ADDRESS...: its names, and on its interface these addresses and its own link-local one.
has_own() {
	local name=$1
	shift
	[ "$(in_guest "$name" hostname)" = "$name" ]
	in_guest "$name" ip -o addr show dev eth0 | awk '{ sub("/.*", "", $4); print $4 ~ /^fe80:/ ? "link-local" : $4 }' | sort >"$BATS_TEST_TMPDIR/has"
	printf '%s\n' "$@" link-local | sort | diff - "$BATS_TEST_TMPDIR/has"
	in_guest "$name" grep -q "^$1 $name\$" /etc/hosts
	has_own_ids "$name"
}

has_ended_in() {
	ct exec "$1" -- grep -q "$2" "$3"
}

goes_on_at() {
	local was=$2
	note "$1" && [ "$rounds" -gt "$was" ]
}

sends_on() {
	local sent received verdict
	read -r sent received verdict <"$1"
	[ "$verdict" = ok ] && [ "$received" -gt "$2" ]
}

# The source has a connection with the host, one with itself, and a program that is for its own address only. What a copy sends would reach the host: it has no filter.
@test "copies of a guest at work go on under names, ids and addresses of their own, and the guest does not know of it" {
	needs criu
	local first said received peer=$BATS_TEST_TMPDIR/peer
	new g1 --bridge br0 --ip 192.0.2.10/24,2001:db8:2::10/64 --memory 256M
	give g1 "$WORK"
	give g1 "$TALK"
	leave g1 /root/work /run/work
	leave g1 /root/lines listen 0.0.0.0 7001 /run/outer
	leave g1 /root/lines listen 127.0.0.1 7002 /run/inner
	leave g1 /root/lines listen 192.0.2.10 7003 /run/bound
	within 5 has_ended_in g1 listens /run/inner
	within 5 has_ended_in g1 listens /run/outer
	within 5 has_ended_in g1 listens /run/bound
	leave g1 /root/lines connect 127.0.0.1 7002 /run/inner2
	behind host "$TALK" connect 192.0.2.10 7001 "$peer"
	within 5 has_ended_in g1 ok /run/inner2
	within 5 sends_on "$peer" 10
	within 5 note g1
	first=$pid

	ct -q checkpoint create g1 w
	ct -q create g2 --warm g1@w --ip 192.0.2.11/24,2001:db8:2::11/64 --filter none --memory 300M
	[ "$(state g2)" = suspended ]
	[ "$(ct exec g1 -- hostname)" = g1 ]
	said=$(ct start g2 2>&1)
	[[ $said == *g2*192.0.2.10*7003* ]]
	ct -q create g3 --warm g1@w --ip 192.0.2.12/24 --filter none --start 2>/dev/null
	[ "$(ct list -o name,state | awk '$2 == "running"' | wc -l)" -eq 3 ]

	has_own g1 192.0.2.10 2001:db8:2::10
	has_own g2 192.0.2.11 2001:db8:2::11
	has_own g3 192.0.2.12
	[ "$(for g in g1 g2 g3; do conf $g uuid && conf $g ids && mac_of $g; done | sort -u | wc -l)" -eq 9 ]
	[ "$(cat "$(cgroup_file g2 memory.max memory.limit_in_bytes)")" -eq $((300 << 20)) ]
	for g in g2 g3; do
		note $g
		[ "$pid" -eq "$first" ]
		within 5 goes_on_at $g "$rounds"
		within 5 has_ended_in $g abort /run/outer
		has_ended_in $g ok /run/inner
		has_ended_in $g ok /run/inner2
		has_ended_in $g listens /run/bound
	done
	pings in_host -- 192.0.2.10
	pings in_host -- 192.0.2.11
	pings in_host -- 2001:db8:2::11
	pings in_host -- 192.0.2.12
	pings in_guest g2 -- 192.0.2.10
	read -r _ received _ <"$peer"
	within 5 sends_on "$peer" $((received + 50))
	note g1
	[ "$pid" -eq "$first" ]

	# It may go, its checkpoint, too, and a copy is a guest as any other.
	end_background
	ct destroy --force g1
	note g2
	ct suspend g3
	ct resume g3
	note g3
	ct kill g2
	ct start g2
	has_own g2 192.0.2.11 2001:db8:2::11
	[ ! -e "$GUESTS/g2/pending-machine-id" ]
}

@test "a copy that cannot be one is refused, and nothing of it is left" {
	needs criu
	new g1 --bridge br0 --ip 192.0.2.10/24
	ct -q checkpoint create g1 w
	refuse 37 ct create g2 --warm g1@none --ip 192.0.2.11/24 says g1 none
	refuse 13 ct create g2 --warm g9@w --ip 192.0.2.11/24 says g9
	refuse 21 ct create g2 --warm g1 --ip 192.0.2.11/24 says GUEST@LABEL
	refuse 111 ct create g1 --warm g1@w --ip 192.0.2.11/24 says g1
	refuse 21 ct create g2 --warm g1@w says eth0 --ip
	refuse 78 ct create g2 --warm g1@w --ip 192.0.2.10/24 says 192.0.2.10
	refuse 21 ct create g2 --warm g1@w --ip 192.0.2.11/24 --features fuse says features
	refuse 21 ct create g2 --warm g1@w --ip 192.0.2.11/24 --pool default says pool
	refuse 21 ct create g2 --warm g1@w --ip 192.0.2.11/24 --mtu 1400 says mtu
	refuse 21 ct create g2 --warm g1@w --net none says net
	refuse 20 ct create g2 micro --warm g1@w --ip 192.0.2.11/24 says --warm
	refuse 20 ct create g2 --warm g1@w --ip 192.0.2.11/24 --ssh-key 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJqpgwVqJmZbWwZzcRSKVuv3qYQzkGpq2S0VWnJvEcbY a' says --start
	[ ! -e "$GUESTS/g2" ]
	ct exec g1 true
	ct checkpoint remove g1 w
	refuse 37 ct create g2 --warm g1@w --ip 192.0.2.11/24 says g1 w
}

# Its journald has been started again, under its own machine-id.
logs() {
	ct exec "$1" -- systemd-cat -t warm echo "in $1"
	ct exec "$1" -- journalctl --sync
	ct exec "$1" -- journalctl -t warm -o cat | grep -qx "in $1"
}

answers() {
	[ "$(fetch in_host -- "http://$1/")" = 'warm for ::ffff:192.0.2.1' ]
}

@test "Debian 13: two copies of a service answer at their own addresses, beside the first one" {
	needs criu
	local g i second
	# On a slow host, one has to be enough.
	[ "$PATIENCE" -eq 1 ] || second=''
	ct -q create g1 debian-13 --start --bridge br0 --ip 192.0.2.10/24
	come_up g1
	ct exec g1 -- systemd-run -q --unit web perl -e "$HTTPD" 80 warm
	within 10 answers 192.0.2.10
	ct -q checkpoint create g1 w
	for i in 2 ${second-3}; do
		ct -q create g$i --warm g1@w --ip 192.0.2.1$i/24 --start
		answers 192.0.2.1$i
	done
	answers 192.0.2.10
	answers 192.0.2.12
	for g in g2 ${second-g3}; do
		is_up $g
		[ "$(ct exec $g -- hostnamectl --static)" = $g ]
		[ "$(ct exec $g -- cat /etc/machine-id)" = "$(conf $g uuid | tr -d -)" ]
		ct exec $g -- grep -q 192.0.2.1${g#g} /run/systemd/network/10-ctctl-eth0.network
		within 5 logs $g
		[ "$(ct exec $g -- systemd-run --wait --pipe -q echo alive)" = alive ]
		has_own_ids $g
	done
	is_up g1
	[ -z "$(ct exec g1 -- journalctl -t warm -o cat -q)" ]
}
