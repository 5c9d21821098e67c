# SPDX-License-Identifier: GPL-2.0-or-later
# What of suspend and resume is refused, fails, or is killed: a guest goes on or stays suspended, and is never lost, booted anew or there twice.
load lib
load world
load killing
load counts
load working

CRIU=${CTCTL_CRIU:-/usr/local/libexec/ctctl/criu/criu}

setup_file() {
	make_work
	world_up
	world_bridge
}

teardown_file() {
	within 30 is_reaped
	world_down
}

@test "a suspended guest is booted anew only if that is asked for, and what it had in memory is gone then" {
	needs criu
	new_at_work g1
	refuse 32 ct resume g1 says g1 running
	goes_on g1
	ct suspend g1
	refuse 35 ct exec g1 true says suspended
	refuse 35 ct stop g1 says suspended
	ct start g1 --discard-checkpoint
	[ ! -e "$GUESTS/g1/checkpoint" ]
	[ "$(status_of g1 state)" = running ]
	run ! ct exec g1 -- cat /run/work
	ct exec g1 -- test -x /root/work
	ct kill g1
	refuse 31 ct suspend g1 says g1 'not running'
	refuse 36 ct resume g1 says g1 'not suspended'
	refuse 13 ct suspend g2 says g2
}

@test "a suspended guest is renamed, set and destroyed, and nothing of it is left" {
	needs criu
	on_host >"$BATS_TEST_TMPDIR/stopped"
	new_at_work g1
	ct suspend g1
	ct rename g1 g2
	ct set g2 --memory 512M --description 'slept'
	ct resume g2
	[ "$(cat "$(cgroup_file g2 memory.max memory.limit_in_bytes)")" -eq $((512 << 20)) ]
	goes_on g2
	ct suspend g2
	is_only_files g2
	ct destroy g2
	refuse 13 ct status g2 says g2
}

@test "a guest with what no checkpoint can hold is refused at once, and goes on" {
	needs criu
	local feature
	for feature in nesting io_uring fuse; do
		new_at_work g1 --features "$feature"
		refuse 4 ct suspend g1 says g1 features
		goes_on g1
		ct -q destroy --force g1
	done
	new_at_work g1
	CTCTL_CRIU=/nonexistent refuse 4 ct suspend g1 says /nonexistent
	goes_on g1
}

# A suspend has failed: it is as if it had not been tried.
as_before() {
	[ "$(state g1)" = running ]
	[ "$(ls -A "$GUESTS/g1")" = "$(cat "$BATS_TEST_TMPDIR/files")" ]
	[ ! -e "$RUNS/g1/journal" ]
	goes_on g1
	pings in_host -- 192.0.2.10
}

# A CRIU that says its version and does nothing else.
forgetful_criu() {
	local asked=$BATS_TEST_TMPDIR/asked program=$BATS_TEST_TMPDIR/forgetful
	printf '#!/bin/sh\n[ ! -e "%s" ] || exit 1\n: >"%s"\nexec "%s" "$@"\n' "$asked" "$asked" "$CRIU" >"$program"
	chmod 755 "$program"
	echo "$program"
}

@test "a guest that cannot be saved goes on, and can be suspended when that has gone which could not be saved" {
	needs criu
	new_at_work g1
	ls -A "$GUESTS/g1" >"$BATS_TEST_TMPDIR/files"
	CTCTL_CRIU=/bin/false refuse 4 ct suspend g1 says CRIU
	as_before
	CTCTL_CRIU=$(forgetful_criu) refuse 16 ct suspend g1 says g1 'goes on'
	as_before
	ct suspend g1
	ct resume g1
	goes_on g1
}

@test "a guest that cannot be resumed stays suspended, and is resumed when what was in the way has gone" {
	needs criu
	local image
	on_host >"$BATS_TEST_TMPDIR/stopped"
	new_at_work g1
	ct suspend g1
	CTCTL_CRIU=/bin/false refuse 17 ct resume g1 says g1
	is_only_files g1
	image=$(find "$GUESTS/g1/checkpoint" -name 'pagemap-*' | tail -n 1)
	mv "$image" "$BATS_TEST_TMPDIR/image"
	refuse 17 ct resume g1 says g1
	is_only_files g1
	refuse 17 ct start g1 says g1
	is_only_files g1
	ct autostart
	mv "$BATS_TEST_TMPDIR/image" "$image"
	ct resume g1
	goes_on g1
}

# How long COMMAND takes, in ms: of what is interrupted at any moment.
ms_of() {
	local start
	start=$(now_ms)
	"$@"
	took=$(($(now_ms) - start))
}

# A CRIU that says who it is before it begins.
traceable_criu() {
	printf '#!/bin/sh\necho $$ >"%s"\nexec "%s" "$@"\n' "$BATS_TEST_TMPDIR/criu.pid" "$CRIU" >"$BATS_TEST_TMPDIR/criu"
	chmod 755 "$BATS_TEST_TMPDIR/criu"
	export CTCTL_CRIU=$BATS_TEST_TMPDIR/criu
}

# interrupt VERB MS WHOM: kills ctctl or its CRIU so long after its begin.
interrupt() {
	rm -f "$BATS_TEST_TMPDIR/criu.pid"
	behind host "$CTCTL" "$1" g1
	if [ "$3" = criu ]; then
		# shellcheck disable=SC2154 # by behind()
		within 5 has_criu "$behind"
		sleep_ms "$2"
		kill -KILL "$(cat "$BATS_TEST_TMPDIR/criu.pid")" 2>/dev/null || :
	else
		sleep_ms "$2"
		kill -KILL "$behind" 2>/dev/null || :
	fi
	wait_for "$behind"
	within 20 ct set g1 --description "$1 $2"
	echo "$3 of $1 killed after $2 ms: status $status, then $(state g1)"
}

has_criu() {
	[ -s "$BATS_TEST_TMPDIR/criu.pid" ] || has_ended "$1"
}

# It runs, or can be resumed, and is the one that it was.
is_whole() {
	local now
	now=$(state g1)
	[ "$now" = running ] || {
		[ "$now" = suspended ]
		ct resume g1
	}
	goes_on g1
}

# A CRIU that is killed amidst a dump leaves processes that it has half changed: docs/ARCHITECTURE.md.
@test "kill -9 of ctctl at any moment of a suspend, and of ctctl or CRIU at any of a resume, loses nothing and never makes two of one" {
	needs criu
	local i whom
	new_at_work g1
	traceable_criu
	ms_of ct suspend g1
	local suspend_ms=$took
	ms_of ct resume g1
	local resume_ms=$took
	goes_on g1
	for i in $(rounds 8); do
		whom=$([ $((i % 2)) -eq 0 ] && echo criu || echo ctctl)
		interrupt suspend $((RANDOM % suspend_ms)) ctctl
		is_whole
		ct suspend g1
		interrupt resume $((RANDOM % resume_ms)) "$whom"
		is_whole
	done
}
