# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests of guests that stop and go on (suspend, resume): a program at work in them, work/, that has everything that a program can have and says so when
# anything of it is not as it was. Loaded after world.bash, whose br0 its guests are on.

WORK=$BATS_RUN_TMPDIR/work
TALK=$BATS_RUN_TMPDIR/lines # ends of connections: work/lines.c

make_work() {
	local flags=(-static -Wall -Wextra -O1 -D_GNU_SOURCE)
	[ -x "$WORK" ] || "${CC:-gcc}" "${flags[@]}" -o "$WORK" "$HERE"/work/{main,stores,events}.c
	[ -x "$TALK" ] || "${CC:-gcc}" "${flags[@]}" -o "$TALK" "$HERE/work/lines.c"
}

# give NAME PROGRAM
give() {
	# shellcheck disable=SC2016
	ct exec "$1" -- sh -c 'cat >"$0" && chmod 755 "$0"' "/root/${2##*/}" <"$2"
}

# leave NAME COMMAND...: it runs in the guest, in nobody's session.
leave() {
	ct exec "$1" -- sh -c 'setsid "$@" >/dev/null 2>&1 </dev/null &' - "${@:2}"
}

# With a program at work in it, and an interface.
new_at_work() {
	new "$@" --bridge br0 --ip 192.0.2.10/24
	give "$1" "$WORK"
	leave "$1" /root/work /run/work
	within 5 note "$1"
}

# What its program says: pid, rounds, looks. A failure if it is not "ok".
note() {
	local verdict
	read -r pid rounds looks verdict < <(ct exec "$1" -- cat /run/work)
	[ "$verdict" = ok ] || {
		echo "$1: pid $pid, $rounds rounds, $looks looks: $verdict"
		return 1
	}
}

is_past() {
	note "$1" && [ "$rounds" -ge "$2" ] && [ "$looks" -ge "$3" ]
}

# The program that was noted is still the same, has lost nothing, works, and finds all of its memory as it was; and there is one of it (and its partner).
goes_on() {
	local was_pid=$pid was_rounds=$rounds
	note "$1"
	[ "$pid" -eq "$was_pid" ]
	[ "$rounds" -ge "$was_rounds" ]
	ct exec "$1" -- kill -USR2 "$pid"
	within 10 is_past "$1" $((rounds + 25)) $((looks + 1))
	[ "$(guest_processes '[!Z]' | sed 's|.*|/proc/&/comm|' | xargs cat | grep -cx work)" -eq 2 ]
}

# What the kernel has of the guests, without files. Tests keep that of none as $BATS_TEST_TMPDIR/stopped.
on_host() {
	instance_state | grep -v -e '^file ' -e '^area ' | sort
}

# A guest that is suspended is nothing but files.
is_only_files() {
	on_host >"$BATS_TEST_TMPDIR/now"
	same_state "$BATS_TEST_TMPDIR/stopped" "$BATS_TEST_TMPDIR/now"
	[ "$(ls "$RUNS/$1")" = lock ]
	[ "$(state "$1")" = suspended ]
}
