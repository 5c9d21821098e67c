# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the integration tests share. tests/integration/run has made the instance that they use and says what it is called:
#
#   CTCTL          the program                 PARENT   the control group of its guests, in every hierarchy
#   CTCTL_PREFIX   where its files are         BRIDGE   its bridge
#   PTY            see pty.c                   IDS_FIRST, IDS_END   ids of its guests on the host
#
# needs template micro
#
# After every test, all guests are destroyed and what the instance has on the host and on the disk must be what it was before.
bats_require_minimum_version 1.5.0

GUESTS=$CTCTL_PREFIX/lib/guests
RUNS=$CTCTL_PREFIX/run
IDS=$CTCTL_PREFIX/lib/ids

setup() {
	instance_state | sort >"$BATS_TEST_TMPDIR/before"
}

teardown() {
	end_background
	remove_guests
	instance_state | sort >"$BATS_TEST_TMPDIR/after"
	same_state "$BATS_TEST_TMPDIR/before" "$BATS_TEST_TMPDIR/after"
}

# What a test that failed has left running would keep bats waiting.
end_background() {
	local pid
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
}

# ctctl, ended if it hangs.
ct() {
	timeout --foreground -k 5 "${CT_TIMEOUT:-60}" "$CTCTL" "$@"
}

# new NAME [OPTION...]: a guest that runs the small template.
new() {
	local name=$1
	shift
	ct -q create "$name" micro --start "$@"
}

state() {
	ct status "$1" | awk '$1 == "state" { print $2 }'
}

# One value of `status --json`: strings without quotes.
status_of() {
	ct status "$1" --json | tr -d '\n' | sed -nE 's/.*"'"$2"'": *"?([^",}]*)"?.*/\1/p'
}

# within SECONDS COMMAND...: repeats it until it succeeds.
within() {
	local end=$((${EPOCHREALTIME//[.,]/} + $1 * 1000000))
	shift
	until "$@"; do
		if ((${EPOCHREALTIME//[.,]/} > end)); then
			echo "not within the time: $*"
			return 1
		fi
		sleep 0.05
	done
}

# A zombie has ended; whoever adopted it may take its time.
has_ended() {
	! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

is_state() {
	[ "$(state "$1")" = "$2" ]
}

now_ms() {
	echo $((${EPOCHREALTIME//[.,]/} / 1000))
}

# refuse STATUS COMMAND [ARGUMENT...] says TEXT...: it ends with exactly that status, prints nothing, and says one line with each of the texts on stderr.
refuse() {
	local want=$1 command=() text
	shift
	while [ $# -gt 0 ] && [ "$1" != says ]; do
		command+=("$1")
		shift
	done
	run "-$want" --separate-stderr "${command[@]}"
	echo "${command[*]}: status $status, expected $want; stderr: $stderr"
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" -eq 1 ]
	shift
	for text; do
		[[ $stderr == *"$text"* ]] || {
			echo "it does not say '$text'"
			return 1
		}
	done
}

# Each hierarchy's folder of that group; nothing if it is nowhere.
cgroup_dirs() {
	find /sys/fs/cgroup -maxdepth 4 -type d -path "*/$PARENT/$1"
}

# cgroup_file NAME FILE-OF-V2 FILE-OF-V1: the one that this host has.
cgroup_file() {
	local found
	found=$(find /sys/fs/cgroup -maxdepth 5 \( -path "*/$PARENT/$1/$2" -o -path "*/$PARENT/$1/$3" \) | head -n 1)
	[ -n "$found" ] && echo "$found"
}

# The processes of the instance: in its groups, or with its guests' ids. Those that have ended and wait for the host's init to take note are none.
instance_processes() {
	find /sys/fs/cgroup -maxdepth 5 -path "*/$PARENT/*" -name cgroup.procs -exec cat {} + 2>/dev/null
	ps -eo pid=,uid=,stat= | awk -v first="$IDS_FIRST" -v end="$IDS_END" '$2 >= first && $2 < end && $3 !~ /^Z/ { print $1 }'
}

# The host's end of a guest's eth0.
links() {
	ip -o link show master "$BRIDGE" 2>/dev/null | awk -F': ' '{ print $2 }'
}

# All that the instance has, but what stays by intention: the pool, mounted templates, the bridge, the monitors' group.
instance_state() {
	instance_processes | sort -un | sed 's/^/process /'
	links | sed 's/^/link /'
	find /sys/fs/cgroup -maxdepth 4 -type d -path "*/$PARENT/*" ! -name _monitors 2>/dev/null | sed 's/^/cgroup /'
	awk '{ print "mount", $4, $5, $9, $10 }' /proc/self/mountinfo | grep -F "$CTCTL_PREFIX" | grep -vF "$RUNS/_images/"
	losetup -a | grep -F "$CTCTL_PREFIX" | sed 's/^[^(]*/loop /'
	find "$CTCTL_PREFIX" -mindepth 2 -maxdepth 3 ! -path "$RUNS/_images/*" ! -path "$IDS/next" \
		! -path "$IDS" ! -path "$CTCTL_PREFIX/lib/templates/*/*" | sort | sed 's/^/file /'
	find "$CTCTL_PREFIX"/lib/pools/*/data -mindepth 1 -maxdepth 1 2>/dev/null | sort | sed 's/^/area /'
}

same_state() {
	diff -U0 --label before --label after "$1" "$2"
}

# Whatever state a test left them in; a guest that cannot be destroyed is itself a failure, which comes out as something left behind.
remove_guests() {
	local dir name
	for dir in "$GUESTS"/* "$RUNS"/[!_]*; do
		name=${dir##*/}
		[ -d "$dir" ] || continue
		[ -d "$GUESTS/$name" ] || {
			echo "run folder of no guest: $name"
			rm -rf "$dir"
			continue
		}
		ct -q destroy --force "$name" || discard "$name"
	done
}

# The last resort, so that one failure is not the next test's, too.
discard() {
	echo "could not be destroyed and is removed by hand: $1"
	find /sys/fs/cgroup -maxdepth 5 -path "*/$PARENT/$1*" -name cgroup.procs -exec cat {} + | sort -u | xargs -r kill -KILL
	rm -rf "${GUESTS:?}/$1" "${RUNS:?}/$1"
}
