/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup.h"
#include "runtime/doctor_priv.h"

void doctor_cgroups(const struct node *node _unused_, struct doctor_finding *f)
{
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;

	if (cgroup_probe_host(&host, &err) < 0) {
		doctor_found(f, DOCTOR_FATAL, "%.150s", err.msg);
		doctor_advise(f, "Mount them: systemd does it; without it, mount -t cgroup2 none /sys/fs/cgroup.");
	} else if (!host.has_v2) {
		doctor_found(f, DOCTOR_FATAL, "version 1 only");
		doctor_advise(f, "A guest needs cgroup2: mount -t cgroup2 none /sys/fs/cgroup/unified, or boot with "
				 "systemd.unified_cgroup_hierarchy=1.");
	} else if (!host.is_unified) {
		doctor_found(f, DOCTOR_NOTE, "hybrid: controllers are on version 1, cgroup2 is at %s", host.v2_mount);
		doctor_advise(f, "Works. The unified hierarchy is better tested: boot with systemd.unified_cgroup_hierarchy=1.");
	} else {
		doctor_found(f, DOCTOR_OK, "unified, at %s", host.v2_mount);
	}
}

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = strstr(words, word); p; p = strstr(p + 1, word)) {
		if ((p == words || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	}
	return false;
}

void doctor_controllers(const struct node *node _unused_, struct doctor_finding *f)
{
	static const char *const needed[] = { "memory", "cpu", "pids" };
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;
	struct strbuf missing = { 0 };

	if (cgroup_probe_host(&host, &err) < 0) {
		doctor_found(f, DOCTOR_LACKING, "%.150s", err.msg);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		if (!has_word(host.controllers, needed[i]))
			strbuf_addf(&missing, " %s", needed[i]);
	}

	_cleanup_free_ char *names = strbuf_take(&missing);

	if (names && *names) {
		doctor_found(f, DOCTOR_LACKING, "no controller for:%s", names);
		doctor_advise(f, "A guest with such a limit is refused. memory is often switched off at boot: look for "
				 "cgroup_disable= in /proc/cmdline.");
	} else {
		doctor_found(f, DOCTOR_OK, "%.150s", host.controllers);
	}
}

void doctor_memory_steps(const struct node *node _unused_, struct doctor_finding *f)
{
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;

	if (cgroup_probe_host(&host, &err) == 0 && host.is_unified) {
		doctor_found(f, DOCTOR_OK, "memory-high and memory-low");
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "no memory-high and no memory-low: the controller is none of version 2");
	doctor_advise(f, "Boot with systemd.unified_cgroup_hierarchy=1.");
}

void doctor_cpuset(const struct node *node _unused_, struct doctor_finding *f)
{
	_cleanup_free_ char *online = doctor_read("/sys/devices/system/cpu/online");
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;

	if (cgroup_probe_host(&host, &err) < 0 || !has_word(host.controllers, "cpuset")) {
		doctor_found(f, DOCTOR_LACKING, "no controller for: cpuset");
		doctor_advise(f, "Guests cannot be given processors of their own: use a kernel with CONFIG_CPUSETS, as Debian's "
				 "has.");
		return;
	}
	doctor_found(f, DOCTOR_OK, "processors %.100s", online ? str_trim(online) : "of this host");
}

void doctor_io(const struct node *node _unused_, struct doctor_finding *f)
{
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;

	if (cgroup_probe_host(&host, &err) == 0 && has_word(host.controllers, "io")) {
		doctor_found(f, DOCTOR_OK, "io-read, io-write, io-read-ops, io-write-ops");
	} else if (has_word(host.controllers, "blkio")) {
		doctor_found(f, DOCTOR_NOTE, "of version 1: what a guest leaves in the page cache is written outside its limit");
		doctor_advise(f, "Only direct and synchronous writes are limited. Boot with systemd.unified_cgroup_hierarchy=1.");
	} else {
		doctor_found(f, DOCTOR_LACKING, "no controller for: io");
		doctor_advise(f, "The use of disks cannot be limited: use a kernel with CONFIG_BLK_CGROUP and "
				 "CONFIG_BLK_DEV_THROTTLING, as Debian's has.");
	}
}

/* Is there a disk with the scheduler bfq? Its name is in `room` then. */
static bool find_bfq(char *room, size_t size)
{
	_cleanup_dir_ DIR *dir = opendir("/sys/block");
	struct dirent *e;

	while (dir && (e = readdir(dir))) {
		_cleanup_free_ char *path = str_printf("/sys/block/%s/queue/scheduler", e->d_name);
		_cleanup_free_ char *text = path ? doctor_read(path) : NULL;

		if (text && strstr(text, "[bfq]") && str_copy(room, size, e->d_name) == 0)
			return true;
	}
	return false;
}

void doctor_io_weight(const struct node *node _unused_, struct doctor_finding *f)
{
	char disk[64];

	if (find_bfq(disk, sizeof(disk))) {
		doctor_found(f, DOCTOR_OK, "the disk '%s' has the scheduler bfq, which weighs", disk);
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "no disk has the scheduler bfq: io-weight is refused, unless io.cost is on");
	doctor_advise(f, "To use it: modprobe bfq, then write bfq to /sys/block/DISK/queue/scheduler of the pools' disks, and "
			 "have udev do so at boot.");
}

void doctor_devices(const struct node *node _unused_, struct doctor_finding *f)
{
	struct cgroup_host host = { 0 };
	struct err err = ERR_INIT;

	if (cgroup_probe_host(&host, &err) == 0 && has_word(host.controllers, "devices")) {
		doctor_found(f, DOCTOR_OK, "limited by the controller of version 1");
		return;
	}

	int r = cgroup_probe_devices();

	if (r == 0) {
		doctor_found(f, DOCTOR_OK, "limited by BPF");
		return;
	}
	doctor_found(f, DOCTOR_FATAL, "cannot be limited: bpf(2): %s", strerror(-r));
	doctor_advise(f, "No guest is started without. Use a kernel with CONFIG_CGROUP_BPF, as Debian's has; within another "
			 "container, ctctl needs bpf(2) allowed.");
}

/* Reads the lines "name:first:count" of subuid(5); returns the first that overlaps, as a new string. */
static char *find_overlap(const char *path, uint64_t first, uint64_t count)
{
	_cleanup_free_ char *text = doctor_read(path);
	char *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		char name[64];
		uint64_t from, n;

		if (sscanf(line, "%63[^:]:%" SCNu64 ":%" SCNu64, name, &from, &n) != 3)
			continue;
		if (from < first + count && first < from + n)
			return strdup(line);
	}
	return NULL;
}

void doctor_ids(const struct node *node, struct doctor_finding *f)
{
	static const char *const paths[] = { "/etc/subuid", "/etc/subgid" };
	uint64_t count = node->ids_slots * NODE_IDS_PER_GUEST;

	doctor_found(f, DOCTOR_OK, "%" PRIu64 " to %" PRIu64 ", for %" PRIu64 " guests", node->ids_first,
		     node->ids_first + count - 1, node->ids_slots);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		_cleanup_free_ char *line = find_overlap(paths[i], node->ids_first, count);

		if (!line)
			continue;
		doctor_found(f, DOCTOR_NOTE, "%s gives some of them away: %.80s", paths[i], line);
		doctor_advise(f,
			      "Set ids-first in %s/ctctl.conf to a free range before the first guest is created, or take that "
			      "line out.",
			      node->conf_dir);
	}
}

/* systemd gives its services this many since version 240 (its NEWS); a guest's init cannot go above what the host gives. */
#define OPEN_FILES_WANTED 524288U

void doctor_open_files(const struct node *node _unused_, struct doctor_finding *f)
{
	struct rlimit now;
	uint64_t nr_open = 0;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || !doctor_read_number("/proc/sys/fs/nr_open", &nr_open))
		return;
	doctor_found(f, DOCTOR_OK, "hard limit %" PRIu64 ", fs.nr_open %" PRIu64, (uint64_t)now.rlim_max, nr_open);
	if (nr_open < OPEN_FILES_WANTED) {
		f->verdict = DOCTOR_NOTE;
		doctor_advise(f, "Services in guests expect 524288: sysctl -w fs.nr_open=1048576.");
	} else if (now.rlim_max < OPEN_FILES_WANTED) {
		f->verdict = DOCTOR_NOTE;
		doctor_advise(f, "Services in guests expect 524288. ctctl raises it if it may (CAP_SYS_RESOURCE); else: ulimit "
				 "-Hn 524288 before.");
	}
}

static void look_at_sysctl(struct doctor_finding *f, const char *key, const char *path, uint64_t wanted, const char *why)
{
	uint64_t now;

	if (!doctor_read_number(path, &now)) {
		doctor_found(f, DOCTOR_NOTE, "%s cannot be read", key);
		return;
	}
	doctor_found(f, now < wanted ? DOCTOR_NOTE : DOCTOR_OK, "%s is %" PRIu64, key, now);
	if (now < wanted)
		doctor_advise(f, "%s: sysctl -w %s=%" PRIu64 ", and write it to /etc/sysctl.d/.", why, key, wanted);
}

void doctor_pid_max(const struct node *node _unused_, struct doctor_finding *f)
{
	look_at_sysctl(f, "kernel.pid_max", "/proc/sys/kernel/pid_max", 1 << 20, "All guests share it");
}

/* Instances in a user namespace count also for the user who made it, who is root for all guests (kernel/ucount.c). */
void doctor_inotify(const struct node *node _unused_, struct doctor_finding *f)
{
	look_at_sysctl(f, "fs.inotify.max_user_instances", "/proc/sys/fs/inotify/max_user_instances", 8192,
		       "All guests share it, and one with systemd takes some dozen");
}

void doctor_keys(const struct node *node _unused_, struct doctor_finding *f)
{
	look_at_sysctl(f, "kernel.keys.maxkeys", "/proc/sys/kernel/keys/maxkeys", 2000,
		       "Each guest has so many, and systemd takes some per service");
}
