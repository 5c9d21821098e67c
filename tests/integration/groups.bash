# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Where an instance of ctctl has the control groups of its guests. Used by tests/integration/run and lib.bash.

# The mount points of all hierarchies, with spaces between.
hierarchies() {
	awk '$5 ~ "^/sys/fs/cgroup(/|$)" && / - cgroup2? / { print $5 }' /proc/self/mountinfo | xargs
}

# parent_of INSTANCE: the path of its guests' parent group, in each hierarchy. Where systemd is, it is a unit that systemd has delegated.
parent_of() {
	if [ -d /run/systemd/system ] && [ -e /sys/fs/cgroup/cgroup.controllers ]; then
		echo "ctctl.slice/$1-guests.service"
	else
		echo "$1"
	fi
}

# remove_groups PARENT: with all below, which have to be empty; and what says in /run that its unit is there (runtime/home.h).
remove_groups() {
	local hierarchy unit=${1##*/}
	if [[ $unit == *.service ]]; then
		! systemctl -q is-active "$unit" || systemctl stop "$unit"
		rm -f "/run/${unit%.service}.lock"
	fi
	for hierarchy in $HIERARCHIES; do
		! [ -d "$hierarchy/$1" ] || find "$hierarchy/$1" -depth -type d -exec rmdir {} + || return
	done
}
