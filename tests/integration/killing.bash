# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests that kill what should have ended by itself; loaded after lib.bash.

# sleep_ms MILLISECONDS, without a process of its own
sleep_ms() {
	local fd
	exec {fd}<> <(:)
	read -r -t "$(($1 / 1000)).$(printf '%03d' $(($1 % 1000)))" -u "$fd" || :
	exec {fd}>&-
}

# wait_for PID: sets `status`
wait_for() {
	status=0
	wait "$1" 2>/dev/null || status=$?
}

is_reaped() {
	[ -z "$(guest_processes Z)" ]
}

# The runner counts whatever bears an id of a guest. Whoever adopts the init of a killed monitor may take its time to reap it.
teardown_file() {
	within 30 is_reaped
}
