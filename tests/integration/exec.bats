# SPDX-License-Identifier: GPL-2.0-or-later
load lib

setup() {
	remember_state
	new g1
}

# The process on the host that runs "sleep NUMBER".
host_pid() {
	pgrep -x -f "sleep $1"
}

# The status of a process in the background.
await() {
	status=0
	wait "$1" || status=$?
}

@test "exec ends with the status of the command" {
	local code
	for code in 0 1 7 125 126 127 255; do
		run "-$code" ct exec g1 -- sh -c "exit $code"
	done
}

@test "exec ends with 128 and the number of the signal that ended the command" {
	local signal
	for signal in 9 15 11 34; do
		run ct exec g1 -- sh -c "kill -$signal \$\$"
		[ "$status" -eq $((128 + signal)) ]
	done
}

@test "exec ends with 127 if there is no such command, and 126 if it cannot be run, and says which" {
	refuse 127 ct exec g1 -- no-such-command says no-such-command
	refuse 127 ct exec g1 -- /no/such/path says /no/such/path
	refuse 126 ct exec g1 -- /etc/hosts says /etc/hosts
	refuse 126 ct exec g1 -- /etc says /etc
}

@test "megabytes go through stdin and stdout unharmed, also through several at a time" {
	local i
	head -c 20M /dev/urandom >"$BATS_TEST_TMPDIR/data"
	ct exec g1 -- cat <"$BATS_TEST_TMPDIR/data" | cmp - "$BATS_TEST_TMPDIR/data"
	cat "$BATS_TEST_TMPDIR/data" | ct exec g1 -- cat | cmp - "$BATS_TEST_TMPDIR/data"
	for i in 1 2 3 4; do
		ct exec g1 -- cat <"$BATS_TEST_TMPDIR/data" >"$BATS_TEST_TMPDIR/out.$i" &
	done
	wait
	for i in 1 2 3 4; do
		cmp "$BATS_TEST_TMPDIR/data" "$BATS_TEST_TMPDIR/out.$i"
	done
}

@test "stdout and stderr are kept apart" {
	run --separate-stderr ct exec g1 -- sh -c 'echo out; echo err >&2'
	[ "$output" = out ]
	[ "$stderr" = err ]
}

@test "what the command leaves of stdin is still there for the next one" {
	[ "$(printf 'one\ntwo\n' | { ct exec g1 -- true && cat; })" = $'one\ntwo' ]
}

@test "signals to ctctl reach the command: TERM, INT, HUP, QUIT, USR1 and USR2" {
	local signal pid
	for signal in TERM INT HUP QUIT USR1 USR2; do
		# Of the one before it would still say "ready".
		rm -f "$BATS_TEST_TMPDIR/out"
		"$CTCTL" exec g1 -- sh -c "trap 'echo got; exit 5' $signal; echo ready; while :; do sleep 0.02; done" \
			>"$BATS_TEST_TMPDIR/out" </dev/null &
		pid=$!
		within 5 grep -qs ready "$BATS_TEST_TMPDIR/out"
		kill -s "$signal" "$pid"
		await "$pid"
		[ "$status" -eq 5 ]
		grep got "$BATS_TEST_TMPDIR/out"
	done
}

@test "a signal that the command does not handle ends it, and so does ctctl" {
	local pid
	"$CTCTL" exec g1 -- sleep 4711 </dev/null &
	pid=$!
	within 5 host_pid 4711
	kill -TERM "$pid"
	await "$pid"
	[ "$status" -eq 143 ]
	run host_pid 4711
	[ "$status" -eq 1 ]
}

@test "nothing of the caller's environment gets in" {
	HOST_SECRET=1 LD_LIBRARY_PATH=/nowhere PATH=/nowhere:$PATH run -0 ct exec g1 -- env
	[ "$(cut -d= -f1 <<<"$output" | sort | xargs)" = 'HOME LOGNAME PATH SHELL USER container' ]
	[[ $output == *PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin* ]]
	[[ $output == *container=ctctl* ]]
}

@test "no descriptor of the caller gets in but 0, 1 and 2" {
	# The fourth is the folder that ls reads.
	[ "$(ct exec g1 -- ls /proc/self/fd 5</etc/passwd 17</ 200</dev/null | xargs)" = '0 1 2 3' ]
}

@test "signal masks, ignored signals, limits, umask and folder of the caller do not get in" {
	run -0 ct exec g1 -- grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status
	echo "$output"
	[ "$(awk '{ print $2 }' <<<"$output" | sort -u)" = 0000000000000000 ]
	run -0 bash -c 'trap "" INT TERM PIPE; exec "$CTCTL" exec g1 -- grep -E "^Sig(Blk|Ign)" /proc/self/status'
	[ "$(awk '{ print $2 }' <<<"$output" | sort -u)" = 0000000000000000 ]
	[ "$(ulimit -S -n 77; ct exec g1 -- sh -c 'ulimit -n')" -gt 77 ]
	[ "$(ulimit -S -c unlimited; ct exec g1 -- sh -c 'ulimit -c')" = "$(ulimit -S -c 0; ct exec g1 -- sh -c 'ulimit -c')" ]
	[ "$(umask 0077; ct exec g1 -- sh -c umask)" = 0022 ]
	[ "$(cd /usr/share && ct exec g1 -- pwd)" = /root ]
}

@test "the command is in a session of its own, and without -t has no terminal" {
	read -r pid pgrp session < <(ct exec g1 -- cut -d' ' -f1,5,6 /proc/self/stat)
	[ "$pid" = "$pgrp" ]
	[ "$pid" = "$session" ]
	run "$PTY" -- sh -c '"$CTCTL" exec g1 -- sh -c ": </dev/tty" </dev/null'
	[ "$status" -ne 0 ]
	[[ $output == *'No such device'* ]]
}

@test "without -t a terminal on stdout or stderr is the guest's only through a pipe" {
	run -0 "$PTY" -- sh -c '"$CTCTL" exec g1 -- sh -c "readlink /proc/self/fd/1; readlink /proc/self/fd/2; test -t 1 || test -t 2 || echo none" </dev/null'
	[[ $output == *pipe:*pipe:*none* ]]
	run "$PTY" -- sh -c '"$CTCTL" exec g1 -- sh -c "echo one; echo two >&2; exit 7" </dev/null'
	[ "$status" -eq 7 ]
	[[ $output == *one* && $output == *two* ]]
}

@test "the command is in the guest's control group in every hierarchy, and in all its namespaces" {
	local init pid ns
	init=$(status_of g1 init_pid)
	"$CTCTL" exec g1 -- sleep 4712 </dev/null &
	within 5 host_pid 4712
	pid=$(host_pid 4712)
	diff "/proc/$init/cgroup" "/proc/$pid/cgroup"
	run grep -v "/$PARENT/g1\$" "/proc/$pid/cgroup"
	[ -z "$output" ]
	for ns in cgroup ipc mnt net pid time user uts; do
		[ "$(readlink "/proc/$pid/ns/$ns")" = "$(readlink "/proc/$init/ns/$ns")" ]
		[ "$(readlink "/proc/$pid/ns/$ns")" != "$(readlink "/proc/self/ns/$ns")" ]
	done
	kill "$pid"
}

@test "the command has no more privileges than the guest's init" {
	local init
	init=$(status_of g1 init_pid)
	diff <(grep -E '^(Cap|NoNewPrivs|Seccomp)' "/proc/$init/status") \
		<(ct exec g1 -- grep -E '^(Cap|NoNewPrivs|Seccomp)' /proc/self/status | tr -s ' ')
	[ "$(ct exec g1 -- awk '$1 == "Seccomp:" { print $2 }' /proc/self/status)" -eq 2 ]
}

@test "-u takes a name, a UID or UID:GID" {
	[ "$(ct exec g1 -u nobody -- id -u)" = 65534 ]
	[ "$(ct exec g1 -u nobody -- env | grep -E '^(HOME|USER)=' | sort | xargs)" = 'HOME=/ USER=nobody' ]
	[ "$(ct exec g1 -u 1 -- id -un)" = daemon ]
	[ "$(ct exec g1 -u 1234:99 -- sh -c 'id -u; id -g; id -G' | xargs)" = '1234 99 99' ]
	refuse 21 ct exec g1 -u bob -- true says bob /etc/passwd
	refuse 21 ct exec g1 -u 65536 -- true says 65536
}

@test "another user has that user's groups and none of root's" {
	ct exec g1 -- sh -c 'echo team:x:77:nobody >>/etc/group; echo admin:x:78:root >>/etc/group'
	[ "$(ct exec g1 -u nobody -- id -G)" = '65534 77' ]
	[ "$(ct exec g1 -u 1234 -- id -G)" = 1234 ]
	run ct exec g1 -u 1234 -- cat /etc/shadow
	[ "$status" -eq 1 ]
}

@test "a guest whose /etc/passwd is no file cannot make exec wait" {
	ct exec g1 -- sh -c 'rm /etc/passwd /etc/group && mkfifo /etc/passwd /etc/group'
	CT_TIMEOUT=10 ct exec g1 -- true
	CT_TIMEOUT=10 refuse 21 ct exec g1 -u nobody -- true says nobody
	ct exec g1 -- sh -c 'rm /etc/passwd /etc/group && ln -s /dev/console /etc/passwd && ln -s /dev/zero /etc/group'
	CT_TIMEOUT=10 ct exec g1 -- true
}

@test "--dir and -e: the folder and the environment of the command" {
	[ "$(ct exec g1 --dir /tmp -- pwd)" = /tmp ]
	[ "$(ct exec g1 -e A=1 -e 'B=two words' -- sh -c 'echo "$A $B"')" = '1 two words' ]
	refuse 3 ct exec g1 --dir /nowhere -- true says /nowhere
	refuse 20 ct exec g1 -e NOTHING -- true says NOTHING NAME=VALUE
}

@test "options behind the command are the command's" {
	[ "$(ct exec g1 echo -t -u --json)" = '-t -u --json' ]
}

@test "-t gives a terminal of the guest's own, with the size of the caller's window" {
	run -7 "$PTY" expect '# ' send 'tty; stty size; echo $TERM; exit 7\r' -- env TERM=vt220 "$CTCTL" exec g1 -t -- sh
	[[ $output == */dev/pts/*'24 80'*vt220* ]]
}

@test "-t: a change of the window's size reaches the command" {
	run -0 "$PTY" expect ready size 33 99 expect '33 99' -- "$CTCTL" exec g1 -t -- \
		sh -c 'trap "stty size; exit 0" WINCH; echo ready; while :; do sleep 0.05; done'
}

@test "-t: keys make signals: ^C interrupts the command and not ctctl" {
	run -5 "$PTY" expect ready send '\x03' expect interrupted -- "$CTCTL" exec g1 -t -- \
		sh -c 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.05; done'
	[[ $output == *interrupted* ]]
}

@test "-t: the terminal is as before when the command ends, whatever the command did to it" {
	# pty itself compares the modes, and ends with 98.
	run -3 "$PTY" -- "$CTCTL" exec g1 -t -- sh -c 'stty raw -echo; exit 3'
}

@test "-t: all of a long output arrives" {
	run -0 "$PTY" -- "$CTCTL" exec g1 -t -- seq 1 30000
	[ "$(tr -d '\r' <<<"$output" | md5sum)" = "$(seq 1 30000 | md5sum)" ]
}

@test "-t works without a terminal outside, and the end of the input is typed" {
	run -0 ct exec g1 -t -- sh -c 'tty; cat; echo bye' <<<'typed'
	[[ $output == */dev/pts/*typed*bye* ]]
}

@test "-t: when the window is closed, the command is hung up" {
	run "$PTY" expect ready hangup -- "$CTCTL" exec g1 -t -- sh -c 'echo ready; exec sleep 4713'
	[ "$status" -eq 129 ]
	run host_pid 4713
	[ "$status" -eq 1 ]
}

@test "-t: the terminal cannot be one that the guest made up" {
	ct exec g1 -- sh -c 'rm /dev/ptmx 2>/dev/null; umount /dev/ptmx 2>/dev/null; rm -f /dev/ptmx; ln -s /dev/zero /dev/ptmx'
	run "$PTY" -- "$CTCTL" exec g1 -t -- true
	[ "$status" -ne 0 ]
	[[ $output == *ptmx* ]]
}

@test "enter is a login shell in the user's home, with a terminal where there is one" {
	run -4 "$PTY" expect '# ' send 'echo "$0 $PWD $(tty)"; exit 4\r' -- "$CTCTL" enter g1
	[[ $output == *'-sh /root /dev/pts/'* ]]
	run -3 ct enter g1 <<<'echo "$0 $PWD"; exit 3'
	[ "$output" = '-sh /root' ]
}

@test "a command in the background outlives exec and stays in the guest" {
	ct exec g1 -- sh -c 'sleep 4714 </dev/null >/dev/null 2>&1 &'
	grep "/$PARENT/g1" "/proc/$(host_pid 4714)/cgroup"
	ct kill g1
	run host_pid 4714
	[ "$status" -eq 1 ]
}

@test "commands are killed with their guest, and exec says so by its status" {
	"$CTCTL" exec g1 -- sleep 4715 </dev/null &
	within 5 host_pid 4715
	ct kill g1
	await $!
	[ "$status" -eq 137 ]
}

@test "twenty at once all succeed" {
	local i pids=()
	for i in {1..20}; do
		ct exec g1 -- sh -c "exit $i" &
		pids[i]=$!
	done
	for i in {1..20}; do
		await "${pids[i]}"
		[ "$status" -eq "$i" ]
	done
}

@test "exec does not wait for whoever holds the guest's lock" {
	exec {lock}<>"$RUNS/g1/lock"
	flock "$lock"
	CT_TIMEOUT=5 ct exec g1 -- true
	exec {lock}>&-
}
