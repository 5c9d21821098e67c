# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash disable=SC2034,SC2154
# The other runtimes: their roots and configurations. Sourced by tests/bench/run.
crun="crun --root $work/crun --cgroup-manager=cgroupfs"
runc="runc --root $work/runc"
lxc_start="lxc-start -P $work/lxc -n ctctl-bench -d"
lxc_stop="lxc-stop -P $work/lxc -n ctctl-bench -k"

# peers_root DIR: a system of busybox alone.
peers_root() {
	mkdir -p "$1"/{bin,dev,etc,mnt,proc,run,sys,tmp}
	cp "$(command -v busybox)" "$1/bin/busybox"
	ln -s busybox "$1/bin/sh"
	ln -s busybox "$1/bin/true"
}

# The mounts and masks are those of `crun spec`, less the view of the cgroups.
peers_mounts() {
	cat <<-'JSON'
	{ "destination": "/proc", "type": "proc", "source": "proc" },
	{ "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"] },
	{ "destination": "/dev/pts", "type": "devpts", "source": "devpts",
	  "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"] },
	{ "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "nodev", "mode=1777"] },
	{ "destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": ["nosuid", "noexec", "nodev"] },
	{ "destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"] }
	JSON
}

# What ctctl does too: an overlay, here beside the root, and a filter, here a short one.
peers_overlay() {
	echo ", { \"destination\": \"/mnt\", \"type\": \"overlay\", \"source\": \"overlay\", \"options\":" \
		"[\"lowerdir=$work/root\", \"upperdir=$work/oci-overlay/upper\", \"workdir=$work/oci-overlay/work\"] }"
}

peers_filter() {
	cat <<-'JSON'
	, "seccomp": { "defaultAction": "SCMP_ACT_ALLOW",
	  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
	  "syscalls": [{ "action": "SCMP_ACT_ERRNO", "names": ["kexec_load", "kexec_file_load", "init_module", "finit_module",
	    "delete_module", "open_by_handle_at", "bpf", "io_uring_setup", "userfaultfd", "perf_event_open"] }] }
	JSON
}

# peers_bundle DIR CGROUP ARGS [full]: an OCI bundle; ARGS is the JSON of the command.
peers_bundle() {
	mkdir -p "$1"
	cat >"$1/config.json" <<-JSON
	{ "ociVersion": "1.0.0", "hostname": "bench",
	  "process": { "terminal": false, "user": { "uid": 0, "gid": 0 }, "args": $3, "env": ["PATH=/bin"], "cwd": "/" },
	  "root": { "path": "$work/peer-root", "readonly": false },
	  "mounts": [ $(peers_mounts) ${4:+$(peers_overlay)} ],
	  "linux": {
	    "uidMappings": [{ "containerID": 0, "hostID": 100000, "size": 65536 }],
	    "gidMappings": [{ "containerID": 0, "hostID": 100000, "size": 65536 }],
	    "cgroupsPath": "/ctctl-bench/$2",
	    "resources": { "memory": { "limit": 268435456 }, "pids": { "limit": 1000 } },
	    "namespaces": [ { "type": "user" }, { "type": "mount" }, { "type": "pid" }, { "type": "network" }, { "type": "uts" },
	      { "type": "ipc" }, { "type": "cgroup" } ],
	    "maskedPaths": [ "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	      "/proc/sched_debug", "/sys/firmware", "/proc/scsi" ],
	    "readonlyPaths": [ "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger" ]
	    ${4:+$(peers_filter)} } }
	JSON
}

peers_lxc_config() {
	mkdir -p "$work/lxc/ctctl-bench" "$work/lxc-overlay/upper"
	chown -R 100000:100000 "$work/lxc-overlay"
	cat >"$work/lxc/ctctl-bench/config" <<-CONFIG
	lxc.uts.name = bench
	lxc.rootfs.path = overlay:$work/root:$work/lxc-overlay/upper
	lxc.idmap = u 0 100000 65536
	lxc.idmap = g 0 100000 65536
	lxc.net.0.type = empty
	lxc.init.cmd = /bin/busybox sleep 100000
	lxc.execute.cmd = /bin/busybox true
	lxc.mount.auto = proc:mixed sys:ro
	lxc.tty.max = 0
	lxc.pty.max = 1
	lxc.cap.drop = sys_time sys_module sys_rawio
	lxc.apparmor.profile = unconfined
	lxc.seccomp.profile = /usr/share/lxc/config/common.seccomp
	lxc.cgroup.dir.monitor = ctctl-bench/lxc-monitor
	lxc.cgroup.dir.monitor.pivot = ctctl-bench/lxc-pivot
	lxc.cgroup.dir.container = ctctl-bench/lxc-guest
	lxc.cgroup.memory.limit_in_bytes = 268435456
	lxc.cgroup2.memory.max = 268435456
	lxc.cgroup.pids.max = 1000
	lxc.cgroup2.pids.max = 1000
	CONFIG
}

peers_make() {
	local controllers=/sys/fs/cgroup/unified/cgroup.controllers
	peers_root "$work/root"
	peers_root "$work/peer-root"
	chown -R 100000:100000 "$work/peer-root"
	mkdir -p "$work"/floor/{upper,work}
	mkdir -p "$work"/oci-overlay/{upper,work}
	chown 100000:100000 "$work"/{floor,oci-overlay}/{upper,work}
	peers_bundle "$work/bundle" crun '["/bin/busybox", "sleep", "100000"]'
	peers_bundle "$work/bundle-full" full '["/bin/busybox", "sleep", "100000"]' full
	peers_bundle "$work/bundle-runc" runc '["/bin/busybox", "sleep", "100000"]'
	peers_bundle "$work/bundle-true" true '["/bin/busybox", "true"]'
	peers_lxc_config
	: >"$work/empty"
	echo 'root:100000:65536' >"$work/subid"
	for file in /etc/subuid /etc/subgid; do
		! [ -e $file ] || mount --bind "$work/subid" $file
	done
	! [ -e $controllers ] || mount --bind "$work/empty" $controllers
}

peers_versions() {
	local peer
	for peer in crun runc lxc bubblewrap; do
		dpkg-query -W -f '${Package} ${Version}, ' $peer 2>/dev/null || printf '%s missing, ' $peer
	done
	echo "all with a user namespace"
}

peers_stop() {
	{
		$crun delete -f ctctl-bench
		$runc delete -f ctctl-bench
		$runc delete -f ctctl-bench-runc
		$lxc_stop
	} >/dev/null 2>&1
}

peers_remove() {
	local group
	! [ -s "$work/floor/pid" ] || "$floor" kill "$work/floor/pid" 2>/dev/null
	peers_stop
	for group in /sys/fs/cgroup/ctctl-bench /sys/fs/cgroup/*/ctctl-bench; do
		! [ -d "$group" ] || find "$group" -depth -type d -exec rmdir {} \;
	done
}
