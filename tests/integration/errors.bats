# SPDX-License-Identifier: GPL-2.0-or-later
# What is asked wrongly, and what lies in wait on the host: each with its own exit status, one line that names the thing, and nothing left.
load lib

CONF=guest.conf

# put_line NAME LINE: among the keys of its guest.conf, or, of the network, of its eth0; where that is, is said in $line.
put_line() {
	local conf=$GUESTS/$1/$CONF
	line=$(grep -n -m 1 '^\[eth0\]$' "$conf" | cut -d: -f1)
	[[ $2 != ip\ * ]] || line=$((line + 1))
	sed -i "${line}i $2" "$conf"
}

# A template of this test's own, that may be damaged.
own_template() {
	ct -q template build own --recipe micro
	OWN=$(echo "$CTCTL_PREFIX"/lib/templates/own/*)
}

drop_template() {
	ct -q template remove own 2>/dev/null || true
	rm -rf "$CTCTL_PREFIX/lib/templates/own"
}

@test "names: what is no name is refused before anything is made" {
	local name
	for name in ../x '' A a_b .x a/b 'a b' x/../y $'a\nb' $'a\033[2J' ä "$(printf 'a%.0s' {1..64})"; do
		refuse 21 ct create "$name" micro says "guest name" a-z
		refuse 21 ct status "$name" says "guest name"
	done
	refuse 21 ct create -- -x micro says "'-x'"
	[ ! -e "$CTCTL_PREFIX/lib/x" ]
	ct -q create "$(printf 'a%.0s' {1..63})" micro
	ct start "$(printf 'a%.0s' {1..63})"
	ct -q create 0 micro
	refuse 21 ct rename 0 ../0 says ../0
}

@test "create: a template that there is not" {
	refuse 91 ct create g1 nope says nope micro
	refuse 91 ct create g1 micro@20010101.1 says 20010101.1
	refuse 21 ct create g1 ../micro says ../micro
	refuse 20 ct create g1 says TEMPLATE
}

@test "create: a name that is taken, and it stays as it was" {
	ct -q create g1 micro --memory 64M
	refuse 111 ct create g1 micro --memory 80M says g1
	ct show g1 | grep -x 'memory = 64M'
	ct start g1
	refuse 111 ct create g1 micro says g1
	[ "$(state g1)" = running ]
}

@test "create: a limit that is none, or more than the host has" {
	refuse 21 ct create g1 micro --memory 12x says memory 12x 512M
	refuse 21 ct create g1 micro --memory -1 says memory
	refuse 21 ct create g1 micro --memory 1 says memory 4M
	refuse 21 ct create g1 micro --memory 99999999999999999999G says memory
	refuse 21 ct create g1 micro --memory 1000000G says memory 1000000G host
	refuse 21 ct create g1 micro --cpus 100000 says cpus 100000 host
	refuse 21 ct create g1 micro --cpus zero says cpus zero
	refuse 21 ct create g1 micro --pids 12x says pids 12x
	refuse 21 ct create g1 micro --disk 900000G says disk default
	refuse 21 ct create g1 micro --cpu-weight 0 says cpu-weight
	refuse 21 ct create g1 micro --stop-timeout 3601 says stop-timeout 3600
	refuse 21 ct create g1 micro --ip 1.2.3 says ip 1.2.3
	refuse 21 ct create g1 micro --ip 10.0.0.5/33 says 10.0.0.5/33
	refuse 21 ct create g1 micro --gateway 10.0.0.1 says gateway net
	refuse 21 ct create g1 micro --hostname 'a b' says hostname
	refuse 21 ct create g1 micro --features nesting,magic says magic
	refuse 21 ct create g1 micro --autostart maybe says autostart maybe
	refuse 110 ct create g1 micro --pool nope says nope
}

@test "a wrong command line is 20 and says what is wrong with it" {
	refuse 20 ct create g1 micro --frob says --frob
	refuse 20 ct frob says frob
	refuse 20 ct start says NAME
	refuse 20 ct create g1 micro --memory says --memory
	refuse 20 ct list extra says extra
	refuse 20 ct stop g1 --timeout soon says timeout soon
	refuse 20 ct list -o no-such-column says no-such-column
}

@test "without root, 11" {
	refuse 11 setpriv --reuid 65534 --clear-groups "$CTCTL" list says root
}

@test "what needs a running guest is 31 on a stopped one, and the other way round 32" {
	ct -q create g1 micro
	refuse 31 ct exec g1 -- true says g1 start
	refuse 31 ct enter g1 says g1
	refuse 31 ct stop g1 says g1
	refuse 31 ct kill g1 says g1
	refuse 31 ct console g1 says g1
	ct start g1
	refuse 32 ct start g1 says g1
	refuse 32 ct destroy g1 says g1
	refuse 32 ct rename g1 g2 says g1
}

@test "a guest that there is not is 13 everywhere, and asking for one leaves nothing" {
	local verb
	for verb in start stop restart kill destroy status show console 'exec - true' enter 'rename - other' 'set - pids=9'; do
		verb=${verb/-/nobody}
		[[ $verb == *nobody* ]] || verb="$verb nobody"
		# shellcheck disable=SC2086
		refuse 13 ct $verb says nobody
	done
	[ ! -e "$RUNS/nobody" ]
}

@test "two commands at once on one guest: the second is 9 and says who is at work, and since when" {
	new g1
	kill -STOP "$(status_of g1 init_pid)"
	"$CTCTL" stop g1 --timeout 20 &
	local stop=$! verb
	within 5 is_busy g1
	[[ $(status_of g1 busy) == "stop by $stop" ]]
	for verb in start 'stop' kill restart destroy 'set g1 pids=50' 'rename g1 g2'; do
		[[ $verb == *g1* ]] || verb="$verb g1"
		# shellcheck disable=SC2086
		refuse 9 ct $verb says g1 stop "$stop"
	done
	ct list | grep -E '^g1 +running'
	CT_TIMEOUT=5 ct show g1 >/dev/null
	# Whoever is at work is killed: the guest is free.
	kill -KILL "$stop"
	wait "$stop" || true
	[ "$(state g1)" = running ]
	ct kill g1
}

is_busy() {
	[ -n "$(status_of "$1" busy)" ] && [ "$(status_of "$1" busy)" != null ]
}

@test "a guest.conf with an error is 85, with line, key and what is expected; list goes on" {
	local keep=$BATS_TEST_TMPDIR/conf bad line
	ct -q create g1 micro
	ct -q create g2 micro
	cp "$GUESTS/g1/$CONF" "$keep"
	for bad in 'memory = 12x' 'pids = many' 'autostart = perhaps' 'hostname = a b' 'ip = nowhere' 'features = magic' 'disk =-5' 'cpus = 0x10'; do
		cp "$keep" "$GUESTS/g1/$CONF"
		put_line g1 "$bad"
		refuse 85 ct start g1 says "$GUESTS/g1/$CONF" "line $line" "${bad%% *}" expected
		refuse 85 ct set g1 pids=50 says "line $line"
		refuse 85 ct show g1 says "line $line"
		run -0 --separate-stderr ct list
		[[ $output == *'g1   broken'* && $output == *'g2   stopped'* && $stderr == *"line $line"* ]]
	done
	cp "$keep" "$GUESTS/g1/$CONF"
	ct start g1
}

@test "a guest.conf that is no such file at all is 85, too" {
	ct -q create g1 micro
	local keep=$BATS_TEST_TMPDIR/conf
	cp "$GUESTS/g1/$CONF" "$keep"
	echo 'no key here' >>"$GUESTS/g1/$CONF"
	refuse 85 ct start g1 says "$CONF" line
	head -c 5000 /dev/urandom >"$GUESTS/g1/$CONF"
	run ct start g1
	[ "$status" -eq 85 ]
	: >"$GUESTS/g1/$CONF"
	run ct start g1
	[ "$status" -eq 85 ]
	# A million lines.
	yes 'memory = 64M' | head -c 20M >"$GUESTS/g1/$CONF"
	run ct start g1
	[ "$status" -ne 0 ]
	run -0 ct list
	cp "$keep" "$GUESTS/g1/$CONF"
	ct start g1
}

@test "a guest.conf that would give a guest ids of the host, or of another guest, does not start" {
	ct -q create g1 micro
	ct -q create g2 micro
	local keep=$BATS_TEST_TMPDIR/conf ids
	cp "$GUESTS/g1/$CONF" "$keep"
	for ids in 0 1 1000 65536 4294967295 "$(ct show g2 | awk '$1 == "ids" { print $3 }')" abc; do
		sed "s/^ids = .*/ids = $ids/" "$keep" >"$GUESTS/g1/$CONF"
		echo "ids $ids"
		run --separate-stderr ct start g1
		[ "$status" -eq 85 ]
		[[ $stderr == *ids* ]]
	done
	cp "$keep" "$GUESTS/g1/$CONF"
	ct start g1
}

@test "a guest whose guest.conf is broken is destroyed only with --force, also while it runs, and leaves nothing" {
	local line
	ct -q create g1 micro
	put_line g1 'memory = 12x'
	refuse 85 ct destroy g1 says "line $line"
	ct destroy --force g1
	new g2
	put_line g2 'memory = 12x'
	ct destroy --force g2
}

@test "set keeps comments, order and unknown keys of guest.conf" {
	ct -q create g1 micro --memory 64M
	{
		echo '# a note of mine'
		echo 'from-the-future = yes'
		echo '[section]'
		echo 'memory = of another kind'
	} >>"$GUESTS/g1/$CONF"
	local before
	before=$(sed 's/^memory = 64M$/memory = 80M/' "$GUESTS/g1/$CONF")
	ct set g1 --memory 80M
	diff <(echo "$before") "$GUESTS/g1/$CONF"
	ct start g1
	[ "$(cat "$(cgroup_file g1 memory.max memory.limit_in_bytes)")" -eq $((80 << 20)) ]
}

@test "what a hand edited while the guest is stopped counts at the next start" {
	ct -q create g1 micro
	put_line g1 'hostname = by-hand'
	ct start g1
	[ "$(ct exec g1 -- hostname)" = by-hand ]
}

@test "a template that was taken away under a stopped guest is 91 at start, and back again, the guest starts" {
	own_template
	ct -q create g1 own
	mv "$OWN" "$BATS_TEST_TMPDIR/away"
	refuse 91 ct start g1 says g1 own
	[ "$(state g1)" = stopped ]
	mv "$BATS_TEST_TMPDIR/away" "$OWN"
	ct start g1
	ct destroy --force g1
	drop_template
}

@test "a template that a guest uses is not removed: 93, and which guest" {
	own_template
	ct -q create g1 own
	refuse 93 ct template remove own says own g1
	ct destroy g1
	ct template remove own
	refuse 91 ct template remove own says own
	refuse 91 ct template show own says own
}

@test "a damaged image is 47 at start and in verify, and leaves nothing" {
	own_template
	ct -q create g1 own
	ct -q template verify own
	cp "$OWN/image.erofs" "$BATS_TEST_TMPDIR/image"
	chattr -i "$OWN/image.erofs" 2>/dev/null || true
	head -c 8192 /dev/zero | dd of="$OWN/image.erofs" conv=notrunc status=none
	refuse 47 ct template verify own says own
	refuse 47 ct start g1 says g1 own
	: >"$OWN/image.erofs"
	refuse 47 ct start g1 says own
	[ "$(state g1)" = stopped ]
	ct destroy g1
	drop_template
}

@test "an archive without an init is refused as a template: 47" {
	mkdir -p "$BATS_TEST_TMPDIR/tree"/{bin,etc,dev,proc,sys,run,tmp}
	echo 'ID=none' >"$BATS_TEST_TMPDIR/tree/etc/os-release"
	tar -C "$BATS_TEST_TMPDIR/tree" -cf "$BATS_TEST_TMPDIR/none.tar" .
	refuse 47 ct -q template import own "$BATS_TEST_TMPDIR/none.tar" says own init
	refuse 91 ct template show own says own
	: >"$BATS_TEST_TMPDIR/none.tar"
	refuse 47 ct -q template import own "$BATS_TEST_TMPDIR/none.tar" says own
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/none.tar"
	refuse 47 ct -q template import own "$BATS_TEST_TMPDIR/none.tar" says own
	refuse 3 ct -q template import own "$BATS_TEST_TMPDIR/nowhere.tar" says nowhere.tar
}

@test "a guest without an init, or with one that cannot run, is 47 at start and leaves nothing" {
	new g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	ct exec g1 -- rm /sbin/init
	ct kill g1
	refuse 47 ct start g1 says g1 /sbin/init
	[ "$(state g1)" = stopped ]
	[ -z "$(links)$(cgroup_dirs g1)" ]
	[ "$(ls "$RUNS/g1")" = lock ]
	new g2
	ct exec g2 -- sh -c 'rm /sbin/init; echo "#!/no/such/program" >/sbin/init; chmod 755 /sbin/init'
	ct kill g2
	refuse 47 ct start g2 says g2 /sbin/init
}

@test "an init that ends at once leaves a stopped guest and nothing else" {
	new g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	ct exec g1 -- sh -c 'rm /sbin/init; printf "#!/bin/sh\nexit 3\n" >/sbin/init; chmod 755 /sbin/init'
	ct kill g1
	ct start g1 || true
	within 5 is_state g1 stopped
	within 5 is_clean g1
}

is_clean() {
	[ -z "$(links)$(cgroup_dirs "$1")" ] && [ "$(ls "$RUNS/$1")" = lock ]
}

@test "a pool that is not there, is taken, is in use or is too small" {
	refuse 111 ct pool create default says default
	refuse 110 ct pool show nope says nope
	refuse 110 ct pool remove nope says nope
	refuse 21 ct pool create ../p says ../p
	refuse 20 ct pool create p --kind zfs says zfs
	refuse 21 ct pool create p --size 1M says "'p'" 256
	refuse 21 ct pool create p --path relative says relative
	ct -q create g1 micro
	run --separate-stderr ct pool remove default
	[ "$status" -ne 0 ]
	[[ $stderr == *default* && $stderr == *guest* ]]
	[ "$(state g1)" = stopped ]
	[ ! -e "$CTCTL_PREFIX/lib/pools/p" ]
}

@test "a disk that is full is 46 at create, and nothing is left of it" {
	local other=$BATS_TEST_TMPDIR/full
	mkdir "$other"
	mount -t tmpfs -o size=16M,nr_inodes=4000 ctctl-test "$other"
	ct --prefix "$other" -q template build micro
	ct --prefix "$other" -q pool create default --kind dir
	dd if=/dev/zero of="$other/filler" bs=4k status=none 2>/dev/null || true
	run --separate-stderr ct --prefix "$other" create g1 micro
	find "$other/lib/guests" "$other/lib/ids" "$other"/lib/pools/*/ >"$BATS_TEST_TMPDIR/left"
	umount "$other"
	echo "$stderr"
	[ "$status" -eq 46 ]
	[[ $stderr == *g1* ]]
	[ "${#stderr_lines[@]}" -eq 1 ]
	run ! grep -E 'g1|/ids/[0-9]' "$BATS_TEST_TMPDIR/left"
}

@test "a template that does not fit on the disk is 46, and nothing is left of it" {
	local other=$BATS_TEST_TMPDIR/full
	mkdir "$other"
	mount -t tmpfs -o size=1M ctctl-test "$other"
	run --separate-stderr ct --prefix "$other" template build micro
	find "$other/lib/templates" -mindepth 1 ! -name .lock >"$BATS_TEST_TMPDIR/left"
	umount "$other"
	echo "$stderr"
	[ "$status" -eq 46 ]
	run ! grep . "$BATS_TEST_TMPDIR/left"
}

# In a mount namespace of its own, where something is missing.
without() {
	unshare --mount --propagation private sh -ec "$1; shift; exec \"\$@\"" sh "$@"
}

@test "without loop devices a pool of kind btrfs is refused with a reason, and leaves nothing" {
	run --separate-stderr without 'mount --bind /dev/null /dev/loop-control' "$CTCTL" pool create p --size 256M
	echo "$status: $stderr"
	[ "$status" -ne 0 ]
	[[ $stderr == *loop* ]]
	[ ! -e "$CTCTL_PREFIX/lib/pools/p" ]
}

@test "without control groups nothing starts, and it is said what is missing" {
	ct -q create g1 micro
	run --separate-stderr without 'umount -l /sys/fs/cgroup' "$CTCTL" start g1
	echo "$status: $stderr"
	[ "$status" -eq 4 ]
	[[ $stderr == *group* ]]
	[ "$(state g1)" = stopped ]
}

@test "without the controller of a limit, the guest does not run without the limit" {
	needs controllers_v1
	ct -q create g1 micro --memory 64M
	run --separate-stderr without 'umount -l /sys/fs/cgroup/memory' "$CTCTL" start g1
	echo "$status: $stderr"
	[ "$status" -eq 4 ]
	[[ $stderr == *memory* ]]
	[ "$(state g1)" = stopped ]
}

@test "without its helper program nothing starts, and it is named" {
	local dir=$BATS_TEST_TMPDIR/build
	mkdir "$dir"
	cp "$CTCTL" "$dir/ctctl"
	ct -q create g1 micro
	run --separate-stderr without 'if [ -d /usr/local/libexec/ctctl ]; then mount -t tmpfs none /usr/local/libexec/ctctl; fi' "$dir/ctctl" start g1
	echo "$status: $stderr"
	[ "$status" -ne 0 ]
	[[ $stderr == *ctctl-monitor* ]]
	[ "$(state g1)" = stopped ]
}

@test "an area that is gone is said so at start, and the guest can still be destroyed" {
	ct -q create g1 micro
	local area
	area=$POOL_DATA/$(ct show g1 | awk '$1 == "uuid" { print $3 }')
	btrfs -q subvolume delete "$area"
	run --separate-stderr ct start g1
	[ "$status" -ne 0 ]
	[[ $stderr == *g1* || $stderr == *area* ]]
	ct destroy g1
}

@test "a link of the guest's name, left over from whatever, stops one start and is taken away" {
	ct -q create g1 micro --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	local link
	link=$(link_of g1)
	ip link add "$link" type bridge
	refuse 104 ct start g1 says g1 "$link"
	ct start g1
	ct exec g1 -- ip addr show dev eth0 | grep -F "$NETWORK.11/24"
}
