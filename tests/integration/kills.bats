# SPDX-License-Identifier: GPL-2.0-or-later
# Processes that are killed from outside, at any moment, and commands that come at the same time.
load lib
load killing

# The guest powers off or reboots itself at once; the command dies with it.
inside() {
	run ct exec "$1" -- "$2" -f
	[ "$status" -eq 0 ] || [ "$status" -eq 143 ] || [ "$status" -eq 137 ]
}

# Its init is another one than that of pid $2, and nobody is at work on it.
runs_anew() {
	local json
	json=$(ct status "$1" --json | tr -d ' \n')
	[[ $json == *'"state":"running"'*'"busy":null'* && $json != *"\"init_pid\":$2,"* ]]
}

is_stopped_and_gone() {
	is_state "$1" stopped && [ -z "$(cgroup_dirs "$1")" ] && [ "$(ls -A "$RUNS/$1")" = lock ]
}

# A guest that runs, with a file and a process of its own.
new_with_canary() {
	new "$@"
	ct exec "$1" -- sh -c 'echo kept >/root/canary; sync; setsid sleep 4712 >/dev/null 2>&1 </dev/null &'
}

has_canary() {
	[ "$(ct exec "$1" -- cat /root/canary)" = kept ]
}

# runs_inside NAME PATTERN: a command line of the guest matches, and it is not that of this search.
runs_inside() {
	ct exec "$1" -- sh -c "grep -q '$2' /proc/[0-9]*/cmdline"
}

kill_monitor() {
	local monitor
	monitor=$(status_of "$1" monitor_pid)
	kill -KILL "$monitor"
	within 5 has_ended "$monitor"
}

# says NOTE COMMAND...: it succeeds with such a note.
says() {
	local note=$1
	shift
	run -0 --separate-stderr "$@"
	echo "$stderr"
	[[ $stderr == *"ctctl: note: "*"$note"* ]]
}

@test "a guest whose monitor was killed goes on, and the next command gives it another one" {
	local init first second
	new_with_canary g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	init=$(status_of g1 init_pid) first=$(status_of g1 monitor_pid)
	kill_monitor g1
	[ "$(state g1)" = unmonitored ]
	has_canary g1
	says 'new one' ct set g1 --description x
	[ "$(state g1)" = running ]
	second=$(status_of g1 monitor_pid)
	[ "$second" != "$first" ]
	[ "$(status_of g1 init_pid)" = "$init" ]
	runs_inside g1 'sleep.471[2]'
	ct exec g1 -- ip addr show dev eth0 | grep -F "$NETWORK.11/24"
	# Nothing more is said, and no third monitor comes.
	run -0 --separate-stderr ct set g1 --description y
	[ -z "$stderr" ]
	[ "$(status_of g1 monitor_pid)" = "$second" ]
	grep -qx "$second" "$(cgroup_file _monitors cgroup.procs cgroup.procs)"
	ct kill g1
	is_stopped_and_gone g1
	within 5 has_ended "$second"
	ct start g1
	has_canary g1
}

@test "a monitor that cannot be noted is ended again, and one that can comes where its group was removed" {
	local dir
	new g1
	kill_monitor g1
	for dir in $(cgroup_dirs _monitors); do
		rmdir "$dir"
	done
	mkdir "$RUNS/g1/.state.new"
	run -0 --separate-stderr ct set g1 --description x
	[[ $stderr == *'could not be given another'* ]]
	! pgrep -f "ctctl-monitor g1 .*$CTCTL_PREFIX"
	rmdir "$RUNS/g1/.state.new"
	says 'new one' ct set g1 --description y
	grep -qx "$(status_of g1 monitor_pid)" "$(cgroup_file _monitors cgroup.procs cgroup.procs)"
	ct kill g1
}

@test "stop works on a guest without a monitor" {
	local init
	new_with_canary g1
	within 5 listens g1
	init=$(status_of g1 init_pid)
	kill_monitor g1
	says 'new one' ct stop g1 --timeout 20
	[[ $stderr != *killed* ]]
	is_stopped_and_gone g1
	has_ended "$init"
}

# Its init has come so far that it listens to signals: it has started its shell, beside the sleep of the canary.
listens() {
	[ "$(status_of "$1" processes)" -ge 3 ]
}

@test "a reboot inside a guest whose first monitor was killed counts as a power-off" {
	local verb
	new_with_canary g1
	for verb in reboot poweroff; do
		kill_monitor g1
		ct set g1 --description x
		[ "$(state g1)" = running ]
		inside g1 "$verb"
		within 10 is_stopped_and_gone g1
		ct start g1
		has_canary g1
	done
}

@test "a guest that ends while it has no monitor is cleaned up by the next command" {
	new_with_canary g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	kill_monitor g1
	inside g1 reboot
	within 10 is_state g1 stopped
	ct set g1 --description x
	is_stopped_and_gone g1
	[ -z "$(links)" ]
	ct start g1
	has_canary g1
}

@test "kill -9 of a guest's init stops the guest" {
	local monitor
	new_with_canary g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	monitor=$(status_of g1 monitor_pid)
	kill -KILL "$(status_of g1 init_pid)"
	within 10 is_stopped_and_gone g1
	within 5 has_ended "$monitor"
	[ -z "$(links)" ]
	ct start g1
	has_canary g1
}

@test "kill -9 of a ctctl that waits in stop leaves the guest and its lock alone" {
	local pid init
	new_with_canary g1
	init=$(status_of g1 init_pid)
	kill -STOP "$init" # it does not react
	"$CTCTL" stop g1 --timeout 600 &
	pid=$!
	within 5 is_busy g1
	kill -KILL "$pid"
	wait_for "$pid"
	ct set g1 --description x
	[ "$(status_of g1 init_pid)" = "$init" ]
	ct kill g1
	is_stopped_and_gone g1
	ct start g1
	has_canary g1
}

is_busy() {
	[ "$(status_of "$1" busy)" != null ]
}

@test "kill -9 of a ctctl that waits for a shutdown command inside ends its helper, too" {
	local pid
	new_with_canary g1
	ct exec g1 -- sh -c 'rm -f /sbin/poweroff; printf "#!/bin/sh\nexec sleep 4713\n" >/sbin/poweroff; chmod +x /sbin/poweroff'
	sed -i 's/^init = .*/init = openrc/' "$GUESTS/g1/guest.conf"
	"$CTCTL" stop g1 --timeout 600 &
	pid=$!
	within 5 runs_inside g1 'sleep.471[3]'
	kill -KILL "$pid"
	wait_for "$pid"
	within 2 ct set g1 --description x
	has_canary g1
	ct kill g1
	is_stopped_and_gone g1
}

@test "a start that is killed at any moment ends with a stopped or a running guest, and the next command knows which" {
	local i pid killed=0 state
	ct -q create g1 micro --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	instance_state | sort | grep -v '/console.log$' >"$BATS_TEST_TMPDIR/stopped"
	for i in $(rounds 30); do
		"$CTCTL" start g1 &
		pid=$!
		sleep_ms $((RANDOM % 9 * PATIENCE))
		kill -KILL "$pid" 2>/dev/null || :
		wait_for "$pid"
		[ "$status" -eq 0 ] || killed=$((killed + 1))
		within 5 ct set g1 --description "$i"
		state=$(state g1)
		echo "$i: status $status, $state"
		if [ "$state" = running ]; then
			ct exec g1 -- true
			ct kill g1
		fi
		[ "$(state g1)" = stopped ]
		within 3 is_as_stopped
	done
	echo "killed: $killed"
	[ "$killed" -gt 0 ]
	ct start g1
}

is_as_stopped() {
	instance_state | sort >"$BATS_TEST_TMPDIR/now"
	same_state "$BATS_TEST_TMPDIR/stopped" "$BATS_TEST_TMPDIR/now"
}

@test "a start that was killed as it wrote a file leaves no half of it" {
	ct -q create g1 micro
	echo 'start 0123' >"$RUNS/g1/journal"
	echo 'init' >"$RUNS/g1/.state.new"
	touch "$RUNS/g1/.links.new" "$RUNS/g1/.links.next.new"
	says 'interrupted start' ct set g1 --description x
	is_stopped_and_gone g1
}

@test "a guest whose start was killed after it ran can still reboot by itself" {
	local init
	ct -q create g1 micro
	CTCTL_FAULT_KILL=start.launched "$CTCTL" start g1 || status=$?
	[ "$status" -eq 137 ]
	[ -e "$RUNS/g1/journal" ]
	[ "$(state g1)" = running ]
	init=$(status_of g1 init_pid)
	inside g1 reboot
	within 15 runs_anew g1 "$init"
	ct kill g1
	is_stopped_and_gone g1
}

@test "of two starts at once exactly one wins, and the other says that it is busy or runs" {
	local i first second
	ct -q create g1 micro
	for i in $(rounds 10); do
		"$CTCTL" start g1 2>"$BATS_TEST_TMPDIR/first" &
		first=$!
		"$CTCTL" start g1 2>"$BATS_TEST_TMPDIR/second" &
		second=$!
		wait_for "$first"
		first=$status
		wait_for "$second"
		second=$status
		echo "$first $second"
		cat "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/second" >"$BATS_TEST_TMPDIR/both"
		case "$first $second" in
		'0 32' | '32 0') grep -q running "$BATS_TEST_TMPDIR/both" ;;
		'0 9' | '9 0') grep -q "guest 'g1' is busy" "$BATS_TEST_TMPDIR/both" ;;
		*) false ;;
		esac
		[ "$(wc -l <"$BATS_TEST_TMPDIR/both")" -eq 1 ]
		[ "$(state g1)" = running ]
		[ "$(wc -l <"$(cgroup_file _monitors cgroup.procs cgroup.procs)")" -eq 1 ]
		ct kill g1
	done
}

@test "ten creates at once make ten guests with ranges of their own" {
	local i pids=()
	for i in {0..9}; do
		"$CTCTL" -q create "p$i" micro --start &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		wait "$i"
	done
	[ "$(ct list -o name,state | grep -c running)" -eq 10 ]
	[ "$(cat "$GUESTS"/p*/guest.conf | grep '^ids = ' | sort -u | wc -l)" -eq 10 ]
	[ "$(cat "$GUESTS"/p*/guest.conf | grep '^uuid = ' | sort -u | wc -l)" -eq 10 ]
	[ "$(find "$IDS" -name '[0-9]*' | wc -l)" -eq 10 ]
	ct kill p{0..9}
}

@test "of ten creates of one name at once exactly one wins" {
	local i pid pids=() won=0
	for i in {0..9}; do
		"$CTCTL" -q create g1 micro &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait_for "$pid"
		case $status in
		0) won=$((won + 1)) ;;
		9 | 111) ;;
		*) echo "status $status" && false ;;
		esac
	done
	[ "$won" -eq 1 ]
	[ "$(find "$IDS" -name '[0-9]*' | wc -l)" -eq 1 ]
	ct start g1
}

@test "destroy --force during a start destroys, or says that the guest is busy" {
	local i pid destroyed
	instance_state | sort >"$BATS_TEST_TMPDIR/none"
	for i in $(rounds 10); do
		ct -q create g1 micro --bridge "$BRIDGE" --ip "$NETWORK.11/24"
		"$CTCTL" start g1 2>/dev/null &
		pid=$!
		sleep_ms $((i * PATIENCE))
		destroyed=0
		while [ "$destroyed" -eq 0 ]; do
			run ct -q destroy --force g1
			[ "$status" -eq 0 ] || [ "$status" -eq 9 ]
			[ "$status" -eq 9 ] || destroyed=1
		done
		wait_for "$pid"
		echo "$i: start: $status"
		[ "$status" -eq 0 ] || [ "$status" -eq 9 ] || [ "$status" -eq 13 ]
		within 3 is_as_none
	done
}

is_as_none() {
	instance_state | sort >"$BATS_TEST_TMPDIR/now"
	same_state "$BATS_TEST_TMPDIR/none" "$BATS_TEST_TMPDIR/now"
}

@test "a reboot is not lost to commands that come in between" {
	local init i=64 n=0
	new_with_canary g1
	init=$(status_of g1 init_pid)
	inside g1 reboot
	until runs_anew g1 "$init"; do
		run ct set g1 --memory "$i"M
		echo "$status $output"
		[ "$status" -eq 0 ] || [ "$status" -eq 9 ]
		[ "$status" -ne 0 ] || i=$((i + 1)) n=$((n + 1))
		[ "$n" -lt 200 ]
	done
	ct set g1 --memory "$i"M
	[ "$(cat "$(cgroup_file g1 memory.max memory.limit_in_bytes)")" -eq $((i << 20)) ]
	has_canary g1
}

@test "a monitor that is killed as its guest reboots leaves a stopped or a running guest" {
	local i monitor init state
	new_with_canary g1 --bridge "$BRIDGE" --ip "$NETWORK.11/24"
	for i in $(rounds 6); do
		monitor=$(status_of g1 monitor_pid) init=$(status_of g1 init_pid)
		sleep_ms 990 # a second after its start, a reboot is at once
		ct exec g1 -- reboot -f || :
		sleep_ms $((i * 3 * PATIENCE))
		kill -KILL "$monitor" 2>/dev/null || :
		within 5 has_ended "$monitor"
		within 10 has_ended "$init"
		within 10 ct set g1 --description "$i"
		state=$(state g1)
		echo "$i: $state"
		if [ "$state" = stopped ]; then
			is_stopped_and_gone g1
			[ -z "$(links)" ]
			ct start g1
		fi
		has_canary g1
		[ "$(wc -l <"$(cgroup_file _monitors cgroup.procs cgroup.procs)")" -eq 1 ]
	done
}

# cut_reboot GUEST FAULT: the guest has ended as one that reboots does, and who was to start it again is killed at that point.
cut_reboot() {
	local boot init
	boot=$(sed -n 's/^boot //p' "$RUNS/$1/state") init=$(status_of "$1" init_pid)
	kill_monitor "$1"
	kill -KILL "$init"
	within 5 has_ended "$init"
	CTCTL_FAULT_KILL=$2 run ct __exited "$1" "$boot" 1 # the signal of a reboot, SIGHUP, as wait(2) has it
	[ "$status" -ne 0 ]
}

@test "a reboot that is killed half-way is finished by the next command, and the guest runs again" {
	local fault
	new_with_canary g1
	for fault in reboot.cleaned start.cgroup start.forked; do
		cut_reboot g1 "$fault"
		says 'had rebooted and was started again' ct set g1 --description "$fault"
		[ "$(state g1)" = running ]
		has_canary g1
	done
	cut_reboot g1 reboot.cleaned
	run ct start g1
	echo "$output"
	[ "$status" -eq 0 ] || [ "$status" -eq 32 ]
	[ "$(state g1)" = running ]
}
