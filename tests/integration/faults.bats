# SPDX-License-Identifier: GPL-2.0-or-later
# Operations that are killed, or fail, in the middle: at every fault_point() of the sources (base/fault.h). The points are found there when the tests run.
# In a world of its own (world.bash), because guests here are routed and have an address of the NAT network.
load lib
load world
load killing

SOURCES=$BATS_TEST_DIRNAME/../..
POOLS=$CTCTL_PREFIX/lib/pools
TEMPLATES=$CTCTL_PREFIX/lib/templates

setup_file() {
	world_up
}

setup() {
	remember_state
}

teardown_file() {
	within 30 is_reaped
	world_down
}

# Every call of fault_point(), as its file has it; declaration and definition say what the name is, not one.
fault_calls() {
	grep -rhoE 'fault_point\([^,)]*' --include='*.c' "$SOURCES"/{base,netns,storage,templates,runtime,cmd} | grep -v 'const char'
}

# fault_names PREFIX: those of one operation.
fault_names() {
	fault_calls | sed -nE "s/^fault_point\(\"($1\.[a-z-]+)\"$/\1/p" | sort -u
}

# What could differ after an interruption, without what differs between two guests that are alike: the instance's traces on the host and on the disk; who runs; limits
# in guest.conf and in the kernel; whether the canary is there. This is what most of the time here is spent on: it is done with few processes.
shape() {
	{
		look
		echo begin guests
		ct -q list -o name,state
		echo end
		echo begin quota
		btrfs qgroup show -re --raw "$POOL_DATA"
		echo end
	} 2>/dev/null | traces shape | sort >"$1"
}

# Is there something that the next ctctl has to finish or undo, and to say so?
is_unfinished() {
	local dir
	for dir in "$GUESTS"/*/ "$RUNS"/[!_]*/; do
		! [ -e "${dir}journal" ] || return 0
	done
	for dir in "$GUESTS"/*/ "$POOLS"/*/; do
		! [ -d "$dir" ] || [ -e "${dir}guest.conf" ] || [ -e "${dir}pool.conf" ] || return 0
	done
	for dir in "$TEMPLATES"/.{build,removed}-*; do
		! [ -e "$dir" ] || return 0
	done
	return 1
}

# What each operation needs, does, and by what it is taken back (if that is quicker than to begin anew).
prepare_create() {
	:
}
do_create() {
	ct -q create g1 micro --memory 64M --disk 200M --bridge "$BRIDGE" --ip "$NETWORK.11/24"
}
back_create() {
	ct -q destroy g1
}

# In the registry, as `create` has it there.
own_addresses() {
	local registry=$CTCTL_PREFIX/lib/addresses name
	rm "$registry/$NETWORK.11" # of the eth0 that it was created with
	for name in 198.51.100.11 2001:db8:1::11 2001:db8:5::_64; do
		ln -s "$1/eth0" "$registry/$name"
	done
	ln -s "$1/eth1" "$registry/$NETWORK.12"
}

# Two interfaces, written by hand: at `create` the wire would be asked for each address, every time.
connect() {
	local conf=$GUESTS/g1/guest.conf
	sed -i '/^\[eth0\]$/,$d' "$conf"
	own_addresses "$(sed -n 's/^uuid = //p' "$conf")"
	cat >>"$conf" <<-END
		[eth0]
		slot = 0
		net = routed
		ip = 198.51.100.11, 2001:db8:1::11
		route = 2001:db8:5::/64
		rate-in = 100M
		rate-out = 50M
		packets = 10000
		[eth1]
		slot = 1
		net = nat
		net-pool = default
		ip = $NETWORK.12
		publish = 8080:80/tcp
		rules = allow tcp/22
	END
}

prepare_start() {
	do_create
	connect
	echo canary >"$(echo "$POOL_DATA"/*/upper)/canary"
}
do_start() {
	ct start g1
}
back_start() {
	ct kill g1
}

prepare_running() {
	prepare_start
	do_start
}
prepare_stop() {
	prepare_running
}
do_stop() {
	ct kill g1
}
back_stop() {
	ct start g1
}

prepare_suspend() {
	prepare_running
}
do_suspend() {
	ct suspend g1
}
back_suspend() {
	ct resume g1
}

prepare_resume() {
	prepare_running
	ct suspend g1
}
do_resume() {
	ct resume g1
}
back_resume() {
	ct suspend g1
}

prepare_checkpoint() {
	prepare_running
}
do_checkpoint() {
	ct -q checkpoint create g1 c1 >/dev/null
}
back_checkpoint() {
	ct checkpoint remove g1 c1
}

# What a restore brings back is gone.
prepare_restore() {
	prepare_running
	do_checkpoint
	ct exec g1 -- rm /canary
}
do_restore() {
	ct checkpoint restore g1 c1
}
back_restore() {
	ct exec g1 -- rm /canary
}

prepare_forget() {
	prepare_running
	do_checkpoint
}
do_forget() {
	ct checkpoint remove g1 c1
}
back_forget() {
	do_checkpoint
}

prepare_warm() {
	do_create
	ct start g1
	do_checkpoint
}
do_warm() {
	ct -q create g2 --warm g1@c1 --ip "$NETWORK.21/24"
}
back_warm() {
	ct -q destroy g2
}

# The first start of a copy.
prepare_wake() {
	prepare_warm
	do_warm
}
do_wake() {
	ct start g2
}

prepare_set() {
	prepare_running
}
do_set() {
	ct set g1 --memory 96M --pids 77 --disk 300M --ip 198.51.100.13 --route '' --rate-in 20M --packets 20000
}
back_set() {
	ct set g1 --memory 64M --pids 4096 --disk 200M --ip '198.51.100.11, 2001:db8:1::11' --route 2001:db8:5::/64 --rate-in 100M --packets 10000
}

# An interface becomes one of another kind: it is unplugged and plugged.
prepare_replug() {
	prepare_running
}
do_replug() {
	ct -q net set g1 eth1 --net bridge --net-pool '' --publish '' --bridge "$BRIDGE" --ip "$NETWORK.15/24"
}
back_replug() {
	ct -q net set g1 eth1 --net nat --bridge '' --net-pool default --ip "$NETWORK.12" --publish 8080:80
}
prepare_destroy() {
	prepare_running
}
do_destroy() {
	ct destroy --force g1
}

prepare_discard() {
	prepare_start
}
do_discard() {
	ct destroy g1
}

prepare_rename() {
	prepare_start
}
do_rename() {
	ct rename g1 g2
}
back_rename() {
	ct rename g2 g1
}

# What the monitor does when the guest has rebooted; it gives its ctctl no environment, so this is done in its place.
prepare_reboot() {
	prepare_start
}
do_reboot() {
	local init monitor boot
	ct start g1
	init=$(status_of g1 init_pid) monitor=$(status_of g1 monitor_pid)
	boot=$(sed -n 's/^boot //p' "$RUNS/g1/state")
	kill -KILL "$monitor"
	kill -KILL "$init"
	within 5 has_ended "$init"
	within 5 has_ended "$monitor"
	ct __exited g1 "$boot" 1 # SIGHUP
}
back_reboot() {
	ct kill g1
}
repeat_reboot() {
	do_start
}

tarball() {
	local dir=$BATS_FILE_TMPDIR/tree
	if ! [ -e "$dir.tar" ]; then
		mkdir -p "$dir/sbin" "$dir/bin" "$dir/etc"
		cp "$(command -v busybox)" "$dir/bin/busybox"
		ln -s ../bin/busybox "$dir/sbin/init"
		echo 'ID=canary' >"$dir/etc/os-release"
		tar -C "$dir" -cf "$dir.tar" .
	fi
	echo "$dir.tar"
}
prepare_import() {
	:
}
do_import() {
	ct -q template import t1 "$(tarball)" >/dev/null
}
next_import() {
	:
}

prepare_remove() {
	do_import
}
do_remove() {
	ct -q template remove t1
}
# Leftovers of a removal are taken away by the next command that makes a template.
next_remove() {
	ct -q template import t2 "$(tarball)" >/dev/null
	"$CTCTL" -q template remove t2
}

prepare_pool() {
	:
}
do_pool() {
	ct -q pool create p1 --size 256M
}
next_pool() {
	:
}

# A command that takes the lock of the guest and leaves what it finds as it is.
touch_guest() {
	local status=9
	while [ "$status" -eq 9 ]; do # its monitor is cleaning up
		status=0
		ct set "$1" --description next || status=$?
	done
	[ "$status" -eq 0 ] || [ "$status" -eq 13 ] || problem "the next command ends with $status"
}

next() {
	if declare -F "next_$1" >/dev/null; then
		"next_$1"
		return
	fi
	touch_guest g1
	case $1 in
	rename | warm | wake) touch_guest g2 ;;
	esac
}

repeat() {
	if declare -F "repeat_$1" >/dev/null; then
		"repeat_$1"
	else
		"do_$1"
	fi
}

clear_all() {
	local name
	for name in g1 g2; do
		! [ -d "$GUESTS/$name" ] || ct -q destroy --force "$name" || discard "$name"
	done
	! [ -d "$POOLS/p1" ] || ct -q pool remove p1
	for name in t1 t2; do
		! [ -d "$TEMPLATES/$name" ] || "$CTCTL" -q template remove "$name"
	done
}

# Errors are collected, so that one point does not hide the next.
problem() {
	echo "$case: $*" | tee -a "$BATS_TEST_TMPDIR/problems"
}

# SHAPES/none.OPERATION and done.OPERATION: the shapes before and after it.
same() {
	[ "$(<"$1")" = "$(<"$BATS_TEST_TMPDIR/shape")" ]
}

# is_as OPERATION WHAT...: sets `now` to the one of these, none or done, that it is.
is_as() {
	shape "$BATS_TEST_TMPDIR/shape"
	for now in "${@:2}"; do
		! same "$SHAPES/$now.$1" || return 0
	done
	now=''
	return 1
}

# has_shape WHEN OPERATION WHAT...: the traces are those of one of these.
has_shape() {
	local what
	within 3 is_as "${@:2}" >/dev/null && return
	problem "$1: neither done nor undone:"
	for what in "${@:3}"; do
		diff -U0 "$SHAPES/$what.$2" "$BATS_TEST_TMPDIR/shape" || :
	done
}

# The state before and after an undisturbed one, which have to be different; once for all tests. The one before when all has been done once: what stays of that is none's.
learn() {
	case="$1, undisturbed" now=''
	SHAPES=$BATS_FILE_TMPDIR
	! [ -e "$SHAPES/done.$1" ] || return 0
	ready "$1"
	"do_$1" || problem "fails"
	shape "$BATS_TEST_TMPDIR/last"
	within 5 is_at_rest
	cp "$BATS_TEST_TMPDIR/last" "$SHAPES/done.$1"
	now=done
	ready "$1"
	shape "$SHAPES/none.$1"
	! cmp -s "$SHAPES/none.$1" "$SHAPES/done.$1" || problem "does nothing"
}

# A monitor that has become ctctl needs a moment to be gone.
is_at_rest() {
	mv "$BATS_TEST_TMPDIR/last" "$BATS_TEST_TMPDIR/shape"
	sleep 0.02
	shape "$BATS_TEST_TMPDIR/last"
	same "$BATS_TEST_TMPDIR/last"
}

# ready OPERATION: that it can be done. By what takes it back, if it is known to be done; and anew, if nothing is known.
ready() {
	[ "$latest" = "$1" ] || now=''
	latest=$1
	if [ "$now" = done ] && declare -F "back_$1" >/dev/null && "back_$1"; then
		now=none
	elif [ "$now" != none ]; then
		clear_all
		"prepare_$1"
	fi
}

# fault HOW POINT OPERATION: does it with KILL or FAIL at that point.
fault() {
	local status=0
	case="$3 with $1 at $2"
	ready "$3"
	now=''
	(
		export "CTCTL_FAULT_$1=$2"
		"do_$3"
	) 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
	return "$status"
}

# passes POINT OPERATION: does the operation come by there? Then what fails has undone itself; but what is removed is not made whole again.
passes() {
	if fault FAIL "$1" "$2"; then
		now=done
		return 1
	fi
	[[ $(<"$BATS_TEST_TMPDIR/stderr") == *"fault injected at '$1'"* ]] || return 1
	case $2 in
	destroy | discard | remove | forget)
		recovers "$2"
		;;
	*)
		has_shape 'after a failure' "$2" none done
		# What is killed comes by there once more, and is repeated then.
		[ "$PATIENCE" -gt 1 ] || repeats "$2"
		;;
	esac
}

# The next command says that it recovers if there is something to recover; then the operation is done or undone.
recovers() {
	local unfinished='' notes=$BATS_TEST_TMPDIR/notes
	! is_unfinished || unfinished=1
	next "$1" >"$notes" 2>&1
	if declare -F "next_$1" >/dev/null; then
		is_as "$1" none done || :
	else
		has_shape 'after the next command' "$1" none done
	fi
	repeats "$1" 2>>"$notes"
	[ -z "$unfinished" ] || [[ $'\n'$(<"$notes") == *$'\nctctl: note: '* ]] || problem "recovers without a note: $(<"$notes")"
}

# What is not done can be repeated.
repeats() {
	local status=0
	[ "$now" != done ] || return 0
	repeat "$1" || status=$?
	[ "$status" -eq 0 ] || problem "cannot be repeated: status $status"
	has_shape 'after repeating it' "$1" done
}

# Slow hosts, of which there are several, share the points: each takes every second one, by the version of its distribution.
is_ours() {
	local version
	[ "$PATIENCE" -gt 1 ] || return 0
	version=$(sed -nE 's/^VERSION_ID="?([0-9]+).*/\1/p' /etc/os-release)
	[ $((($1 + ${version:-0}) % 2)) -eq 0 ]
}

# each_fault PREFIX OPERATION...: at least one of the operations passes each of these points. On slow hosts one is enough.
each_fault() {
	local prefix=$1 name op passed names case now latest n=0
	shift
	names=$(fault_names "$prefix")
	[ -n "$names" ]
	for op; do
		learn "$op"
	done
	for name in $names; do
		n=$((n + 1))
		is_ours "$n" || continue
		passed=''
		for op; do
			[ -z "$passed" ] || [ "$PATIENCE" -eq 1 ] || continue
			passes "$name" "$op" || continue
			passed=1
			! fault KILL "$name" "$op" || problem "is not killed"
			recovers "$op"
		done
		case=$name
		[ -n "$passed" ] || problem "is not passed by: $*"
	done
	clear_all
	! [ -s "$BATS_TEST_TMPDIR/problems" ]
}

@test "every fault point has a name and a test here" {
	local prefixes
	run ! grep -vE '^fault_point\("[a-z]+\.[a-z-]+"$' <(fault_calls)
	prefixes=$(fault_calls | sed -E 's/.*"([a-z]+)\..*/\1/' | sort -u)
	[ -n "$prefixes" ]
	diff <(echo "$prefixes") <(sed -nE 's/^\teach_fault ([a-z]+) .*/\1/p' "$BATS_TEST_FILENAME" | sort -u)
}

@test "create: at each step, killed or failed, it ends with no guest at all" {
	each_fault create create
}

@test "create --warm: at each step, killed or failed, it ends with no guest at all, or one whose start can be repeated" {
	needs criu
	each_fault warm warm wake
}

@test "addresses: at each step, killed or failed, creating a guest leaves none that is nobody's" {
	each_fault address create
}

@test "private areas: at each step, killed or failed, creating and destroying a guest leave none half made" {
	each_fault area create destroy
}

@test "start: at each step, in ctctl, the monitor and the guest, killed or failed, it ends with a stopped or a running guest" {
	each_fault start start
}

@test "control groups: at each step, killed or failed, a start leaves none" {
	each_fault cgroup start
}

@test "filter: at each step, killed or failed, a start leaves none of its elements" {
	each_fault filter start
}

@test "stop: at each step, killed or failed, the guest runs or is stopped" {
	each_fault stop stop
}

@test "suspend: at each step, killed or failed, the guest runs or is suspended" {
	needs criu
	each_fault suspend suspend
}

@test "resume: at each step, killed or failed, the guest is suspended or runs" {
	needs criu
	each_fault resume resume
}

@test "checkpoint: at each step, killed or failed, the guest runs, and its checkpoint is whole or gone" {
	needs criu
	each_fault checkpoint checkpoint forget
}

@test "restore: at each step, killed or failed, the guest runs as it was or as it was then" {
	needs criu
	each_fault restore restore
}

@test "copies of private areas: at each step, killed or failed, there is a whole one or none, and two change places or stay" {
	needs criu
	each_fault copy restore
}

@test "set: at each step, killed or failed, guest.conf and the kernel agree" {
	each_fault set set replug
}

@test "destroy: at each step, killed or failed, it is finished by the next command" {
	each_fault destroy destroy discard
}

@test "rename: at each step, killed or failed, the guest has one name" {
	each_fault rename rename
}

@test "reboot: at each step, killed or failed, the guest runs or is stopped" {
	each_fault reboot reboot
}

@test "templates: at each step, killed or failed, there is a whole one or none" {
	each_fault template import remove
}

@test "pools: at each step, killed or failed, there is a whole one or none" {
	each_fault pool pool
}
