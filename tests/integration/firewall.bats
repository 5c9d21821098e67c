# SPDX-License-Identifier: GPL-2.0-or-later
# The small firewall of a guest: `ctctl net allow`, `deny`, `rules` and `forget`, in each mode that has one, over both families.
load lib
load world
load counts

setup_file() {
	world_up
	world_bridge
	# Whom guests can ask: "hello" on port 8080 of the host and of lan, whoever comes.
	local world
	for world in host lan; do
		behind "$world" perl -e "$HELLO" "$BATS_FILE_TMPDIR/ready.$world" 8080
		echo "$behind" >>"$BATS_FILE_TMPDIR/servers"
		within 10 test -e "$BATS_FILE_TMPDIR/ready.$world"
	done
}

teardown_file() {
	local pid
	while read -r pid; do
		kill "$pid"
	done <"$BATS_FILE_TMPDIR/servers"
	world_down
}

# Says hello to everybody, on each of the ports, of TCP and of UDP.
HELLO='use IO::Socket::IP; use IO::Select; use Socket;
my ($ready, @ports) = @ARGV;
my ($select, %udp, %listens) = IO::Select->new;
for my $port (@ports) {
	my $l = IO::Socket::IP->new(LocalHost => "::", LocalPort => $port, Listen => 16, ReuseAddr => 1, V6Only => 0) || die "tcp $port: $@";
	my $u = IO::Socket::IP->new(LocalHost => "::", LocalPort => $port, Type => SOCK_DGRAM, Proto => "udp", V6Only => 0) || die "udp $port: $@";
	$listens{$l} = $udp{$u} = 1;
	$select->add($l, $u);
}
open(my $f, ">", $ready) and close $f;
while (my @who = $select->can_read) {
	for my $s (@who) {
		if ($udp{$s}) {
			my $from = recv($s, my $word, 100, 0);
			send($s, "hello", 0, $from);
		} elsif ($listens{$s}) {
			my $c = $s->accept or next;
			syswrite($c, "hello\n");
			$select->add($c);
		} elsif (sysread($s, my $line, 100)) {
			syswrite($s, "heard $line");
		} else {
			$select->remove($s);
			close $s;
		}
	}
}'

# Asks all at once, and prints those that say hello within SECONDS: ask SECONDS tcp|udp,ADDRESS,PORT...
ASK='use Socket qw(:all); use IO::Select; use Fcntl; use Time::HiRes "time";
my ($seconds, @who) = @ARGV;
my ($select, %name, %open) = IO::Select->new;
for my $what (@who) {
	my ($proto, $address, $port) = split /,/, $what;
	my ($e, $a) = getaddrinfo($address, $port, { flags => AI_NUMERICHOST, socktype => $proto eq "tcp" ? SOCK_STREAM : SOCK_DGRAM });
	die "$what: $e" if $e;
	socket(my $s, $a->{family}, $a->{socktype}, 0) or die;
	fcntl($s, F_SETFL, O_NONBLOCK);
	connect($s, $a->{addr});
	send($s, "hi", 0) if $proto eq "udp";
	$name{fileno $s} = $what;
	$select->add($s);
}
my $end = time + $seconds;
while ($select->count && time < $end) {
	for my $s ($select->can_read($end - time)) {
		my $hello;
		$open{$name{fileno $s}} = 1 if sysread($s, $hello, 100) && $hello =~ /^hello/;
		$select->remove($s);
	}
}
print join(" ", grep { $open{$_} } @who), "\n";'

# answer WANT WHERE... -- tcp|udp,ADDRESS,PORT...: of these, WANT and no others say hello to who asks at WHERE. Nobody waits for those that do.
answer() {
	local want=$1 where=() got
	shift
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	shift
	[ "$want" != all ] || want="$*"
	got=$("${where[@]}" perl -e "$ASK" $((PATIENCE > 4 ? 4 : PATIENCE)) "$@")
	[ "$got" = "$want" ] || {
		echo "${where[*]} asks $*: '$got' answer, expected '$want'"
		return 1
	}
}

# serve NAME PORT...
serve() {
	local ready=$BATS_TEST_TMPDIR/ready.$1
	rm -f "$ready"
	behind "$1" perl -e "$HELLO" "$ready" "${@:2}"
	within 10 test -e "$ready"
}

# each FORMAT ADDRESS...: the format with each of them, "tcp,%s,22" say.
each() {
	local format=$1 address
	shift
	for address; do
		# shellcheck disable=SC2059
		printf "$format " "$address"
	done
}

# What firewalls are for, whatever the mode: `a` at ADDRESSES, asked by WHERE, whose addresses are FROM; it may ask for FRIENDS.
# shellcheck disable=SC2046,SC2086 # lists
firewall_works() {
	local where=$1 from4=$2 from6=$3 mine=("$4" "$5") friends=("$6" "$7") x allowed
	serve a 22 80 443
	answer all "$where" -- $(each tcp,%s,22 "${mine[@]}") $(each udp,%s,80 "${mine[@]}")
	ct net allow a tcp/22
	ct net allow a udp/443
	allowed="$(each tcp,%s,22 "${mine[@]}")$(each udp,%s,443 "${mine[@]}")"
	answer "${allowed% }" "$where" -- $allowed $(each tcp,%s,80 "${mine[@]}") $(each udp,%s,22 "${mine[@]}") $(each tcp,%s,443 "${mine[@]}")
	# Its own questions are answered.
	answer all at_guest a -- $(each tcp,%s,8080 "${friends[@]}") $(each udp,%s,8080 "${friends[@]}")
	for x in "${friends[@]}"; do
		pings in_guest a -- "$x"
	done
	# ICMP is one rule for both families.
	for x in "${mine[@]}"; do
		run ! "$where" busybox ping -q -c 1 -W 1 "$x"
	done
	ct net allow a icmp
	for x in "${mine[@]}"; do
		pings "$where" -- "$x"
	done
	# By source, in one family only; the first that matches counts, so what is behind it does not matter.
	ct net forget a --all
	ct -q net deny a any from "$from4"
	# Where nothing is allowed, only what is denied is refused.
	answer "tcp,${mine[1]},22 tcp,${mine[1]},80" "$where" -- $(each tcp,%s,22 "${mine[@]}") $(each tcp,%s,80 "${mine[@]}")
	ct net allow a tcp/20-23 from "$from6"
	ct net allow a any from "$from4"
	answer "tcp,${mine[1]},22" "$where" -- $(each tcp,%s,22 "${mine[@]}") $(each tcp,%s,80 "${mine[@]}")
	run -0 --separate-stderr ct net rules a
	[ "$(sed 1d <<<"$output" | tr -s ' ')" = "eth0 1 deny any from $from4
eth0 2 allow tcp/20-23 from $from6
eth0 3 allow any from $from4" ]
	# In force after a restart.
	ct -q restart a --kill
	serve a 22 80
	answer "tcp,${mine[1]},22" "$where" -- $(each tcp,%s,22 "${mine[@]}") $(each tcp,%s,80 "${mine[@]}")
	ct net forget a 1
	answer "tcp,${mine[0]},22 tcp,${mine[1]},22 tcp,${mine[0]},80" "$where" -- $(each tcp,%s,22 "${mine[@]}") $(each tcp,%s,80 "${mine[@]}")
	ct net forget a --all
	answer all "$where" -- $(each tcp,%s,22 "${mine[@]}") $(each tcp,%s,80 "${mine[@]}")
	[[ $(ct net rules a --json) != *rule* ]]
}

@test "routed: what is allowed gets in, over both families, and the guest's own questions are answered" {
	new a --ip 198.51.100.10,2001:db8:1::10
	firewall_works in_lan 198.51.100.254 2001:db8:1::ff 198.51.100.10 2001:db8:1::10 198.51.100.254 2001:db8:1::ff
}

@test "bridge: what is allowed gets in, over both families, and the guest's own questions are answered" {
	new a --bridge br0 --ip 192.0.2.10/24,2001:db8:2::10/64
	firewall_works in_host 192.0.2.1 2001:db8:2::1 192.0.2.10 2001:db8:2::10 192.0.2.1 2001:db8:2::1
}

@test "nat: what is allowed gets in, over both families, and the guest's own questions are answered" {
	local own gateway6
	new a --net nat
	read -ra own < <(addresses_of a)
	gateway6=$(in_host ip -6 -o addr show dev "$BRIDGE" scope global | sed 's|.*inet6 \([^/]*\)/.*|\1|')
	firewall_works in_host "$NETWORK.1" "$gateway6" "${own[@]}" 198.51.100.254 2001:db8:1::ff
}

@test "nat: a published port is reached if the firewall allows it, and by the address that asks" {
	new a --net nat --publish 8022:22,8080:80
	serve a 22 80
	answer all in_lan -- tcp,198.51.100.1,8022 tcp,2001:db8:1::1,8022
	ct net allow a tcp/22 from 198.51.100.254
	answer tcp,198.51.100.1,8022 in_lan -- tcp,198.51.100.1,8022 tcp,2001:db8:1::1,8022
}

@test "rules that come and go leave open connections alone, and new ones are what they say" {
	local line
	new a --ip 198.51.100.10
	serve a 22 80
	# The connection is lan's: a bash has one by itself.
	coproc in_lan perl -e 'use IO::Socket::IP; $| = 1; my $s = IO::Socket::IP->new(PeerHost => "198.51.100.10", PeerPort => 80) or die;
		print scalar <$s>; while (my $l = <STDIN>) { print $s $l; print scalar <$s> }' 3>&-
	read -r -t 10 -u "${COPROC[0]}" line
	[ "$line" = hello ]
	ct -q net allow a tcp/22
	echo one >&"${COPROC[1]}"
	read -r -t 10 -u "${COPROC[0]}" line
	[ "$line" = 'heard one' ]
	answer tcp,198.51.100.10,22 in_lan -- tcp,198.51.100.10,22 tcp,198.51.100.10,80
	ct net forget a 1
	echo two >&"${COPROC[1]}"
	read -r -t 10 -u "${COPROC[0]}" line
	[ "$line" = 'heard two' ]
	answer all in_lan -- tcp,198.51.100.10,22 tcp,198.51.100.10,80
}

@test "each interface has its own rules; a neighbour's are not touched" {
	new a --ip 198.51.100.10
	new b --ip 198.51.100.11
	ct -q net add a eth1 --bridge br0 --ip 192.0.2.10/24
	serve a 22
	serve b 22
	refuse 20 ct net allow a tcp/80 says --interface
	ct -q net allow a tcp/80 --interface eth1
	answer all in_lan -- tcp,198.51.100.10,22 tcp,198.51.100.11,22
	answer '' in_host -- tcp,192.0.2.10,22
	# They go with it.
	ct net remove a eth1
	[ -z "$(ct -q net rules a | sed 1d)" ]
	[[ $(in_host nft list ruleset) != *rules-ct* ]]
}

@test "rules that are none are refused, and nothing changes" {
	new a --ip 198.51.100.10
	serve a 22
	ct -q net allow a tcp/22
	refuse 21 ct net allow a tcp/0 says tcp/0
	refuse 21 ct net allow a tcp/99999 says tcp/99999
	refuse 21 ct net allow a tcp/90-80 says 90-80
	refuse 21 ct net allow a sctp/22 says sctp
	refuse 21 ct net allow a icmp/3 says icmp
	refuse 21 ct net deny a tcp/80 from 198.51.100.0/33 says 198.51.100.0/33
	refuse 21 ct net deny a tcp/80 from nowhere says nowhere
	refuse 21 ct net forget a 2 says '1 rule'
	refuse 20 ct net forget a says --all
	refuse 20 ct net forget a 0 says 0
	[ "$(ct -q net rules a | sed 1d | tr -s ' ')" = 'eth0 1 allow tcp/22' ]
	answer tcp,198.51.100.10,22 in_lan -- tcp,198.51.100.10,22 udp,198.51.100.10,22
}
