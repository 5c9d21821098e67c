# SPDX-License-Identifier: GPL-2.0-or-later
# `ctctl net capture`: what passes a guest's interface, as a pcap file.
load lib
load world
load counts

setup_file() {
	world_up
	in_host ip link add br0 type bridge
	in_host ip link set br0 up
	in_host ip addr add 192.0.2.1/24 dev br0
}

teardown_file() {
	world_down
}

# Walks the records of a pcap file (pcap-savefile(5)) and prints how many there are, how many of them were cut, and how many have each word in them.
# A file that is no pcap of Ethernet frames, or that ends within a record, is an error.
PCAP='my ($file, @words) = @ARGV;
open(my $f, "<:raw", $file) or die "$file: $!";
local $/;
my $data = <$f>;
my ($magic, $major, $minor, undef, undef, $snap, $type) = unpack("LSSlLLL", $data);
$magic == 0xa1b2c3d4 && $major == 2 && $minor == 4 && $type == 1 or die "no pcap of Ethernet frames";
my ($at, $n, $cut, @seen, $last) = (24, 0, 0, (0) x @words);
while ($at < length $data) {
	my ($s, $us, $kept, $bytes) = unpack("LLLL", substr($data, $at, 16));
	$at + 16 + $kept <= length $data or die "ends within a record";
	$kept <= $snap && $kept <= $bytes && $us < 1000000 or die "no record";
	abs(time - $s) < 600 or die "not of now";
	my $frame = substr($data, $at + 16, $kept);
	$at += 16 + $kept; $n++; $cut++ if $kept < $bytes;
	for my $i (0 .. $#words) { $seen[$i]++ if index($frame, $words[$i]) >= 0 }
}
print join(" ", $n, $cut, map { $_ // 0 } @seen), "\n";'

# has FILE WORD...: "PACKETS CUT COUNT..."
has() {
	perl -e "$PCAP" "$@"
}

# capture ARGUMENT...: in the background, as process $behind, to $file; once it looks.
capture() {
	file=$BATS_TEST_TMPDIR/$((++files)).pcap
	# Of somebody else, who could read it.
	install -m 644 -o nobody /dev/null "$file"
	behind host "$CTCTL" net capture "$@" --write "$file"
	within 10 test -s "$file"
}

# ends [SIGNAL]: it does, by itself or if it is asked to, with status 0.
ends() {
	[ $# -eq 0 ] || kill "-$1" "$behind"
	within 10 has_ended "$behind"
	wait "$behind"
}

# finds WORD: it has passed.
finds() {
	grep -q "$1" "$file"
}

# From a guest's own raw socket, to nobody: words that only these packets have.
say_from() {
	in_guest "$1" /root/packet send eth0 "$2" icmp4 type=0 count="$3" dmac="$5" smac="$(mac_of "$1")" src="$4" dst=198.51.100.254
}

@test "routed: its packets in both directions, and no neighbour's" {
	local file files=0 gateway
	new a --ip 198.51.100.10
	gateway=$(link_mac in_host -- "$(link_of a)")
	new b --ip 198.51.100.11
	give_packet a
	give_packet b
	pings in_lan -- 198.51.100.10
	pings in_lan -- 198.51.100.11
	capture a
	[ "$(stat -c '%a %u' "$file")" = '600 0' ]
	[ "$(od -An -tx1 -N 4 "$file" | tr -d ' ')" = d4c3b2a1 ] || [ "$(od -An -tx1 -N 4 "$file" | tr -d ' ')" = a1b2c3d4 ]
	in_guest b ping -q -c 3 -i 0.01 -p 62 198.51.100.254 >/dev/null
	say_from a from-guest 3 198.51.100.10 "$gateway"
	in_lan "$PACKET" send lan0 to-guest icmp4 type=0 count=4 dmac="$(link_mac in_host -- up0)" smac="$(link_mac in_lan -- lan0)" src=198.51.100.254 dst=198.51.100.10
	in_lan "$PACKET" send lan0 to-other icmp4 type=0 count=5 dmac="$(link_mac in_host -- up0)" smac="$(link_mac in_lan -- lan0)" src=198.51.100.254 dst=198.51.100.11
	# What the filter drops is there, too: who looks for a fault wants to see it.
	say_from a not-its-own 2 203.0.113.66 "$gateway"
	in_lan "$PACKET" send lan0 last icmp4 type=0 dmac="$(link_mac in_host -- up0)" smac="$(link_mac in_lan -- lan0)" src=198.51.100.254 dst=198.51.100.10
	within 10 finds '<last>'
	ends INT
	run -0 has "$file" '<from-guest>' '<to-guest>' '<to-other>' '<not-its-own>' bbbbbbbbbbbbbbbb
	[[ $output == *' 0 3 4 0 2 0' ]]
}

@test "bridge: its packets in both directions; after so many it ends; a part of each packet" {
	local file files=0 gateway
	gateway=$(link_mac in_host -- br0)
	new a --bridge br0 --ip 192.0.2.10/24
	give_packet a
	pings in_host -- 192.0.2.10
	capture a eth0
	say_from a from-guest 3 192.0.2.10 "$gateway"
	in_host "$PACKET" send br0 to-guest icmp4 type=0 count=4 dmac="$(mac_of a)" smac="$gateway" src=192.0.2.1 dst=192.0.2.10
	within 10 finds '<to-guest>'
	ends TERM
	run -0 has "$file" '<from-guest>' '<to-guest>'
	[[ $output == *' 0 3 4' ]]
	capture a --count 5
	say_from a counted 20 192.0.2.10 "$gateway"
	ends
	run -0 has "$file"
	[ "$output" = '5 0' ]
	capture a --count 4 --snap 64 --interface eth0
	say_from a "a-long-word-of-which-only-the-begin-is-kept-because-of-snap" 10 192.0.2.10 "$gateway"
	ends
	run -0 has "$file" '<a-long-word' because-of-snap
	[[ $output == '4 '*' 0' ]]
	[ "$(stat -c %s "$file")" -le $((24 + 4 * (16 + 64))) ]
}

@test "macvlan: in the guest's own network, where the host sees nothing" {
	local file files=0
	new a --net macvlan --parent up0 --filter none --ip 198.51.100.20/24
	give_packet a
	pings in_lan -- 198.51.100.20
	capture a
	say_from a from-guest 3 198.51.100.20 "$(link_mac in_lan -- lan0)"
	in_lan "$PACKET" send lan0 to-guest icmp4 type=0 count=4 dmac="$(mac_of a)" smac="$(link_mac in_lan -- lan0)" src=198.51.100.254 dst=198.51.100.20
	within 10 finds '<to-guest>'
	ends INT
	run -0 has "$file" '<from-guest>' '<to-guest>'
	[[ $output == *' 0 3 4' ]]
}

@test "it ends when the guest is stopped, or the interface removed, with a whole file, and holds up nobody" {
	local file files=0 how
	for how in 'stop a --kill' 'net remove a eth0'; do
		new a --ip 198.51.100.10
		pings in_lan -- 198.51.100.10
		capture a
		in_guest a ping -q -c 3 -i 0.01 -p 77 198.51.100.254 >/dev/null
		# shellcheck disable=SC2086
		ct -q $how
		ends
		run -0 has "$file" wwwwwwwwwwwwwwww
		[[ $output == *' 0 6' ]]
		ct -q destroy --force a
	done
}

@test "to a pipe: whoever reads along sees packets at once, and the end of the reader is the end" {
	local file files=0
	new a --ip 198.51.100.10
	pings in_lan -- 198.51.100.10
	in_host "$CTCTL" net capture a 2>"$BATS_TEST_TMPDIR/said" 3>&- | timeout $((20 * PATIENCE)) head -c 200 >"$BATS_TEST_TMPDIR/begin" &
	behind=$!
	within 10 grep -q Capturing "$BATS_TEST_TMPDIR/said"
	until has_ended "$behind"; do
		in_guest a ping -q -c 5 -i 0.02 198.51.100.254 >/dev/null
	done
	[ "$(stat -c %s "$BATS_TEST_TMPDIR/begin")" -eq 200 ]
}

@test "a terminal, a guest that does not run, an interface that is not there and a file that cannot be are refused" {
	new a --ip 198.51.100.10
	run -20 in_host "$PTY" -- "$CTCTL" net capture a
	[[ $output == *terminal*--write* ]]
	refuse 21 ct net capture a eth7 says eth7 eth0
	refuse 20 ct net capture a --count many says --count
	refuse 3 ct -q net capture a --write "$BATS_TEST_TMPDIR/no/such/file" says no/such/file
	ln -s "$BATS_TEST_TMPDIR/elsewhere" "$BATS_TEST_TMPDIR/link"
	refuse 3 ct -q net capture a --write "$BATS_TEST_TMPDIR/link" says link
	[ ! -e "$BATS_TEST_TMPDIR/elsewhere" ]
	ct -q stop a --kill
	refuse 31 ct -q net capture a --write "$BATS_TEST_TMPDIR/file" says 'not running'
	[ ! -e "$BATS_TEST_TMPDIR/file" ]
}
