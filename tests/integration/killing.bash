# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# For tests that kill what should have ended by itself; loaded after lib.bash.

# Whoever adopts the init of a killed monitor may take its time to reap it: here, what has ended does not count.
instance_processes() {
	{
		find /sys/fs/cgroup -maxdepth 4 -path "*/$PARENT/*" -name cgroup.procs -exec cat {} + 2>/dev/null
		ps -eo pid=,uid=,stat= | awk -v first="$IDS_FIRST" -v end="$IDS_END" '$2 >= first && $2 < end && $3 !~ /^Z/ { print $1 }'
	} | sort -u
}

is_reaped() {
	[ -z "$(ps -eo uid=,stat= | awk -v first="$IDS_FIRST" -v end="$IDS_END" '$1 >= first && $1 < end && $2 ~ /^Z/')" ]
}

# The runner counts whatever bears an id of a guest.
teardown_file() {
	within 30 is_reaped
}
