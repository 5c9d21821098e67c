# SPDX-License-Identifier: GPL-2.0-or-later
# Attacks of a guest's root, for real. Where it is possible, the same attack is first made where it must succeed: a test of one that cannot work anywhere proves nothing.
load lib

setup_file() {
	local source
	for source in "$BATS_TEST_DIRNAME"/attack/*.c; do
		"${CC:-gcc}" -static -Wall -Wextra -O1 -D_GNU_SOURCE -o "$BATS_FILE_TMPDIR/$(basename "$source" .c)" "$source"
	done
}

# arm GUEST PROGRAM...: puts programs of attack/ into its /root.
arm() {
	local guest=$1 program
	shift
	for program; do
		ct exec "$guest" -- sh -c "cat >/root/$program && chmod 755 /root/$program" <"$BATS_FILE_TMPDIR/$program"
	done
}

@test "what works for the host's root is shut for the guest's: files, mounts, sockets, system calls of three ABIs, devices, attributes" {
	new g1
	new g2 --features io_uring
	arm g1 probe
	arm g2 probe
	# The proof that the probe can find something.
	[ "$("$BATS_FILE_TMPDIR/probe" | grep -c '^open')" -ge 30 ]
	[ "$(ct exec g2 -- /root/probe | grep '^open')" = 'open io_uring_setup' ]
	run -0 ct exec g1 -- /root/probe
	[ "${#lines[@]}" -ge 60 ]
	run grep '^open' <<<"$output"
	echo "$output"
	[ "$status" -eq 1 ]
}

@test "who watches exec's process from inside sees nothing of the host in it" {
	new g1
	arm g1 next
	ct exec g1 -- /root/next watch 30 $((20 * PATIENCE)) </dev/null >"$BATS_TEST_TMPDIR/seen" &
	local watcher=$!
	while kill -0 "$watcher" 2>/dev/null; do
		ct exec g1 -- true
	done
	wait "$watcher"
	cat "$BATS_TEST_TMPDIR/seen"
	[[ $(cat "$BATS_TEST_TMPDIR/seen") =~ ^seen\ ([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -eq 30 ]
}

# What is stopped among the processes that process $1 has started: its name.
stopped_below() {
	ps -eo pid=,ppid=,stat=,comm= | awk -v root="$1" '
		{ parent[$1] = $2; stat[$1] = $3; name[$1] = $4 }
		END { for (p in stat) { for (q = p; q in parent && q != root; q = parent[q]); if (q == root && stat[p] ~ /^T/) print name[p] } }'
}

@test "a guest that stops exec's process holds up nobody who presses ^C" {
	new g1
	arm g1 next
	local i exec caught attacker
	for i in {1..60}; do
		ct exec g1 -- /root/next stop $((5 * PATIENCE)) </dev/null >"$BATS_TEST_TMPDIR/stopped" &
		attacker=$!
		within 5 grep -q ready "$BATS_TEST_TMPDIR/stopped"
		"$CTCTL" exec g1 -- sleep 4716 </dev/null >/dev/null 2>"$BATS_TEST_TMPDIR/said" &
		exec=$!
		wait "$attacker"
		caught=$(stopped_below "$exec")
		echo "$i: stopped: $caught"
		[[ $caught != ctctl* ]] || break
		# It came too late: the command itself was stopped, which is the guest's right.
		kill -KILL "$exec"
		wait "$exec" || :
	done
	[[ $caught == ctctl* ]]
	kill -INT "$exec"
	within 5 has_ended "$exec"
	wait "$exec" || :
	cat "$BATS_TEST_TMPDIR/said"
	grep -q interrupted "$BATS_TEST_TMPDIR/said"
}

@test "a file that exec writes to is not the guest's to read, cut or seek in" {
	new g1
	local file=$BATS_TEST_TMPDIR/log
	echo 'what was there before' >"$file"
	# The proof that the attack works on whoever holds the file itself.
	[ "$(sh -c 'exec 3>&1; cat /proc/self/fd/3 >&2' 2>&1 >>"$file")" = 'what was there before' ]
	ct exec g1 -- sh -c 'exec 3>&1; (cat /proc/self/fd/3 >/root/read; : >/proc/self/fd/3) 2>/dev/null; echo added' >>"$file"
	[ "$(cat "$file")" = $'what was there before\nadded' ]
	[ -z "$(ct exec g1 -- cat /root/read)" ]
}

@test "a folder as stdin of exec leads nowhere" {
	new g1
	[ -e /proc/self/fd/0/../etc/passwd ] </tmp
	run ct exec g1 -- sh -c 'ls /proc/self/fd/0/ /proc/self/fd/0/..' </tmp
	[ "$status" -ne 0 ]
	[[ $output == *'Not a directory'* ]]
}

@test "a fifo or a folder at /etc/hostname does not keep the guest from being started and rebooted, nor ctctl waiting" {
	new g1
	local init
	CT_TIMEOUT=10
	ct exec g1 -- sh -c 'rm -f /etc/hostname && mkfifo /etc/hostname'
	ct restart g1
	init=$(status_of g1 init_pid)
	run ct exec g1 -- reboot # which ends its command, too
	within 15 has_other_init g1 "$init"
	within 10 is_state g1 running
	ct exec g1 -- sh -c 'rm -f /etc/hostname && mkdir /etc/hostname'
	ct restart g1
	[ "$(ct exec g1 -- hostname)" = g1 ]
}

@test "a guest that takes all inotify instances leaves the host and its neighbours theirs" {
	needs cap_sys_resource
	new g1
	new g2
	arm g1 hog
	arm g2 hog
	ct exec g1 -- /root/hog inotify 4 </dev/null >"$BATS_TEST_TMPDIR/taken" &
	within 5 test -s "$BATS_TEST_TMPDIR/taken"
	[ "$(ct exec g2 -- timeout 1 /root/hog inotify 0)" -gt 0 ]
	[ "$("$BATS_FILE_TMPDIR/hog" inotify 0)" -gt 0 ]
	wait
}

@test "a guest makes a limited number of control groups, and they go with it in time" {
	new g1
	arm g1 hog
	local made start
	made=$(ct exec g1 -- /root/hog groups 100000)
	echo "made $made"
	[ "$made" -gt 1000 ]
	[ "$made" -le 4096 ]
	start=$(now_ms)
	ct destroy --force g1
	[ $(($(now_ms) - start)) -lt $((10000 * PATIENCE)) ]
	new g1
	arm g1 hog
	made=$(ct exec g1 -- /root/hog levels 100000)
	echo "levels $made"
	[ "$made" -ge 32 ]
	[ "$made" -le 64 ]
}

@test "a guest that does nothing but fork is killed and destroyed within 10 seconds" {
	new g1 --pids 500
	ct exec g1 -- sh -c 'bomb() { while :; do bomb & done 2>/dev/null; }; bomb >/dev/null 2>&1 &' </dev/null
	within 5 sh -c "[ \"\$(cat $(cgroup_file g1 pids.current pids.current))\" -gt 400 ]"
	local start
	start=$(now_ms)
	ct destroy --force g1
	[ $(($(now_ms) - start)) -lt $((10000 * PATIENCE)) ]
}

@test "folders 3000 deep are removed with their guest, from both kinds of pool" {
	local pool
	ct -q pool create attack --kind dir
	for pool in default attack; do
		local disk=()
		[ "$pool" = default ] || disk=(--disk none)
		new g1 --pool "$pool" "${disk[@]}"
		arm g1 hog
		run -0 ct exec g1 -- /root/hog folders 3000
		echo "$pool: $output"
		[ "$output" = 3000 ]
		ct destroy --force g1
	done
	ct -q pool remove attack
}

@test "a set-user-ID program that a guest makes for its root cannot be reached by users of the host" {
	new g1
	ct exec g1 -- sh -c 'cp /bin/busybox /evil && chmod 6755 /evil'
	local evil
	evil=$(find "$POOL_DATA" -name evil)
	[ "$(stat -c '%u %a' "$evil")" = '0 6755' ]
	run setpriv --reuid 65534 --regid 65534 --clear-groups stat "$evil"
	[ "$status" -ne 0 ]
	[[ $output == *'Permission denied'* ]]
}

@test "a guest's init and a command have no descriptor but their own three" {
	new g1
	[ "$(ct exec g1 -- sh -c 'ls /proc/1/fd' | tr '\n' ' ')" = '0 1 2 ' ]
	[ "$(ct exec g1 -- sh -c 'echo /proc/$$/fd/*' </dev/null 7</etc/passwd | tr ' ' '\n' | wc -l)" -le 4 ]
}

@test "priorities and the protection from the OOM killer of who calls exec stay outside" {
	new g1
	[ "$(nice -n -5 "$CTCTL" exec g1 -- sh -c 'cut -d" " -f19 /proc/self/stat')" -ge 0 ]
	[ "$(choom -n 500 -- cat /proc/self/oom_score_adj)" -eq 500 ]
	[ "$(choom -n 500 -- "$CTCTL" exec g1 -- cat /proc/self/oom_score_adj)" -eq 0 ]
}

@test "no mount of a guest belongs to a group of the host's, so that one mounts nothing for the other" {
	new g1 --features fuse,tun
	run ! ct exec g1 -- grep -E ' (shared|master|propagate_from):' /proc/self/mountinfo
	[ -z "$output" ]
}
