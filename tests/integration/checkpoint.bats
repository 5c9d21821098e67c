# SPDX-License-Identifier: GPL-2.0-or-later
# Guests are made to be checkpointed: a running system is saved with CRIU, which ends it, and restored. checkpoint.sh does it, and says what goes on.
#
# needs template debian-12
# needs template debian-13
load lib

CRIU=${CTCTL_CRIU:-/usr/local/libexec/ctctl/criu/criu}

is_up() {
	[ "$(ct exec g1 -- systemctl is-system-running 2>/dev/null)" = running ]
}

# What is restored has nobody who watches it: to ctctl, the guest is stopped. Afterwards it starts as ever.
save_and_restore() {
	ct -q create g1 "$1" --start
	within 30 is_up
	timeout --foreground -k 5 $((60 * PATIENCE)) "$BATS_TEST_DIRNAME/checkpoint.sh" g1 "$BATS_TEST_TMPDIR/images" "$CRIU" "$ROOTAT"
	[ "$(state g1)" = stopped ]
	ct start g1
	within 30 is_up
}

@test "a running Debian 12 is saved and restored, and its services, connections, journal and clocks go on" {
	needs criu rootat
	save_and_restore debian-12
}

@test "a running Debian 13 is saved and restored, and its services, connections, journal and clocks go on" {
	needs criu rootat
	save_and_restore debian-13
}
