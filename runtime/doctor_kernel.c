/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/doctor_priv.h"

void doctor_root(const struct node *node _unused_, struct doctor_finding *f)
{
	if (geteuid() == 0) {
		doctor_found(f, DOCTOR_OK, "root");
		return;
	}
	doctor_found(f, DOCTOR_FATAL, "user %u", geteuid());
	doctor_advise(f, "Run ctctl as root.");
}

/* The newest of what a start cannot do without: overlayfs over id-mapped layers (Linux 5.19, overlayfs.rst). */
void doctor_kernel(const struct node *node _unused_, struct doctor_finding *f)
{
	struct utsname u;
	bool is_new_enough = doctor_kernel_is(5, 19);

	if (uname(&u) < 0)
		return;
	doctor_found(f, is_new_enough ? DOCTOR_OK : DOCTOR_FATAL, "Linux %.100s", u.release);
	if (!is_new_enough)
		doctor_advise(f, "Linux 5.19 or later is needed, for id-mapped root file systems: Debian 12 or later has it.");
}

void doctor_user_namespaces(const struct node *node _unused_, struct doctor_finding *f)
{
	uint64_t most = 0;

	if (access("/proc/self/ns/user", F_OK) < 0 || !doctor_read_number("/proc/sys/user/max_user_namespaces", &most)) {
		doctor_found(f, DOCTOR_FATAL, "not in this kernel");
		doctor_advise(f, "Use a kernel with CONFIG_USER_NS=y, as Debian's is.");
		return;
	}
	if (most == 0) {
		doctor_found(f, DOCTOR_FATAL, "switched off: user.max_user_namespaces is 0");
		doctor_advise(f, "sysctl -w user.max_user_namespaces=10000, and write it to /etc/sysctl.d/.");
		return;
	}
	doctor_found(f, DOCTOR_OK, "at most %llu", (unsigned long long)most);
}

void doctor_namespaces(const struct node *node _unused_, struct doctor_finding *f)
{
	static const char *const kinds[] = { "mnt", "pid", "net", "uts", "ipc", "cgroup", "time" };
	struct strbuf missing = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		char path[32];

		snprintf(path, sizeof(path), "/proc/self/ns/%s", kinds[i]);
		if (access(path, F_OK) < 0)
			strbuf_addf(&missing, " %s", kinds[i]);
	}

	_cleanup_free_ char *names = strbuf_take(&missing);

	if (names && *names) {
		doctor_found(f, DOCTOR_FATAL, "not in this kernel:%s", names);
		doctor_advise(f, "Use a kernel that has them, as Debian's has.");
	} else {
		doctor_found(f, DOCTOR_OK, "mnt pid net uts ipc cgroup time");
	}
}

void doctor_seccomp(const struct node *node _unused_, struct doctor_finding *f)
{
	_cleanup_free_ char *actions = doctor_read("/proc/sys/kernel/seccomp/actions_avail");

	if (actions && strstr(actions, "errno")) {
		doctor_found(f, DOCTOR_OK, "actions: %.140s", str_trim(actions));
		return;
	}
	doctor_found(f, DOCTOR_FATAL, "not in this kernel");
	doctor_advise(f, "Use a kernel with CONFIG_SECCOMP_FILTER=y, as Debian's is.");
}
