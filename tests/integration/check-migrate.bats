# SPDX-License-Identifier: GPL-2.0-or-later
# What check-migrate says of a guest: everything that cannot be saved, and nothing that can. What cannot is what CRIU does not save: work/hold.c has it, and where
# that is cheap, suspend and resume are asked too.
load lib

HOLD=$BATS_RUN_TMPDIR/hold

setup_file() {
	"${CC:-gcc}" -static -Wall -Wextra -O1 -D_GNU_SOURCE -o "$HOLD" "$HERE/work/hold.c"
}

# What hold has for us: what is no program's of its own is not among it.
kinds() {
	"$HOLD" | grep -v -x -e nothing -e serve -e connect
}

give_hold() {
	# shellcheck disable=SC2016
	ct exec g1 -- sh -c 'cat >"$0" && chmod 755 "$0"' "${1:-/root/hold}" <"$HOLD"
}

is_held() {
	ct exec g1 -- test -e "/run/hold.$1"
}

# hold KIND...: in g1, in nobody's session. Prints those that are held: of the others, this kernel has no such thing.
hold() {
	# shellcheck disable=SC2016
	ct exec g1 -- sh -c '
		: >/run/hold.failed
		for kind; do
			{ setsid /root/hold "$kind" || echo "$kind $?" >>/run/hold.failed; } >"/run/hold.said-$kind" 2>&1 </dev/null &
		done
		for kind; do
			until [ -e "/run/hold.$kind" ] || grep -q "^$kind " /run/hold.failed; do sleep 0.1; done
			[ ! -e "/run/hold.$kind" ] || echo "$kind"
		done
		! grep -v " 3$" /run/hold.failed >&2 || { cat /run/hold.said-* >&2; exit 1; }' - "$@"
}

# All that was held is let go.
let_go() {
	# shellcheck disable=SC2016
	ct exec g1 -- sh -c 'killall -9 hold; for m in /run/hold.mount*; do while umount "$m" 2>/dev/null; do :; done; done; rm -rf /run/hold.*' 2>/dev/null || :
}

# "severity kind pid descriptor", line by line.
findings() {
	local status=0
	ct check-migrate g1 --json >"$BATS_TEST_TMPDIR/json" 2>"$BATS_TEST_TMPDIR/said" || status=$?
	awk -F '": ' '{ gsub(/^ *"|,$/, ""); gsub(/"/, "", $2); value[$1] = $2 } /^remedy/ { print value["severity"], value["kind"], value["pid"], value["descriptor"] }' \
		"$BATS_TEST_TMPDIR/json" >"$BATS_TEST_TMPDIR/findings"
	cat "$BATS_TEST_TMPDIR/findings"
	return "$status"
}

# Huge pages can be saved where the host has some.
is_obstacle_here() {
	[ "$1" != huge-pages ] || [ "$(cat /proc/sys/vm/nr_hugepages)" -eq 0 ]
}

@test "all that cannot be saved is found at once, each with its process and descriptor, in a guest that runs on" {
	needs criu
	local kind held=()
	new g1
	give_hold
	# shellcheck disable=SC2046
	hold $(kinds) >"$BATS_TEST_TMPDIR/held"
	while read -r kind; do
		! is_obstacle_here "$kind" || held+=("${kind%[0-9]}")
	done <"$BATS_TEST_TMPDIR/held"
	ct exec g1 -- pidof hold | tr ' ' '\n' | sort >"$BATS_TEST_TMPDIR/pids"
	run -38 findings
	printf '%s\n' "${held[@]}" | sort | uniq -c >"$BATS_TEST_TMPDIR/expected"
	awk '$1 == "obstacle" { print $2 }' "$BATS_TEST_TMPDIR/findings" | sort | uniq -c >"$BATS_TEST_TMPDIR/found"
	diff "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/found"
	# Each is one of its processes; the program in memory has another name, and one is as good as dead.
	awk '$3 != "null" && $2 != "executable" && $2 != "dead-leader" { print $3 }' "$BATS_TEST_TMPDIR/findings" | sort -u >"$BATS_TEST_TMPDIR/named"
	[ -z "$(comm -23 "$BATS_TEST_TMPDIR/named" "$BATS_TEST_TMPDIR/pids")" ]
	awk '$2 == "message-queue" || $2 == "socket" || $2 == "epoll" { if ($4 !~ /^[0-9]+$/) exit 1; n++ } END { exit n < 3 }' "$BATS_TEST_TMPDIR/findings"
	run -38 ct check-migrate g1
	[[ $output =~ 'process '[0-9]+' (hold), descriptor '[0-9]+': ' ]]
	[ "$(ct exec g1 -- pidof hold | tr ' ' '\n' | sort)" = "$(cat "$BATS_TEST_TMPDIR/pids")" ]
	let_go
	run -0 findings
	[ -z "$output" ]
	ct suspend g1
	ct resume g1
}

@test "what check-migrate finds is what suspend refuses, or resume" {
	needs criu
	[ "$PATIENCE" -eq 1 ] || skip 'a slow host: once for each kernel is enough'
	local kind status
	new g1
	for kind in $(kinds); do
		is_obstacle_here "$kind" || continue
		give_hold
		[ -n "$(hold "$kind")" ] || continue
		run -38 findings
		status=0
		ct suspend g1 || status=$?
		[ "$status" -ne 0 ] || ct resume g1 || status=$?
		echo "$kind: $status"
		[ "$status" -eq 16 ] || [ "$status" -eq 17 ]
		let_go
		[ "$status" -eq 16 ] && [ "$kind" != executable ] || {
			ct -q destroy --force g1
			new g1
		}
	done
}

@test "commands of exec are a notice, and who talks with them is an obstacle" {
	needs criu
	new g1
	give_hold
	hold serve
	run -0 findings
	ct exec g1 -- /root/hold connect </dev/null >/dev/null 2>&1 3>&- &
	within 10 is_held served
	run -38 findings
	grep -q '^notice outside ' "$BATS_TEST_TMPDIR/findings"
	grep -q '^obstacle peer-outside [0-9]* [0-9]*$' "$BATS_TEST_TMPDIR/findings"
	refuse 16 ct suspend g1 says g1
	ct exec g1 -- kill -9 "$(awk '$2 == "outside" { print $3 }' "$BATS_TEST_TMPDIR/findings")"
	wait
	run -0 findings
}

@test "what is asked of the guest as a whole, and a guest that does not run" {
	refuse 13 ct check-migrate g1 says g1
	new g1
	CTCTL_CRIU=/nonexistent run -38 findings
	grep -qx 'obstacle criu null null' "$BATS_TEST_TMPDIR/findings"
	grep -q /nonexistent "$BATS_TEST_TMPDIR/json"
	ct kill g1
	run -0 ct check-migrate g1
	ct set g1 features=nesting,io_uring
	ct start g1
	run -38 findings
	[ "$(grep -c '^obstacle feature null' "$BATS_TEST_TMPDIR/findings")" -eq 2 ]
}

@test "names that a guest gives its processes and files do not reach the terminal as they are" {
	needs criu
	local name=$'h\e[31m\nobstacle'
	new g1
	give_hold "/root/$name"
	# shellcheck disable=SC2016
	ct exec g1 -- sh -c 'setsid "$0" shared >/dev/null 2>&1 </dev/null &' "/root/$name"
	within 10 is_held shared
	run -38 ct check-migrate g1
	[[ $output != *$'\e'* ]]
	[[ $output == *'h\x1b[31m'* ]]
	[ "$(grep -c '^obstacle' <<<"$output")" -eq 1 ]
}
