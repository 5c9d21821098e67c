# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	remember_state
	new g1
	within 5 said g1 'Please press Enter'
}

# said NAME TEXT [LOG-OPTION]: the console's log has it.
said() {
	ct console "$1" --log | grep -qF -- "$2"
}

log_size() {
	cat "$GUESTS"/g1/console.log* | wc -c
}

@test "the console shows what the guest said at boot, also when the guest is stopped" {
	ct kill g1
	run -0 ct console g1 --log
	[[ $output == *'Please press Enter'* ]]
	refuse 31 ct console g1 says g1 --log
}

@test "typing reaches the guest, and the detach key leaves while the guest goes on" {
	run -0 "$PTY" expect Enter send '\r' expect '# ' send 'echo $((6*7))-$(tty)\r' expect 42-/dev/console send '\x01q' -- "$CTCTL" console g1
	[ "$(state g1)" = running ]
}

@test "the detach key twice is typed once, and another key can be chosen" {
	run -0 "$PTY" expect Enter send '\r' expect '# ' send 'stty -icanon; dd bs=1 count=1 2>/dev/null | od -t x1\r' expect 'od -t x1' send '\x01\x01' expect ' 01' \
		send '\x01q' -- "$CTCTL" console g1
	run -0 "$PTY" expect '# ' send '\x01' send '\x02q' -- "$CTCTL" console g1 --detach-key ^B
	run -0 "$PTY" expect '# ' send '\x02q' -- "$CTCTL" console g1 --detach-key ctrl-b
}

@test "detaching gives the terminal back as it was" {
	# pty itself compares the modes, and ends with 98.
	run -0 "$PTY" expect Enter send '\x01q' -- "$CTCTL" console g1
}

@test "the size of the window reaches the console" {
	run -0 "$PTY" expect Enter send '\r' expect '# ' size 31 97 send 'stty size\r' expect '31 97' send '\x01q' -- "$CTCTL" console g1
}

@test "several consoles show the same" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec {hold}<>"$BATS_TEST_TMPDIR/in"
	"$CTCTL" console g1 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/one" &
	"$CTCTL" console g1 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/two" &
	within 5 grep -q Enter "$BATS_TEST_TMPDIR/one"
	within 5 grep -q Enter "$BATS_TEST_TMPDIR/two"
	ct exec g1 -- sh -c 'echo to-both >/dev/console'
	within 5 grep -q to-both "$BATS_TEST_TMPDIR/one"
	within 5 grep -q to-both "$BATS_TEST_TMPDIR/two"
	ct kill g1
	# The guest's end ends them, and that is a success.
	wait %1
	wait %2
	exec {hold}>&-
}

@test "input from a pipe is typed, and its end leaves" {
	printf '\necho $((6*7))\n' | ct console g1 >/dev/null
	within 5 said g1 42
}

@test "the log is bounded, keeps the last, and the guest that fills it goes on" {
	ct exec g1 -- sh -c 'i=0; while [ $i -lt 20000 ]; do echo "line $i of a guest that says the same all over again"; i=$((i + 1)); done >/dev/console'
	within 5 said g1 'line 19999 '
	local size
	size=$(log_size)
	echo "$size bytes"
	[ "$size" -le $((256 << 10)) ]
	[ "$size" -ge $((64 << 10)) ]
	[ "$(ls "$GUESTS/g1" | xargs)" = 'console.log console.log.old guest.conf' ]
	ct exec g1 -- true
}

@test "a console that does not read does not hold the guest up, nor another console" {
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec {hold}<>"$BATS_TEST_TMPDIR/in"
	"$CTCTL" console g1 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/stuck" &
	local stuck=$!
	within 5 grep -q Enter "$BATS_TEST_TMPDIR/stuck"
	kill -STOP "$stuck"
	CT_TIMEOUT=20 ct exec g1 -- sh -c 'head -c 1000000 /dev/zero | tr "\0" "x" >/dev/console; echo done >/dev/console'
	within 5 said g1 done
	printf '\necho typed-$((6*7))\n' | ct console g1 >/dev/null
	within 5 said g1 typed-42
	# It was dropped meanwhile, and ends by itself as soon as it can.
	kill -CONT "$stuck"
	kill "$stuck" 2>/dev/null || true
	wait "$stuck" || true
	exec {hold}>&-
}

@test "a ninth console has to wait, and the guest and the first eight do not mind" {
	local i pids=()
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec {hold}<>"$BATS_TEST_TMPDIR/in"
	for i in {1..9}; do
		"$CTCTL" console g1 <"$BATS_TEST_TMPDIR/in" >"$BATS_TEST_TMPDIR/out.$i" &
		pids+=($!)
	done
	within 5 grep -q Enter "$BATS_TEST_TMPDIR/out.9"
	sleep 0.2
	ct exec g1 -- sh -c 'echo to-eight >/dev/console'
	within 5 said g1 to-eight
	within 5 count_at_least 8 to-eight
	kill "${pids[@]}"
	wait || true
	exec {hold}>&-
	printf '\necho typed-$((6*7))\n' | ct console g1 >/dev/null
	within 5 said g1 typed-42
}

count_at_least() {
	[ "$(grep -l "$2" "$BATS_TEST_TMPDIR"/out.* | wc -l)" -ge "$1" ]
}

@test "a terminal does not obey what the guest wrote into the log; a file gets it as it is" {
	ct exec g1 -- sh -c 'printf "\033]0;owned\007 \033[31mred\n" >/dev/console'
	within 5 said g1 owned
	ct console g1 --log | grep -q $'\033\\[31mred'
	run -0 "$PTY" -- "$CTCTL" console g1 --log
	# Colours do no harm.
	[[ $output == *owned* && $output != *$'\033]'* && $output != *$'\007'* ]]
}

@test "the log goes on over a restart" {
	ct exec g1 -- sh -c 'echo before >/dev/console'
	within 5 said g1 before
	ct restart g1 --kill
	within 5 said g1 before
	[ "$(ct console g1 --log | grep -c 'Please press Enter')" -eq 2 ] || within 5 said g1 'Please press Enter'
}

@test "the guest's console is its own terminal, which its root owns and nobody else can read" {
	[ "$(ct exec g1 -- stat -c '%u:%g %a %t' /dev/console | cut -d' ' -f1,2)" = '0:5 620' ]
	run ct exec g1 -u nobody -- sh -c ': </dev/console'
	[ "$status" -ne 0 ]
}

@test "the monitor has at most 300 KiB of private memory, no controlling terminal and no descriptor of the caller" {
	local monitor
	ct kill g1
	# The program's own pages are there once, however many monitors run.
	new g2
	"$CTCTL" start g1 7</etc/passwd 8<"$BATS_TEST_TMPDIR"
	monitor=$(status_of g1 monitor_pid)
	local private
	private=$(awk '/^Private_/ { sum += $2 } END { print sum }' "/proc/$monitor/smaps_rollup")
	echo "$private KiB"
	[ "$private" -le 300 ]
	[ "$(sed 's/.*) //' "/proc/$monitor/stat" | cut -d' ' -f5)" -eq 0 ]
	[ "$(readlink "/proc/$monitor/cwd")" = / ]
	run ! grep -F -e /etc/passwd -e "$BATS_TEST_TMPDIR" <(ls -l "/proc/$monitor/fd")
	[ "$(tr -d '\0' <"/proc/$monitor/environ" | wc -c)" -eq 0 ]
}
