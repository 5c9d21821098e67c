# SPDX-License-Identifier: GPL-2.0-or-later
# How fast a guest may send and receive: what the kernel has been told, and what comes of it.
load lib
load world
load counts

setup_file() {
	world_up
}

teardown_file() {
	world_down
}

# class_of DEVICE: its rate, and its burst in KiB (the kernel counts it in ticks of time), or nothing.
class_of() {
	in_host tc class show dev "$1" 2>/dev/null | awk '/^class htb / {
		for (i = 1; i < NF; i++) { if ($i == "rate") rate = $(i + 1); if ($i == "burst") burst = $(i + 1) }
		n = burst + 0
		n *= burst ~ /Mb$/ ? 1024 : burst ~ /Kb$/ ? 1 : 1 / 1024
		printf "%s, %d KiB\n", rate, n + 0.5
	}'
}

# The queue below fair to flows where the kernel has one; how much a plain one holds otherwise.
leaf_of() {
	in_host tc qdisc show dev "$1" | sed -nE 's/^qdisc (fq_codel|sfq|bfifo) .*parent .*/\1/p'
}

# What comes from the guest goes to its ifb, or is policed where there is none.
needs_ifb() {
	in_host ip link add name ctprobe type ifb 2>/dev/null || skip "this host's kernel has no ifb"
	in_host ip link delete ctprobe
}

@test "rates and bursts are what the kernel has, in both directions, and are changed and taken off live" {
	local link ifb
	needs_ifb
	new a --ip 198.51.100.10 --rate-in 80M --rate-out 40M --burst 256K
	link=$(link_of a) ifb=cf${link#ct}
	[ "$(class_of "$link")" = '80Mbit, 256 KiB' ]
	[ "$(class_of "$ifb")" = '40Mbit, 256 KiB' ]
	[ -n "$(leaf_of "$link")" ] && [ "$(leaf_of "$link")" = "$(leaf_of "$ifb")" ]
	in_host tc filter show dev "$link" ingress | grep -q "mirred (Egress Redirect to device $ifb)"
	ct -q set a --rate-in 2G --burst 1M
	[ "$(class_of "$link")" = '2Gbit, 1024 KiB' ]
	[ "$(class_of "$ifb")" = '40Mbit, 1024 KiB' ]
	# As it is set, so it is after a restart.
	ct -q restart a --kill
	[ "$(class_of "$link")" = '2Gbit, 1024 KiB' ]
	[ "$(class_of "$ifb")" = '40Mbit, 1024 KiB' ]
	# Each direction by itself.
	ct -q set a --rate-out ''
	[ "$(class_of "$link")" = '2Gbit, 1024 KiB' ]
	run ! in_host ip link show "$ifb"
	[ -z "$(in_host tc filter show dev "$link" ingress)" ]
	ct -q set a --rate-out 8M --rate-in ''
	[ -z "$(class_of "$link")" ]
	[ "$(class_of "$ifb")" = '8Mbit, 1024 KiB' ]
	ct -q stop a --kill
	run ! in_host ip link show "$ifb"
	run ! in_host ip link show "$link"
	ct -q start a
	ct -q set a --rate-out '' --burst ''
	run ! in_host ip link show "$ifb"
	[[ ! $(in_host tc qdisc show dev "$link") =~ htb|ingress ]]
	pings in_guest a -- 198.51.100.254
}

# A gulp of N bytes for everybody who connects, or from them: send N | receive; receive ends with "N MILLISECONDS" of each connection.
TCP='use IO::Socket::IP; use Time::HiRes "time"; $| = 1;
my ($what, $host, $port, $n) = @ARGV;
my $s;
if ($what =~ /^serve/) {
	my $l = IO::Socket::IP->new(LocalHost => $host, LocalPort => $port, Listen => 4, ReuseAddr => 1) or die "listen: $@";
	print "ready\n";
	$s = $l->accept or die;
} else {
	$s = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 10) or die "connect: $@";
}
if ($what =~ /send/) {
	my ($chunk, $left) = ("x" x 65536, $n);
	while ($left > 0) { $left -= syswrite($s, $chunk, $left < 65536 ? $left : 65536) || die }
	close $s;
} else {
	my ($got, $start, $buffer) = (0);
	while (my $r = sysread($s, $buffer, 65536)) { $start //= time; $got += $r }
	printf "%d %d\n", $got, 1000 * (time - $start);
}'

# transfer FROM TO ADDRESS BYTES: TO (a function of world.bash or counts.bash, with its first argument) serves there; prints how many milliseconds it took.
transfer() {
	local line
	exec {receiver}< <($2 perl -e "$TCP" serve-receive "$3" 5001 3>&-)
	read -r line <&"$receiver"
	[ "$line" = ready ]
	$1 perl -e "$TCP" connect-send "$3" 5001 "$4"
	read -r line <&"$receiver"
	exec {receiver}<&-
	echo "$line ms" >&2
	[ "${line% *}" -eq "$4" ]
	echo "${line#* }"
}

# Is that time, in ms, what so many bytes take at so many kbit/s? The bucket's 64 KiB go through at once, and time runs from the first look at what has come.
# Slow hosts may take longer, but nobody less.
takes() {
	local least=$((($2 - 131072) * 72 / 10 / $3)) most=$(($2 * 16 * PATIENCE / $3 + 300))
	echo "$1 ms for $2 bytes at $3 kbit/s: expected $least to $most"
	(($1 >= least && $1 <= most))
}

@test "a guest receives and sends at its rates, each direction by itself" {
	local ms
	new a --ip 198.51.100.10 --rate-in 16M --rate-out 8M
	ms=$(transfer in_lan 'at_guest a' 198.51.100.10 1600000)
	takes "$ms" 1600000 16000
	ms=$(transfer 'at_guest a' in_lan 198.51.100.254 800000)
	takes "$ms" 800000 8000
	ct -q set a --rate-in 8M --rate-out ''
	ms=$(transfer in_lan 'at_guest a' 198.51.100.10 800000)
	takes "$ms" 800000 8000
	# Without a limit it is faster than it was.
	[ "$(transfer 'at_guest a' in_lan 198.51.100.254 800000)" -lt $((400 * PATIENCE)) ]
}

@test "behind nat and on a bridge, too" {
	local ms way
	in_host ip link add br0 type bridge
	in_host ip link set br0 up
	in_host ip addr add 192.0.2.1/24 dev br0
	new a --net nat --rate-in 8M --rate-out 8M
	new b --bridge br0 --ip 192.0.2.10/24 --rate-in 8M --rate-out 8M
	for way in "a $(addresses_of a | cut -d ' ' -f 1) $NETWORK.1" 'b 192.0.2.10 192.0.2.1'; do
		read -r name guest host <<<"$way"
		ms=$(transfer in_host "at_guest $name" "$guest" 600000)
		takes "$ms" 600000 8000
		ms=$(transfer "at_guest $name" in_host "$host" 600000)
		takes "$ms" 600000 8000
	done
	ct -q destroy --force b
	in_host ip link delete br0
}

@test "each guest has its own rate: two who use theirs up at once do not slow each other down" {
	local a b
	new a --ip 198.51.100.10 --rate-out 8M
	new b --ip 198.51.100.11 --rate-out 16M
	transfer 'at_guest a' in_lan 198.51.100.254 800000 >"$BATS_TEST_TMPDIR/a" &
	a=$!
	within 5 listens
	in_lan ip addr add 198.51.100.253/24 dev lan0
	b=$(transfer 'at_guest b' in_lan 198.51.100.253 1600000)
	wait $a
	in_lan ip addr del 198.51.100.253/24 dev lan0
	takes "$(cat "$BATS_TEST_TMPDIR/a")" 800000 8000
	takes "$b" 1600000 16000
}

# On port 5001 of lan, connected or not.
listens() {
	in_lan grep -qi ':1389 ' /proc/net/tcp
}

# Says back what it is told, line by line.
ECHO='use IO::Socket::IP; $| = 1;
my $l = IO::Socket::IP->new(LocalHost => "198.51.100.254", LocalPort => 5002, Listen => 1, ReuseAddr => 1) or die "listen: $@";
print "ready\n";
my $s = $l->accept;
while (my $line = <$s>) { print $s "lan: $line"; print $line }'

# says WORD: over the connection that the test has open, and it is answered.
says() {
	local line
	echo "$1" >&"$to_guest"
	read -r -t $((10 * PATIENCE)) -u "$from_guest" line
	[ "$line" = "lan: $1" ]
}

@test "while rates come, change and go, an open connection goes on" {
	local line
	new a --ip 198.51.100.10
	exec {server}< <(in_lan perl -e "$ECHO" 3>&-)
	read -r line <&"$server"
	mkfifo "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	# From within, by the guest's own program.
	in_guest a nc 198.51.100.254 5002 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out" 3>&- &
	exec {to_guest}>"$BATS_TEST_TMPDIR/in" {from_guest}<"$BATS_TEST_TMPDIR/out"
	says one
	ct -q set a --rate-in 10M --rate-out 5M
	says two
	ct -q set a --rate-in 1M --rate-out 500K --burst 128K
	says three
	ct -q set a --rate-in '' --rate-out ''
	says four
	ct -q set a --packets 1000 --connections 100 --quota 1G
	says five
	exec {to_guest}>&- {from_guest}<&- {server}<&-
}

@test "a rate that cannot be is refused, and what was stays in force" {
	local link
	needs_ifb
	new a --ip 198.51.100.10 --rate-in 10M --rate-out 10M
	link=$(link_of a)
	refuse 21 ct set a --rate-in 7K says rate-in
	refuse 21 ct set a --rate-out fast says rate-out fast
	# A link of somebody else's where the ifb should be.
	ct -q set a --rate-out ''
	in_host ip link add "cf${link:2}" type bridge
	run ! ct -q set a --rate-out 20M --rate-in 30M
	[[ $output == *"cf${link:2}"* ]]
	[[ $(class_of "$link") == 10Mbit,* ]]
	in_host ip link delete "cf${link:2}" 2>/dev/null || : # its name is ctctl's
	ct -q set a --rate-out 20M --rate-in 30M
	[[ $(class_of "$link") == 30Mbit,* ]]
	[[ $(class_of "cf${link:2}") == 20Mbit,* ]]
}
