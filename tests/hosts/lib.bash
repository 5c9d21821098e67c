# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the tests of whole hosts share. They run outside of the hosts that they start; tests/hosts/run sets
#
#   HOST    the name in hosts.list        IMAGE   the image with ctctl installed, which each test's hosts come from
#
# A host has an instance of ctctl at its default places, as a user has it.
bats_require_minimum_version 1.5.0
# shellcheck source=tests/hosts/host.bash
. "$BATS_TEST_DIRNAME/host.bash"

# Names of this test's hosts: others run beside it. With SHARED=1, a file's tests have one host for all.
setup() {
	a=$HOST.$(basename "$BATS_TEST_FILENAME" .bats)${SHARED:-$BATS_SUITE_TEST_NUMBER}.a
	b=${a%a}b
}

# shared_host TEMPLATE: a host that the tests before this one may have used, without guests and with that template. After a test that failed, a fresh one.
shared_host() {
	if ! [ -d "$HOSTS_RUN/$a" ]; then
		host_start "$a" "$IMAGE"
		with_template "$a" "$1"
	fi
}

leave_shared_host() {
	[ ! -d "$HOSTS_RUN/$a" ] || on "$a" '
		for g in $(ctctl list -o name | tail -n +2); do ctctl -q destroy --force $g; done
		! systemctl -q is-active ctctl || systemctl stop ctctl
		! systemctl -q is-active ctctl-guests || systemctl stop ctctl-guests'
}

teardown() {
	local host bad=''
	if [ -z "$BATS_TEST_COMPLETED" ]; then
		on "$a" 'journalctl -b -o short-monotonic --no-pager | tail -n 80' || true
	fi
	for host in "$a" "$b"; do
		is_sound "$host" || bad+=" $host"
	done
	[ -n "${SHARED:-}" ] && [ -n "$BATS_TEST_COMPLETED" ] && [ -z "$bad" ] && leave_shared_host || host_stop "$a"
	host_stop "$b"
	[ -z "$bad" ] || {
		echo "a kernel that stumbled, or a program that dumped core:$bad"
		return 1
	}
}

teardown_file() {
	[ -z "${SHARED:-}" ] || host_stop "$HOST.$(basename "$BATS_TEST_FILENAME" .bats)$SHARED.a"
}

# What a kernel says that goes wrong. That a processor got no time from the machine that emulates it (a soft lockup) is no fault of the host's.
stumbles() {
	grep -aE 'BUG: |Oops|Kernel panic|WARNING: CPU' | grep -v 'BUG: soft lockup'
}

# is_sound HOST: neither in this boot nor in one before. Shows what is not. Who has stopped for good is not asked: its console says why.
is_sound() {
	[ -d "$HOSTS_RUN/$1" ] || return 0
	! stumbles <"$HOSTS_RUN/$1/console.log" || return 1
	on "$1" 'journalctl _TRANSPORT=kernel -q -o cat --no-pager; ! find /var/crash -type f | grep . >&2' >"$BATS_TEST_TMPDIR/kernel" || return 1
	! stumbles <"$BATS_TEST_TMPDIR/kernel"
}

# on HOST COMMAND: what it says is shown if the test fails; ends with its status.
on() {
	local ssh_command
	host_ssh "$1"
	shift
	timeout --foreground 300 "${ssh_command[@]}" "ulimit -c unlimited; set -e; $*"
}

# with_template HOST NAME: as built outside.
with_template() {
	on "$1" "mkdir -p /var/lib/ctctl/templates && cp -a /mnt/templates/$2 /var/lib/ctctl/templates/"
}

# Waits inside the host, by its own clock. wait_for HOST SECONDS COMMAND
wait_for() {
	on "$1" "for i in \$(seq $(($2 * 5))); do if $3; then exit 0; fi; sleep 0.2; done; echo 'not within $2 s: $3'; exit 1"
}
