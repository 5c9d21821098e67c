# SPDX-License-Identifier: GPL-2.0-or-later
# What ctctl writes inside a guest: its own files for the network, passwords, keys; and guests that have put something else there.
#
# needs template micro
# needs template debian-12
load lib
load world
load debian

setup_file() {
	world_up
	remember_state
}

teardown_file() {
	world_down
}

# Made by ssh-keygen for this test; nobody has the other halves.
KEY1='ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILGjtxoLGYFib8ptriMy3ZbkdKydJV0FSQZPhIFHXQtO one'
KEY2='ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBJBqv80+KHkNdb5RY068yRBBv8z7kztzcOHA/jP3fhT3ZWWktveiThEDRCHV5iHl7V9Ijp3uAFits7DADVc4mX4= two'

# password NAME PASSWORD [OPTION...]
password() {
	printf '%s\n' "$2" | ct passwd "$1" "${@:3}"
}

hash_of() {
	ct exec "$1" -- awk -F: -v "user=${2:-root}" '$1 == user { print $2 }' /etc/shadow
}

guest_file() {
	ct exec "$1" -- cat "$2"
}

@test "a guest with addresses names itself by them, and asks the nameservers that were set" {
	new g1 --net routed --ip 203.0.113.10,2001:db8:1::10 --nameserver 198.51.100.53,2001:db8:1::53 --search example.com
	[ "$(guest_file g1 /etc/hosts)" = '127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
# ctctl: begin. What is here is written by ctctl; without these two lines it is yours.
203.0.113.10 g1
2001:db8:1::10 g1
# ctctl: end' ]
	[ "$(guest_file g1 /etc/resolv.conf | tail -n +2)" = 'nameserver 198.51.100.53
nameserver 2001:db8:1::53
search example.com' ]
	# What the customer makes of it stays.
	ct exec g1 -- sh -c 'echo nameserver 9.9.9.9 >/etc/resolv.conf; echo "127.0.1.1 g1" >/etc/hosts'
	ct -q restart g1
	[ "$(guest_file g1 /etc/resolv.conf)" = 'nameserver 9.9.9.9' ]
	[ "$(guest_file g1 /etc/hosts)" = '127.0.1.1 g1' ]
}

@test "a password is set at once in a guest that runs, and by the next start in one that does not" {
	local first second
	new g1
	password g1 'sesam öffne'
	first=$(hash_of g1)
	[[ $first == '$6$'* ]]
	ct -q stop g1
	password g1 overtaken
	password g1 Grune-Wiese7
	password g1 daemons --user daemon
	[ "$(stat -c %a "$GUESTS/g1/pending-passwords")" = 600 ]
	! grep -r Wiese "$GUESTS/g1"
	ct -q start g1
	[ ! -e "$GUESTS/g1/pending-passwords" ]
	second=$(hash_of g1)
	[[ $second == '$6$'* && $second != "$first" ]]
	[[ $(hash_of g1 daemon) == '$6$'* ]]
	# Applied once: what the guest makes of it stays.
	ct exec g1 -- sed -i 's/^root:[^:]*/root:*/' /etc/shadow
	ct -q restart g1
	[ "$(hash_of g1)" = '*' ]
}

@test "passwords that cannot be are refused, and the guest's file is as it was" {
	local before
	new g1
	before=$(guest_file g1 /etc/shadow)
	run ! password g1 ''
	[[ $output == *'the password is empty'* ]]
	run ! password g1 "$(printf 'x%.0s' {1..600})"
	[[ $output == *'at most 511 bytes'* ]]
	run -21 password g1 word --user nosuch
	[[ $output == *"no user 'nosuch' in the guest's /etc/shadow"* ]]
	run -21 password g1 word --user 'a:b'
	[[ $output == *"expected a name of letters"* ]]
	run -13 password g9 word
	[ "$(guest_file g1 /etc/shadow)" = "$before" ]
	ct exec g1 -- rm /etc/shadow
	run ! password g1 word
	[[ $output == *"read the guest's /etc/shadow"* ]]
}

@test "a pending password of a user who is not there is a warning, and the guest starts" {
	ct -q create g1 micro
	password g1 word --user nosuch
	password g1 word
	run -0 ct start g1
	[[ $output == *"not all of its passwords could be set"*"no user 'nosuch'"* ]]
	[[ $(hash_of g1) == '$6$'* ]]
	[ ! -e "$GUESTS/g1/pending-passwords" ]
}

@test "a start that is killed as the guest runs leaves what was pending, and the next start sets it" {
	ct -q create g1 micro --ssh-key "$KEY1"
	password g1 word
	CTCTL_FAULT_KILL=start.launched run -137 ct start g1
	[ -e "$GUESTS/g1/pending-passwords" ] && [ -e "$GUESTS/g1/pending-keys" ]
	[[ $(hash_of g1) == '$6$'* ]]
	ct -q restart g1
	[[ $(hash_of g1) == '$6$'* ]]
	[ ! -e "$GUESTS/g1/pending-passwords" ] && [ ! -e "$GUESTS/g1/pending-keys" ]
}

@test "ssh keys: given, by file, changed and taken away, and the customer's own stay" {
	echo "$KEY2" >"$BATS_TEST_TMPDIR/keys"
	ct -q create g1 micro --ssh-key "$KEY1" --ssh-key "$BATS_TEST_TMPDIR/keys" --start
	[ "$(guest_file g1 /root/.ssh/authorized_keys | sed '1d;$d')" = "$KEY1"$'\n'"$KEY2" ]
	[ "$(ct exec g1 -- stat -c '%a %u:%g' /root/.ssh /root/.ssh/authorized_keys)" = '700 0:0'$'\n''600 0:0' ]
	ct exec g1 -- sh -c 'echo mine >>/root/.ssh/authorized_keys'
	ct set g1 --ssh-key "$KEY2"
	[ "$(guest_file g1 /root/.ssh/authorized_keys | sed 1d)" = "$KEY2"$'\n# ctctl: end\nmine' ]
	ct set g1 --ssh-key ''
	[ "$(guest_file g1 /root/.ssh/authorized_keys)" = mine ]
	ct -q stop g1
	ct set g1 --ssh-key "$KEY1"
	ct -q start g1
	[ "$(guest_file g1 /root/.ssh/authorized_keys | sed -n 3p)" = "$KEY1" ]
	[ ! -e "$GUESTS/g1/pending-keys" ]
}

@test "keys that are none are refused before anything is made" {
	local key
	for key in 'ssh-ed25519 AAAA' 'ssh-dss AAAA' "$BATS_TEST_TMPDIR/nothing" /etc/passwd /dev/zero "no-pty $KEY1" /dev/null; do
		run -21 ct create g1 micro --ssh-key "$key"
		echo "$output"
		[[ $output == *ssh-key* ]]
		[ ! -e "$GUESTS/g1" ]
	done
}

@test "a guest with pipes, sockets and loops for files starts as fast as any other, and is told of" {
	local begin
	new g1 --net routed --ip 203.0.113.10
	ct exec g1 -- sh -c 'cd /etc && rm -f hosts resolv.conf shadow .pwd.lock && mkfifo hosts resolv.conf shadow && ln -s loop loop &&
		mkdir -p /etc/network/interfaces.d /etc/cloud/cloud.cfg.d && mkfifo network/interfaces cloud/cloud.cfg.d/99-ctctl.cfg &&
		rm -rf /root/.ssh && ln -s /proc/self/root /root/.ssh'
	ct -q stop g1
	password g1 word
	ct set g1 --ssh-key "$KEY1"
	begin=$(now_ms)
	run -0 ct start g1
	[ $(($(now_ms) - begin)) -lt $((5000 * PATIENCE)) ]
	[[ $output == *"its passwords could"* && $output == *"its ssh keys could"* ]]
	begin=$(now_ms)
	run ! password g1 word
	run ! ct set g1 --ssh-key "$KEY1"
	[ $(($(now_ms) - begin)) -lt $((5000 * PATIENCE)) ]
	ct exec g1 -- test -p /etc/hosts
}

@test "a guest whose folders lead elsewhere writes nowhere but in itself" {
	local before
	new g1 --net routed --ip 203.0.113.10
	before=$(cat /etc/hosts /etc/shadow | md5sum)
	ct exec g1 -- sh -c 'mv /etc /etc2 && mkdir -p /a/b && ln -s ../../../../../../etc2 /etc && rm -f /etc2/hosts && rmdir /root && ln -s /proc/1/root/tmp /root'
	ct -q stop g1
	ct set g1 --ssh-key "$KEY1"
	run -0 ct start g1
	[[ $(guest_file g1 /etc2/hosts) == *'203.0.113.10 g1'* ]]
	[ "$(cat /etc/hosts /etc/shadow | md5sum)" = "$before" ]
	[ ! -e /tmp/.ssh ]
}

@test "a guest with a full disk starts, and its files are as they were" {
	new g1 --disk 32M --net routed --ip 203.0.113.10
	ct exec g1 -- sh -c 'cp /etc/hosts /etc/hosts.was; dd if=/dev/zero of=/full bs=64k 2>/dev/null; for i in 1 2 3 4 5 6 7 8; do dd if=/dev/zero bs=1k >>/full 2>/dev/null; done; true'
	ct -q stop g1
	ct set g1 hostname=another
	password g1 word
	ct -q start g1
	ct exec g1 -- sh -c 'cmp /etc/hosts /etc/hosts.was || grep -q " another$" /etc/hosts'
	ct exec g1 -- grep -q '^root:' /etc/shadow
}

@test "Debian: its own hash, its own login, and systemd-networkd finds all as it is and waits for nothing" {
	local before
	ct -q create d1 debian-12 --net routed --ip 198.51.100.12,2001:db8:1::12 --nameserver 198.51.100.53 --start
	come_up d1
	password d1 "$PASSWORD"
	[[ $(hash_of d1) == '$y$'* ]]
	ct exec d1 -- perl -e '$h = (getpwnam "root")[1]; exit !(crypt($ARGV[0], $h) eq $h && crypt("x", $h) ne $h)' "$PASSWORD"
	[ "$(ct exec d1 -- stat -c '%a %U:%G' /etc/shadow)" = '640 root:shadow' ]
	ct exec d1 -- systemctl enable -q systemd-networkd systemd-networkd-wait-online
	ct exec d1 -- systemctl add-wants -q multi-user.target systemd-networkd-wait-online.service
	ct -q restart d1
	come_up d1
	before=$(ct exec d1 -- ip -o address show eth0 | sort)
	[[ $before == *198.51.100.12/32* && $before == *2001:db8:1::12/128* ]]
	[ "$(ct exec d1 -- systemctl is-active systemd-networkd-wait-online)" = active ]
	[[ $(ct exec d1 -- networkctl --no-legend) == *eth0*routable*configured* ]]
	ct exec d1 -- ping -q -c 1 -w 5 198.51.100.254
	ct exec d1 -- systemctl restart systemd-networkd
	ct exec d1 -- ping -q -c 1 -w 5 198.51.100.254
	ct exec d1 -- ping -q -c 1 -w 5 2001:db8:1::ff
	[ "$(ct exec d1 -- ip -o address show eth0 | sort)" = "$before" ]
}

@test "Debian: systemd-networkd takes an address of a whole network, too, for its own" {
	ct -q create d1 debian-12 --net nat --start
	come_up d1
	ct exec d1 -- systemctl enable -q --now systemd-networkd
	within 10 ct exec d1 -- sh -c 'networkctl --no-legend | grep -q "eth0.*routable.*configured"'
	ct exec d1 -- /lib/systemd/systemd-networkd-wait-online --timeout=10
}
