# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Debian's mirror for guests, where the machine itself reaches it: loaded after world.bash.

# Copies between a connection it accepts and one it makes: ("unix", PATH) or ("inet", HOST), at whichever end.
RELAY='use IO::Socket::UNIX; use IO::Socket::IP; use IO::Select;
my ($from, $at, $to, $there) = @ARGV;
sub pump {
	my %other = ($_[0] => $_[1], $_[1] => $_[0]);
	my $select = IO::Select->new(@_);
	while (my @ready = $select->can_read) {
		for my $f (@ready) {
			sysread($f, my $bytes, 65536) or return;
			while (length $bytes) { substr($bytes, 0, syswrite($other{$f}, $bytes) || return) = "" }
		}
	}
}
my $l = $from eq "unix" ? IO::Socket::UNIX->new(Local => $at, Listen => 16) : IO::Socket::IP->new(LocalHost => $at, LocalPort => 80, Listen => 16, ReuseAddr => 1);
$l or die "listen: $@";
$SIG{CHLD} = "IGNORE";
while (my $c = $l->accept) {
	next if fork;
	my $o = $to eq "unix" ? IO::Socket::UNIX->new(Peer => $there) : IO::Socket::IP->new(PeerHost => $there, PeerPort => 80);
	pump($c, $o) if $o;
	exit 0;
}'

# The lan's 198.51.100.80 is Debian's mirror, as this machine itself reaches it.
relay_to_mirror() {
	local socket=$BATS_FILE_TMPDIR/mirror
	[ ! -S "$socket" ] || return 0
	in_lan ip addr add 198.51.100.80/24 dev lan0
	setsid perl -e "$RELAY" unix "$socket" inet deb.debian.org >/dev/null 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/relay"
	within 10 test -S "$socket"
	in_lan perl -e "$RELAY" inet 198.51.100.80 unix "$socket" >/dev/null 2>&1 3>&- &
}

# The relay's own part is in this machine's namespace, with those that it forked; the other one ends with the world.
end_relay() {
	[ ! -e "$BATS_FILE_TMPDIR/relay" ] || kill -- "-$(cat "$BATS_FILE_TMPDIR/relay")"
}

use_mirror() {
	relay_to_mirror
	in_guest "$1" sh -c 'echo "198.51.100.80 deb.debian.org security.debian.org" >>/etc/hosts'
	in_guest "$1" apt-get -q -o Acquire::Retries=0 update
}
