# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What hosts differ in. A test that cannot prove anything without some of it says so in its first line, "needs NAME", and is skipped elsewhere, with the reason.
# lacks_NAME says why this host lacks it, or nothing. All together, the hosts that the suite is run on have everything. Loaded by lib.bash.

# needs NAME...
needs() {
	local name why
	for name; do
		declare -F "lacks_$name" >/dev/null || {
			echo "nobody knows what '$name' is that this test needs: expected one of $(declare -F | sed -n 's/^declare -f lacks_//p' | xargs)"
			return 1
		}
		why=$(once "lacks_$name")
		[ -z "$why" ] || skip "$why"
	done
}

# once FUNCTION: what it said the first time in this run; some take seconds.
once() {
	local file=$CTCTL_PREFIX/../offers/$1
	if [ ! -e "$file" ]; then
		mkdir -p "${file%/*}"
		"$1" >"$file.$$"
		mv "$file.$$" "$file"
	fi
	cat "$file"
}

# CapEff of this host's root.
lacks_cap_sys_resource() {
	local line
	line=$(grep '^CapEff' /proc/self/status)
	[ $((0x${line##*[[:space:]]} >> 24 & 1)) -eq 1 ] || echo "this host's root has no CAP_SYS_RESOURCE: guests share its limits (docs/SECURITY.md)"
}

lacks_controllers_v1() {
	grep -qE ' - cgroup [^ ]+ [^ ]*memory' /proc/self/mountinfo || echo 'the controllers of this host are on version 2 of control groups'
}

lacks_controllers_v2() {
	local file
	for file in /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers; do
		! grep -qsw memory "$file" || return 0
	done
	echo 'the controllers of this host are on version 1 of control groups'
}

lacks_systemd() {
	[ -d /run/systemd/system ] || echo 'this host does not run systemd'
}

lacks_apparmor() {
	[ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" = Y ] || echo "this host's kernel runs without AppArmor"
}

lacks_nested_kvm() {
	{ [ -w /dev/kvm ] && grep -qE '^flags.* (vmx|svm)( |$)' /proc/cpuinfo; } || echo 'this host has no hardware assistance for VMs'
}

# Quotas of projects, as pools on ext4 and xfs need them.
lacks_project_quota() {
	local config
	for config in /proc/config.gz "/boot/config-$(uname -r)"; do
		! zgrep -qs '^CONFIG_QFMT_V2=[ym]' "$config" || return 0
	done
	echo "this host's kernel has no disk quotas"
}

lacks_btrfs() {
	grep -qw btrfs /proc/filesystems || modprobe -q btrfs 2>/dev/null || echo "this host's kernel has no btrfs"
}

# Since Linux 6.12 an image is mounted without a loop device.
lacks_erofs_of_files() {
	local major minor
	IFS=.- read -r major minor _ < <(uname -r)
	((major > 6 || (major == 6 && minor >= 12))) || echo "this host's kernel is older than 6.12: it mounts erofs images on loop devices"
}

# For small pools of guests: since Linux 6.3.
lacks_idmapped_tmpfs() {
	local major minor
	IFS=.- read -r major minor _ < <(uname -r)
	((major > 6 || (major == 6 && minor >= 3))) || echo "this host's kernel is older than 6.3: it cannot id-map tmpfs"
}

lacks_swap_accounting() {
	compgen -G '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes' >/dev/null || compgen -G '/sys/fs/cgroup/*/memory.swap.max' >/dev/null ||
		echo 'this kernel does not count swap'
}

lacks_two_processors() {
	[ "$(</sys/devices/system/cpu/online)" != 0 ] || echo 'this host has one processor'
}

lacks_files_on_disk() {
	[ "$(stat -f -c %T "$CTCTL_PREFIX")" != tmpfs ] || echo "this host has the tests' files in memory: set TMPDIR"
}

lacks_tmpfs() {
	[ "$(stat -f -c %T /dev/shm)" = tmpfs ] || echo 'this host has no tmpfs on /dev/shm'
}

# Can they be opened by whoever makes their nodes? A file system may be mounted without.
lacks_fuse_or_tun() {
	local dir device
	for dir in "$BATS_TEST_TMPDIR" /var/tmp; do
		dir=$(mktemp -d "$dir/ctctl-devices-XXXXXX")
		mknod "$dir/fuse" c 10 229
		mknod "$dir/tun" c 10 200
		for device in fuse tun; do
			! (: <"$dir/$device") 2>/dev/null || { rm -r "$dir" && return; }
		done
		rm -r "$dir"
	done
	echo 'this host has neither /dev/fuse nor /dev/net/tun'
}

lacks_criu() {
	local said criu=${CTCTL_CRIU:-/usr/local/libexec/ctctl/criu/criu}
	[ -x "$criu" ] || {
		echo "no CRIU at $criu: make deps-criu, or set CTCTL_CRIU"
		return
	}
	said=$("$HERE/../../tools/criu-smoke" "$criu" 2>&1) || echo "$criu does not work on this kernel: $(paste -sd ' ' <<<"$said")"
}

lacks_mirror() {
	timeout 20 /usr/lib/apt/apt-helper -o Acquire::Retries=0 -o APT::Sandbox::User=root download-file http://deb.debian.org/debian/dists/bookworm/Release "$BATS_TEST_TMPDIR/Release" >/dev/null 2>&1 ||
		echo "this machine does not reach Debian's mirror"
}

lacks_bridge_vlans() {
	unshare --net -- sh -c 'ip link add name b type bridge vlan_filtering 1' 2>/dev/null || echo 'this kernel has no VLANs on bridges'
}
