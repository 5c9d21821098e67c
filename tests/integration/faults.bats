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
		found | awk -v prefix="$CTCTL_PREFIX/" -v pool="$POOL_DATA/" -f "$BATS_TEST_DIRNAME/shape.awk"
		ct -q list -o name,state | while read -r name state; do echo "guest $name $state"; done
		# A removed subvolume's group is stale until the kernel has cleaned up after it.
		btrfs qgroup show -re --raw "$POOL_DATA" | while read -r _ _ _ limit _ path; do
			[[ ! $path =~ ^[0-9a-f][0-9a-f-]+$ ]] || echo "quota $limit"
		done
	} | sort
}

# The names that shape.awk looks into.
found() {
	local group_dirs
	find_groups
	[ ${#group_dirs[@]} -eq 0 ] || find "${group_dirs[@]}" -mindepth 1 \( -type d -printf 'group %p\n' -o -name cgroup.procs -printf 'procs %p %P\n' -o \
		-path '*/g[12]/*' \( -name memory.max -o -name memory.limit_in_bytes -o -name pids.max \) -printf 'limit %p\n' \) || :
	find "$CTCTL_PREFIX" "$POOL_DATA" -mindepth 1 -maxdepth 6 \
		\( -path "$RUNS/_images/*" -o -path "$GUESTS/*/checkpoint/*" -o -path "$GUESTS/*/checkpoints/*/*" -o -path "$TEMPLATES/*/*/*" -o -path "$POOL_DATA/*/*" -o -path "$POOLS/*/data/*/*" \) -prune -o -printf 'file %p\n' || :
	guest_processes '[!Z]' 'process '
	links 'link '
	elements 'element '
	routes 'route '
	loops
} 2>/dev/null

# Is there something that the next ctctl has to finish or undo, and to say so?
is_unfinished() {
	local dir
	for dir in "$GUESTS"/*/ "$RUNS"/[!_]*/; do
		! [ -e "${dir}journal" ] || return 0
	done
	for dir in "$GUESTS"/*/ "$POOLS"/*/; do
		! [ -d "$dir" ] || [ -e "${dir}guest.conf" ] || [ -e "${dir}pool.conf" ] || return 0
	done
	[ -n "$(find "$TEMPLATES" -maxdepth 1 \( -name '.build-*' -o -name '.removed-*' \))" ]
}

# What each operation needs, and does. `prepare` ends with the traces that there shall be if it did nothing.
prepare_create() {
	shape >"$none"
}
do_create() {
	ct -q create g1 micro --memory 64M --disk 200M --bridge "$BRIDGE" --ip "$NETWORK.11/24"
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
		publish = 8080:80
		rules = allow tcp/22
	END
}

make_stopped() {
	do_create
	connect
	echo canary >"$(echo "$POOL_DATA"/*/upper)/canary"
}
prepare_start() {
	make_stopped
	shape >"$none"
}
do_start() {
	ct start g1
}

prepare_running() {
	make_stopped
	ct start g1
	shape >"$none"
}
prepare_stop() {
	prepare_running
}
do_stop() {
	ct kill g1
}

prepare_suspend() {
	prepare_running
}
do_suspend() {
	ct suspend g1
}

prepare_resume() {
	prepare_running
	ct suspend g1
	shape >"$none"
}
do_resume() {
	ct resume g1
}

prepare_checkpoint() {
	prepare_running
}
do_checkpoint() {
	ct -q checkpoint create g1 c1 >/dev/null
}

# What a restore brings back is gone.
prepare_restore() {
	prepare_running
	do_checkpoint
	ct exec g1 -- rm /canary
	shape >"$none"
}
do_restore() {
	ct checkpoint restore g1 c1
}

prepare_forget() {
	prepare_running
	do_checkpoint
	shape >"$none"
}
do_forget() {
	ct checkpoint remove g1 c1
}

prepare_warm() {
	do_create
	ct start g1
	do_checkpoint
	shape >"$none"
}
do_warm() {
	ct -q create g2 --warm g1@c1 --ip "$NETWORK.21/24"
}

# The first start of a copy.
prepare_wake() {
	prepare_warm
	do_warm
	shape >"$none"
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

# An interface becomes one of another kind: it is unplugged and plugged.
prepare_replug() {
	prepare_running
}
do_replug() {
	ct -q net set g1 eth1 --net bridge --net-pool '' --publish '' --bridge "$BRIDGE" --ip "$NETWORK.15/24"
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

# What the monitor does when the guest has rebooted; it gives its ctctl no environment, so this is done in its place.
prepare_reboot() {
	local init monitor
	prepare_start
	ct start g1
	init=$(status_of g1 init_pid) monitor=$(status_of g1 monitor_pid)
	boot=$(sed -n 's/^boot //p' "$RUNS/g1/state")
	kill -KILL "$monitor"
	kill -KILL "$init"
	within 5 has_ended "$init"
	within 5 has_ended "$monitor"
}
do_reboot() {
	ct __exited g1 "$boot" 1 # SIGHUP
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
	shape >"$none"
}
do_import() {
	ct -q template import t1 "$(tarball)" >/dev/null
}
next_import() {
	:
}

prepare_remove() {
	do_import
	shape >"$none"
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
	shape >"$none"
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
	touch_guest g2
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

same() {
	[ "$(<"$1")" = "$(<"$BATS_TEST_TMPDIR/shape")" ]
}

is_one_of() {
	local file
	shape >"$BATS_TEST_TMPDIR/shape"
	for file; do
		! same "$file" || return 0
	done
	return 1
}

# has_shape WHEN FILE...: the traces are those of one of these.
has_shape() {
	local when=$1
	shift
	within 3 is_one_of "$@" >/dev/null && return
	problem "$when: neither done nor undone:"
	local file
	for file; do
		diff -U0 "$file" "$BATS_TEST_TMPDIR/shape" || :
	done
}

# The state that an undisturbed one ends in, which has to be another than that before it.
learn() {
	case="$1, undisturbed"
	none=$BATS_TEST_TMPDIR/none
	clear_all
	"prepare_$1"
	"do_$1" || problem "fails"
	shape >"$BATS_TEST_TMPDIR/done.$1"
	within 5 is_at_rest "$1"
	! cmp -s "$none" "$BATS_TEST_TMPDIR/done.$1" || problem "does nothing"
}

# A monitor that has become ctctl needs a moment to be gone.
is_at_rest() {
	cp "$BATS_TEST_TMPDIR/done.$1" "$BATS_TEST_TMPDIR/last"
	sleep 0.02
	shape >"$BATS_TEST_TMPDIR/done.$1"
	cmp -s "$BATS_TEST_TMPDIR/last" "$BATS_TEST_TMPDIR/done.$1"
}

# fault HOW POINT OPERATION: does it with KILL or FAIL at that point.
fault() {
	local status=0
	case="$3 with $1 at $2"
	clear_all
	"prepare_$3"
	(
		export "CTCTL_FAULT_$1=$2"
		"do_$3"
	) 2>"$BATS_TEST_TMPDIR/stderr" || status=$?
	return "$status"
}

# passes POINT OPERATION: does the operation come by there? Then what fails has undone itself; but what is removed is not made whole again.
passes() {
	! fault FAIL "$1" "$2" || return 1
	grep -qF "fault injected at '$1'" "$BATS_TEST_TMPDIR/stderr" || return 1
	case $2 in
	destroy | discard | remove | forget)
		recovers "$2"
		;;
	*)
		has_shape 'after a failure' "$none" "$BATS_TEST_TMPDIR/done.$2"
		repeats "$2"
		;;
	esac
}

# The next command says that it recovers if there is something to recover; then the operation is done or undone.
recovers() {
	local unfinished='' notes=$BATS_TEST_TMPDIR/notes
	! is_unfinished || unfinished=1
	next "$1" >"$notes" 2>&1
	if declare -F "next_$1" >/dev/null; then
		shape >"$BATS_TEST_TMPDIR/shape"
	else
		has_shape 'after the next command' "$none" "$BATS_TEST_TMPDIR/done.$1"
	fi
	repeats "$1" 2>>"$notes"
	[ -z "$unfinished" ] || grep -qE '^ctctl: note: ' "$notes" || problem "recovers without a note: $(cat "$notes")"
}

# What is not done can be repeated.
repeats() {
	local status=0
	if ! same "$BATS_TEST_TMPDIR/done.$1"; then
		repeat "$1" || status=$?
		[ "$status" -eq 0 ] || problem "cannot be repeated: status $status"
	fi
	has_shape 'after repeating it' "$BATS_TEST_TMPDIR/done.$1"
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
	local prefix=$1 name op passed names case none n=0
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
