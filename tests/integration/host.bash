# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What a host looks like, as lines that can be compared: the suite must leave it as it was. Used by tests/integration/run.

# Units of the host's own systemd come and go as they like, and so does the slice of all instances of ctctl, if there is one; what is in it does not.
host_cgroups() {
	find /sys/fs/cgroup -type d -printf 'cgroup %p\n' | awk '/ctctl/ ? !/\/ctctl\.slice$/ : !/\.(service|scope|slice|socket|timer|mount|swap|device)(\/|$)/'
}

# Which controllers are enabled for whom is systemd's to decide, where there is one.
host_controllers() {
	[ -d /run/systemd/system ] || find /sys/fs/cgroup -maxdepth 2 -name cgroup.subtree_control -exec sed 's/^/controllers /' {} +
}

host_state() {
	awk '{ d = ""; for (i = 7; $i != "-"; i++) d = d $i; print "mount", $4, $5, $6, $(i + 1), $(i + 2) }' /proc/self/mountinfo
	ip -o link show | awk -F': ' '{ sub(/@.*/, "", $2); print "link", $2 }'
	nft list tables | sed 's/^/filter /'
	ip -o addr show | awk '{ print "address", $2, $4 }'
	losetup -n -O NAME,BACK-FILE | sed 's/^/loop /'
	host_cgroups
	find /sys/fs/cgroup -maxdepth 1 ! -name ctctl.slice -printf 'cgroupfs %p %M %u\n'
	host_controllers
	find /etc/ctctl /var/lib/ctctl /run/ctctl -maxdepth 2 -printf 'file %p\n' 2>/dev/null
	sed 's/^/forward /' /proc/sys/net/ipv4/ip_forward
	sed 's/^/forward6 /' /proc/sys/net/ipv6/conf/all/forwarding
}

is_below() {
	local pid=$1
	while [ "${pid:-0}" -gt 1 ]; do
		[ "$pid" -eq "$2" ] && return 0
		pid=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status" 2>/dev/null)
	done
	return 1
}

# Processes of the run $1 that have outlived it: whoever has its mark in the environment or its folder $2 among the arguments, and is no child of $3.
run_processes() {
	local dir pid args
	{
		grep -lzF "CTCTL_TEST_RUN=$1" /proc/[1-9]*/environ
		grep -lF "$2" /proc/[1-9]*/cmdline
	} 2>/dev/null | sed 's|/[a-z]*$||' | sort -u | while read -r dir; do
		pid=${dir##*/}
		is_below "$pid" "$3" && continue
		# One that is ending has none any more.
		args=$(tr '\0' ' ' 2>/dev/null <"$dir/cmdline")
		[ -z "$args" ] || echo "process $pid $args"
	done 2>/dev/null
}
