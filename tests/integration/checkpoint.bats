# SPDX-License-Identifier: GPL-2.0-or-later
# Guests are made to be checkpointed: a running system is saved with CRIU, which ends it, and restored. checkpoint.sh does it, and says what goes on.
#
# needs template debian-12
# needs template debian-13
load lib

CRIU=${CTCTL_CRIU:-/usr/local/libexec/ctctl/criu/criu}

setup_file() {
	export NO_CRIU=''
	[ -x "$CRIU" ] || NO_CRIU="no CRIU at $CRIU: make deps-criu, or set CTCTL_CRIU"
	[ -n "$NO_CRIU" ] || "$BATS_TEST_DIRNAME/../../tools/criu-smoke" "$CRIU" 2>"$BATS_FILE_TMPDIR/smoke" ||
		NO_CRIU="$CRIU does not work on this kernel: $(paste -sd ' ' "$BATS_FILE_TMPDIR/smoke")"
}

is_up() {
	[ "$(ct exec g1 -- systemctl is-system-running 2>/dev/null)" = running ]
}

# What is restored has nobody who watches it: to ctctl, the guest is stopped. Afterwards it starts as ever.
save_and_restore() {
	[ -z "$NO_CRIU" ] || skip "$NO_CRIU"
	[ -x "$ROOTAT" ] # make build/tests/integration/rootat
	ct -q create g1 "$1" --start
	within 30 is_up
	timeout --foreground -k 5 60 "$BATS_TEST_DIRNAME/checkpoint.sh" g1 "$BATS_TEST_TMPDIR/images" "$CRIU" "$ROOTAT"
	[ "$(state g1)" = stopped ]
	ct start g1
	within 30 is_up
}

@test "a running Debian 12 is saved and restored, and its services, connections, journal and clocks go on" {
	save_and_restore debian-12
}

@test "a running Debian 13 is saved and restored, and its services, connections, journal and clocks go on" {
	save_and_restore debian-13
}
