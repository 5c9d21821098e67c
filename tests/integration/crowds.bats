# SPDX-License-Identifier: GPL-2.0-or-later
# Many commands, many guests, at once. What is killed in the middle has files of its own.
load lib

# at_once COMMAND...: four of it; $outcomes are their statuses.
at_once() {
	local i pids=() all=()
	for i in 1 2 3 4; do
		"$CTCTL" -q "$@" &
		pids+=($!)
	done
	for i in "${pids[@]}"; do
		status=0
		wait "$i" || status=$?
		all+=("$status")
	done
	echo "$*: ${all[*]}"
	outcomes=" ${all[*]} "
}

# one_success_else STATUS...: exactly one of the outcomes is a success, all others are among these.
one_success_else() {
	local others=$outcomes code
	[[ $others == *' 0 '* ]]
	others=${others/ 0 / }
	for code; do
		while [[ $others == *" $code "* ]]; do others=${others/ $code / }; done
	done
	[ -z "${others// /}" ]
}

@test "of four creates, starts and destroys of one guest at once, one does it and the others say why not" {
	local outcomes i
	for i in $(rounds 15); do
		at_once create g1 micro
		one_success_else 9 111
		at_once start g1
		one_success_else 9 32
		[ "$(pgrep -c -f "ctctl-monitor g1 .*$CTCTL_PREFIX")" -eq 1 ]
		ct exec g1 -- true
		at_once destroy --force g1
		one_success_else 9 13
	done
}

@test "ten guests are created, started and destroyed at once, each with ids of its own" {
	local i
	for i in {1..10}; do
		ct -q create "g$i" micro --bridge "$BRIDGE" --ip "$NETWORK.$((10 + i))/24" &
	done
	wait
	[ "$(ct list -o name | wc -l)" -eq 11 ]
	[ "$(for i in {1..10}; do ct show "g$i" | grep ^ids; done | sort -u | wc -l)" -eq 10 ]
	for i in {1..10}; do
		ct start "g$i" &
	done
	wait
	[ "$(ct list | grep -c ' running ')" -eq 10 ]
	[ "$(links | wc -l)" -eq 10 ]
	for i in {1..10}; do
		ct exec "g$i" -- hostname
	done | sort -u | wc -l | grep -x 10
	for i in {1..10}; do
		ct destroy --force "g$i" &
	done
	wait
	[ "$(ct list -o name 2>/dev/null | grep -c '^g')" -eq 0 ]
}

@test "create and destroy are killed at twenty moments each: afterwards the guest is whole or gone" {
	local i
	instance_state | sort >"$BATS_TEST_TMPDIR/empty"
	for i in $(rounds 20); do
		"$CTCTL" -q create g1 micro 2>/dev/null &
		sleep "$(printf '0.%04d' $((i * 5 * PATIENCE)))"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		run ct -q create g1 micro
		[ "$status" -eq 0 ] || [ "$status" -eq 111 ]
		ct start g1
		"$CTCTL" -q destroy --force g1 2>/dev/null &
		sleep "$(printf '0.%04d' $((i * 5 * PATIENCE)))"
		kill -KILL $! 2>/dev/null || true
		wait $! 2>/dev/null || true
		run ct destroy --force g1
		echo "destroy again: $status $output"
		[ "$status" -eq 0 ] || [ "$status" -eq 13 ]
	done
	within 5 as_empty
}

as_empty() {
	instance_state | sort >"$BATS_TEST_TMPDIR/now"
	same_state "$BATS_TEST_TMPDIR/empty" "$BATS_TEST_TMPDIR/now"
}

is_deserted() {
	[ -z "$(instance_processes)" ]
}

@test "destroy during a start, start during a destroy, kill during a reboot: nothing is left in between" {
	local i
	for i in $(rounds 8); do
		ct -q create g1 micro
		"$CTCTL" start g1 2>/dev/null &
		sleep "0.00$i"
		run ct destroy --force g1
		[ "$status" -eq 0 ] || [ "$status" -eq 9 ]
		wait
		[ ! -e "$GUESTS/g1" ] || ct destroy --force g1
		[ ! -e "$RUNS/g1" ]
		within 5 is_deserted
	done
	new g1
	ct exec g1 -- reboot &
	sleep 2
	for i in {1..20}; do
		run ct kill g1
		[ "$status" -eq 0 ] || [ "$status" -eq 31 ] || [ "$status" -eq 9 ]
		[ "$status" -ne 0 ] || break
		sleep 0.05
	done
	wait
	[ "$(state g1)" = stopped ]
}

@test "a guest that crashes its init over and over comes up each time it is started" {
	new g1
	local i
	for i in {1..5}; do
		kill -KILL "$(status_of g1 init_pid)"
		within 5 is_state g1 stopped
		ct start g1
	done
	ct exec g1 -- true
}

@test "the monitor does not mind signals that a terminal or an operator sends by mistake" {
	new g1
	local monitor signal
	monitor=$(status_of g1 monitor_pid)
	for signal in HUP INT TERM USR1 USR2 PIPE; do
		kill -s "$signal" "$monitor"
	done
	sleep 0.2
	[ "$(state g1)" = running ]
}

@test "list, show and status never wait and never fail while guests come and go" {
	local i stop=$BATS_TEST_TMPDIR/stop
	(
		while [ ! -e "$stop" ]; do
			"$CTCTL" -q create busy micro --start && "$CTCTL" kill busy && "$CTCTL" destroy busy
		done
	) >/dev/null 2>&1 &
	new g1
	for i in $(rounds 60); do
		CT_TIMEOUT=5 ct list -o all >/dev/null
		CT_TIMEOUT=5 ct status g1 >/dev/null
	done
	touch "$stop"
	wait
	ct destroy --force busy 2>/dev/null || true
}
