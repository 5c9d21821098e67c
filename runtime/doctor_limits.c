/* SPDX-License-Identifier: GPL-2.0-or-later */
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
		doctor_advise(f, "Guests run without these limits. memory is often switched off at boot: look for "
				 "cgroup_disable= in /proc/cmdline.");
	} else {
		doctor_found(f, DOCTOR_OK, "%.150s", host.controllers);
	}
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
