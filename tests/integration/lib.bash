# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the integration tests share. tests/integration/run has made the instance that they use and says what it is called:
#
#   CTCTL          the program                 PARENT       the path of its guests' control group, in each of the HIERARCHIES (folders, with a space between)
#   CTCTL_PREFIX   where its files are         BRIDGE       its bridge
#   POOL_DATA      the default pool's areas
#   PTY, ENTER     see pty.c, enter.c          IDS_FIRST, IDS_END   ids of its guests on the host
#   CTCTL_TEST_PATIENCE   a factor to all that is waited for: what a slow host needs
#
# needs template micro
#
# After every test, all guests are destroyed and what the instance has on the host and on the disk must be what it was before.
bats_require_minimum_version 1.5.0
HERE=${BASH_SOURCE[0]%/*}
# shellcheck source=tests/integration/tracing.bash
source "$HERE/tracing.bash"
# shellcheck source=tests/integration/groups.bash
source "$HERE/groups.bash"
# shellcheck source=tests/integration/offers.bash
source "$HERE/offers.bash"

PATIENCE=${CTCTL_TEST_PATIENCE:-1}

# rounds N: how often that is repeated which may go wrong at any moment: less often on slow hosts, of which there are several.
rounds() {
	if [ "$PATIENCE" -eq 1 ]; then seq "$1"; else seq $((($1 + 2) / 3)); fi
}
GUESTS=$CTCTL_PREFIX/lib/guests
RUNS=$CTCTL_PREFIX/run
IDS=$CTCTL_PREFIX/lib/ids

setup() {
	remember_state
}

teardown() {
	end_background
	remove_guests
	instance_state | sort >"$BATS_TEST_TMPDIR/after"
	as_remembered "$BATS_TEST_TMPDIR/after"
}

# What the instance has when a file's first test begins, it has when each of them begins, because each leaves it so. What one leaves behind is its own failure only.
remember_state() {
	[ -e "$BATS_FILE_TMPDIR/state" ] || instance_state | sort >"$BATS_FILE_TMPDIR/state"
}

as_remembered() {
	same_state "$BATS_FILE_TMPDIR/state" "$1" && return
	mv "$1" "$BATS_FILE_TMPDIR/state"
	return 1
}

# What a test that failed has left running would keep bats waiting.
end_background() {
	local pid
	for pid in $(jobs -p); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	wait 2>/dev/null || true
}

# ctctl, ended by SIGALRM if it hangs.
ct() {
	"$ENTER" $((${CT_TIMEOUT:-60} * PATIENCE)) - "$CTCTL" "$@"
}

# new NAME [OPTION...]: a guest that runs the small template.
new() {
	local name=$1
	shift
	ct -q create "$name" micro --start "$@"
}

state() {
	local text
	text=$(ct status "$1") || return
	[[ $'\n'$text =~ $'\nstate '\ *([a-z]+) ]]
	echo "${BASH_REMATCH[1]}"
}

# One value of `status --json`: strings without quotes.
status_of() {
	local text
	text=$(ct status "$1" --json) || return
	[[ $text =~ \"$2\":\ *\"?([^\",}]*) ]] || return 0
	echo "${BASH_REMATCH[1]%$'\n'}"
}

# within SECONDS COMMAND...: repeats it until it succeeds.
within() {
	local end=$((${EPOCHREALTIME//[.,]/} + $1 * 1000000 * PATIENCE))
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

# has_other_init NAME PID
has_other_init() {
	local init
	init=$(status_of "$1" init_pid)
	[ -n "$init" ] && [ "$init" != null ] && [ "$init" != "$2" ]
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

# find_groups [NAME]: sets group_dirs to each hierarchy's folder of that guest's group, or of all guests' without a name.
find_groups() {
	local hierarchy
	group_dirs=()
	for hierarchy in $HIERARCHIES; do
		! [ -d "$hierarchy/$PARENT/${1:-}" ] || group_dirs+=("$hierarchy/$PARENT${1:+/$1}")
	done
}

# The same, line by line; nothing if it is nowhere.
cgroup_dirs() {
	local group_dirs
	find_groups "$@"
	[ ${#group_dirs[@]} -eq 0 ] || printf '%s\n' "${group_dirs[@]}"
}

# cgroup_file NAME FILE-OF-V2 FILE-OF-V1: the one that this host has.
cgroup_file() {
	local dir group_dirs
	find_groups "$1"
	for dir in "${group_dirs[@]}"; do
		[ ! -e "$dir/$2" ] || { echo "$dir/$2" && return; }
		[ ! -e "$dir/$3" ] || { echo "$dir/$3" && return; }
	done
	return 1
}

# Those in a guest's groups and all below, or in all guests'.
group_processes() {
	local group_dirs
	find_groups "$@"
	[ ${#group_dirs[@]} -eq 0 ] || find "${group_dirs[@]}" -name cgroup.procs -exec cat {} + 2>/dev/null || :
}

# The processes of the instance, some of them twice: in its groups, or with its guests' ids. Those that have ended and wait for the host's init to take note are none.
instance_processes() {
	group_processes
	guest_processes '[!Z]'
}

# guest_processes STATES: whoever runs with its guests' ids and is in one of these states. To each process's folder in /proc belongs its user, which costs less than ps.
guest_processes() {
	local pid stat
	find /proc -maxdepth 1 -name '[1-9]*' -uid +$((IDS_FIRST - 1)) -uid "-$IDS_END" -printf '%f\n' 2>/dev/null | while read -r pid; do
		read -r stat <"/proc/$pid/stat" || continue
		# shellcheck disable=SC2053 # a pattern
		[[ ${stat##*) } != $1\ * ]] || echo "$pid"
	done 2>/dev/null
}

# Where ctctl runs: world.bash has another place for it.
in_host() {
	"$@"
}

# The links of guests: the ports of the instance's bridge; in a world of our own (world.bash), all that bear a guest's name.
links() {
	local link
	if [ -n "${WORLD:-}" ]; then
		network link
		return
	fi
	for link in /sys/class/net/"$BRIDGE"/brif/*; do
		[ ! -e "$link" ] || echo "${link##*/}"
	done
}

# link_of NAME: the host's end of the link of the guest's first interface, whether it is there or not.
link_of() {
	local uuid
	uuid=$(sed -n 's/^uuid = //p' "$GUESTS/$1/guest.conf" | tr -d -)
	echo "ct${uuid:0:12}0"
}

# What look() finds in the network. In a world of our own all links, and routes and proxies of routed guests.
look_at_network() {
	local link
	if [ -n "${WORLD:-}" ]; then
		echo begin network
		in_host ip -o -batch "$BATS_FILE_TMPDIR/questions"
		echo end
	else
		for link in /sys/class/net/"$BRIDGE"/brif/*; do
			[ ! -e "$link" ] || echo "link ${link##*/}"
		done
	fi
	echo begin filter
	in_host nft list ruleset
	echo end
}

# network KIND: the links, the filter's elements or the routes of guests.
network() {
	look_at_network | traces state | sed -n "s/^$1 //p"
}

elements() {
	network element
}

routes() {
	network route
}

# The loop devices whose file is the instance's, but those of templates.
loops() {
	local backing file
	for backing in /sys/block/loop*/loop/backing_file; do
		{ read -r file <"$backing"; } 2>/dev/null || continue
		backing=${backing%/loop/backing_file}
		[[ $file != "$CTCTL_PREFIX"/* || $file == "$CTCTL_PREFIX"/lib/templates/* ]] || echo "loop /dev/${backing##*/} $file"
	done
}

# Where there may be something of the instance, for traces.awk: by few processes, because this is done before and after everything.
look() {
	local group_dirs
	find_groups
	find /proc "${group_dirs[@]}" "$CTCTL_PREFIX" "$POOL_DATA" -mindepth 1 \
		-path '/proc/*' -prune -name '[1-9]*' -uid "+$((IDS_FIRST - 1))" -uid "-$IDS_END" -printf 'process %f\n' -o -path '/proc/*' -prune -o \
		-path '/sys/fs/cgroup/*' \( -type d -printf 'group %p\n' -o -name cgroup.procs -printf 'procs %p %P\n' -o \
		-path '*/g[12]/*' \( -name memory.max -o -name memory.limit_in_bytes -o -name pids.max \) -printf 'limit %p\n' -o -true \) -o \
		\( -path "$RUNS/_images/*" -o -path "$GUESTS/*/checkpoint/*" -o -path "$GUESTS/*/checkpoints/*/*" -o -path "$CTCTL_PREFIX/lib/templates/*/*/*" -o -path "$POOL_DATA/*/*" -o \
		-path "$CTCTL_PREFIX/lib/pools/*/data/*/*" -o -path "$CTCTL_PREFIX/*/*/*/*/*/*/*" \) -prune -o -printf 'file %p\n' || :
	look_at_network
	loops
} 2>/dev/null

# traces AWK: the lines that this one makes of what look() has found.
traces() {
	awk -v prefix="$CTCTL_PREFIX/" -v pool="$POOL_DATA/" -v table="$NFT_TABLE" -f "$HERE/$1.awk" -f "$HERE/traces.awk"
}

instance_state() {
	look | traces state
}

same_state() {
	[ "$(<"$1")" = "$(<"$2")" ] || diff -U0 --label before --label after "$1" "$2"
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
	group_processes "$1" | sort -u | xargs -r kill -KILL
	rm -rf "${GUESTS:?}/$1" "${RUNS:?}/$1"
}
