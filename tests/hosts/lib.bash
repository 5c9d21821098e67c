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

# Names of this test's hosts: others run beside it.
setup() {
	a=$HOST.$(basename "$BATS_TEST_FILENAME" .bats)$BATS_SUITE_TEST_NUMBER.a
	b=${a%a}b
}

teardown() {
	if [ -z "$BATS_TEST_COMPLETED" ]; then
		host_run "$a" 'journalctl -b -o short-monotonic --no-pager | tail -n 80' || true
	fi
	host_stop "$a"
	host_stop "$b"
}

# on HOST COMMAND: what it says is shown if the test fails; ends with its status.
on() {
	local host=$1
	shift
	timeout --foreground 300 ssh "${host_ssh_options[@]}" -o ControlPath="$HOSTS_RUN/$host/ssh" -p "$HOST_PORT" -- \
		"root@$(cat "$HOSTS_RUN/$host/address")" "set -e; $*"
}

# with_template HOST NAME: as built outside.
with_template() {
	on "$1" "mkdir -p /var/lib/ctctl/templates && cp -a /mnt/templates/$2 /var/lib/ctctl/templates/"
}

# Waits inside the host, by its own clock. wait_for HOST SECONDS COMMAND
wait_for() {
	on "$1" "for i in \$(seq $(($2 * 5))); do if $3; then exit 0; fi; sleep 0.2; done; echo 'not within $2 s: $3'; exit 1"
}
