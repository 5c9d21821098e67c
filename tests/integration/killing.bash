# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests that kill what should have ended by itself; loaded after lib.bash.

is_reaped() {
	[ -z "$(guest_processes Z)" ]
}

# The runner counts whatever bears an id of a guest. Whoever adopts the init of a killed monitor may take its time to reap it.
teardown_file() {
	within 30 is_reaped
}
