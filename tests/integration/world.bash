# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A small world for tests of the network, so that none of it is this machine's own: loaded after lib.bash, which it makes work inside it.
#
#   host   where ctctl runs and its guests' links end: a network namespace with the uplink up0, 198.51.100.1/24 and 2001:db8:1::1/64, default routes to lan
#   lan    another machine on that wire: lan0, 198.51.100.254 and 2001:db8:1::ff; it knows nothing of guests, and no way to them but the wire
#
#   in_host COMMAND...   in_lan COMMAND...   in_guest NAME COMMAND...

WORLD=1 # for lib.bash
PACKET=$BATS_RUN_TMPDIR/packet

make_packet() {
	[ -x "$PACKET" ] || "${CC:-gcc}" -static -Wall -Wextra -O1 -D_GNU_SOURCE -o "$PACKET" "$HERE/packet.c"
}

# A namespace lives as long as a process in it: one that waits for the end of the pipe that this file's tests hold.
new_namespace() {
	unshare --net -- setsid sleep infinity >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/$1.pid"
	within 5 in_own_namespace "$1"
	inside "$1" ip link set lo up
}

in_own_namespace() {
	local pid
	pid=$(cat "$BATS_FILE_TMPDIR/$1.pid")
	[ "$(readlink "/proc/$pid/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# inside WORLD COMMAND...
inside() {
	local pid
	read -r pid <"$BATS_FILE_TMPDIR/$1.pid"
	shift
	"$ENTER" 0 "/proc/$pid/ns/net" "$@"
}

in_host() {
	inside host "$@"
}

in_lan() {
	inside lan "$@"
}

in_guest() {
	ct exec "$1" -- "${@:2}"
}

# mac_of NAME: of the guest's end of its link.
mac_of() {
	in_guest "$1" cat /sys/class/net/eth0/address
}

# world_up [BRIDGE]: with the host's addresses on a bridge, whose port up0 is.
world_up() {
	local at=${1:-up0}
	make_packet
	printf '%s\n' 'link show' 'route show table all proto static' 'neigh show proxy' >"$BATS_FILE_TMPDIR/questions" # look_at_network
	# In its own namespace ctctl may do what it would on a host of its own.
	sed -i 's/^forwarding = no$/forwarding = yes/' "$CTCTL_PREFIX/etc/ctctl.conf"
	new_namespace host
	new_namespace lan
	in_host ip link add up0 type veth peer name lan0 netns "$(cat "$BATS_FILE_TMPDIR/lan.pid")"
	if [ "$at" != up0 ]; then
		in_host ip link add "$at" type bridge
		in_host ip link set up0 up master "$at"
	fi
	in_host ip addr add 198.51.100.1/24 dev "$at"
	in_host ip addr add 2001:db8:1::1/64 dev "$at" nodad
	in_lan ip addr add 198.51.100.254/24 dev lan0
	in_lan ip addr add 2001:db8:1::ff/64 dev lan0 nodad
	in_lan ip link set lan0 up
	in_host ip link set "$at" up
	in_host ip route add default via 198.51.100.254
	in_host ip route add default via 2001:db8:1::ff
}

# And br0, with no way to the wire: the host is 192.0.2.1 and 2001:db8:2::1 on it.
world_bridge() {
	in_host ip link add br0 type bridge
	in_host ip link set br0 up
	in_host ip addr add 192.0.2.1/24 dev br0
	in_host ip addr add 2001:db8:2::1/64 dev br0 nodad
}

# Whoever is left in it ends with it: servers, and what they forked.
world_down() {
	local world space
	sed -i 's/^forwarding = yes$/forwarding = no/' "$CTCTL_PREFIX/etc/ctctl.conf"
	in_host ip link delete up0 || :
	for world in host lan; do
		# "net:[4026532008]": the brackets are none of a pattern's.
		space=$(readlink "/proc/$(cat "$BATS_FILE_TMPDIR/$world.pid")/ns/net" | tr -dc 0-9) || continue
		find /proc -maxdepth 3 -path '/proc/[0-9]*/ns/net' -lname "net:?$space?" 2>/dev/null | cut -d/ -f3 | xargs -r kill 2>/dev/null || :
	done
}

# pings WHERE... -- ADDRESS: one answer is enough.
pings() {
	local where=()
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	"${where[@]}" busybox ping -c 1 -w $((5 * PATIENCE)) "$2" >/dev/null || {
		echo "no answer: ${where[*]} asks $2"
		return 1
	}
}

# is_silent WHERE... -- ADDRESS: nobody there answers. Whoever would, would at once.
is_silent() {
	local where=()
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	! "${where[@]}" busybox ping -c 2 -W 1 "$2" >/dev/null 2>&1 || {
		echo "an answer: ${where[*]} asks $2"
		return 1
	}
}

# addresses_of NAME: those of its interfaces, as ctctl lists them, without prefixes.
addresses_of() {
	ct net list "$1" --json | tr -d ' \n' | sed 's/.*"addresses":\[\([^]]*\)\].*/\1/' | tr -d '"' | tr ',' '\n' | sed 's|/.*||' | paste -sd ' '
}

# As lib.bash has it, in the host of this world.
ct() {
	local pid
	read -r pid <"$BATS_FILE_TMPDIR/host.pid"
	"$ENTER" $((${CT_TIMEOUT:-60} * PATIENCE)) "/proc/$pid/ns/net" "$CTCTL" "$@"
}

# give_packet NAME: the sender of raw packets, as the guest's root would bring it along.
give_packet() {
	ct exec "$1" -- sh -c 'cat >/root/packet && chmod 755 /root/packet' <"$PACKET"
}

# watch_begin WHERE... -- INTERFACE UNTIL TOKEN...: `packet watch` at WHERE (in_host, in_lan, "in_guest NAME"), once it is ready. watch_end prints its counts.
watch_begin() {
	local where=() program=$PACKET line
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	[ "${where[0]}" != in_guest ] || program=/root/packet
	exec {watch_fd}< <("${where[@]}" "$program" watch "${@:2}" 3>&-)
	read -r -t $((20 * PATIENCE)) -u "$watch_fd" line
	[ "$line" = ready ]
}

watch_end() {
	local line
	read -r -u "$watch_fd" line
	exec {watch_fd}<&-
	echo "$line"
	[[ $line =~ ^[0-9\ ]+$ ]]
}

# A server of one file over HTTP/1.0 in perl, which every Debian has, on a port of all addresses of both families; says who asked. serve WHERE... -- PORT TEXT
HTTPD='use IO::Socket::IP; use Socket;
my ($port, $text) = @ARGV;
my $s = IO::Socket::IP->new(LocalHost => "::", LocalPort => $port, Listen => 16, ReuseAddr => 1, V6Only => 0) or die "listen: $@";
open(my $ready, ">", "/tmp/httpd.$port") and close $ready;
$SIG{CHLD} = "IGNORE";
while (my $c = $s->accept) {
	next if fork;
	while (my $l = <$c>) { last if $l =~ /^\r?\n$/ }
	my $body = "$text for " . $c->peerhost . "\n";
	print $c "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " . length($body) . "\r\n\r\n" . $body;
	close $c;
	exit 0;
}'

# fetch WHERE... -- URL: what is there, by apt's own HTTP client.
fetch() {
	local where=()
	while [ "$1" != -- ]; do
		where+=("$1")
		shift
	done
	"${where[@]}" sh -c 'f=$(mktemp) && rm -f "$f" && /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=10 -o APT::Sandbox::User=root download-file "$1" "$f" >/dev/null && cat "$f"' - "$2"
}
