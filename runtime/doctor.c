/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/doctor.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/doctor_priv.h"

/* Lists of modules have some hundred KiB. */
#define FILE_SIZE_MAX (16 << 20)

/* Everything that is looked at, in the order in which it is shown. */
static const struct {
	const char *feature;
	const char *check;
	doctor_fn *look;
} checks[] = {
	{ "containers", "privilege", doctor_root },
	{ "containers", "kernel", doctor_kernel },
	{ "containers", "user namespaces", doctor_user_namespaces },
	{ "containers", "other namespaces", doctor_namespaces },
	{ "containers", "system call filter", doctor_seccomp },
	{ "containers", "control groups", doctor_cgroups },
	{ "containers", "place of the groups", doctor_home },
	{ "containers", "devices", doctor_devices },
	{ "containers", "id ranges", doctor_ids },
	{ "containers", "helper programs", doctor_helpers },
	{ "root file systems", "overlayfs", doctor_overlay },
	{ "root file systems", "erofs", doctor_erofs },
	{ "limits of memory, processor, processes", "controllers", doctor_controllers },
	{ "limits of memory, processor, processes", "memory in steps", doctor_memory_steps },
	{ "limits of memory, processor, processes", "cpuset", doctor_cpuset },
	{ "limits of the use of disks", "rates", doctor_io },
	{ "limits of the use of disks", "shares", doctor_io_weight },
	{ "disk limits", "btrfs", doctor_btrfs },
	{ "disk limits", "loop devices", doctor_loop },
	{ "disk limits", "space for pools", doctor_pools },
	{ "templates", "catalogue", doctor_templates },
	{ "templates", "mkfs.erofs", doctor_image_maker },
	{ "templates", "mmdebstrap", doctor_mmdebstrap },
	{ "network", "bridge and veth", doctor_links },
	{ "network", "VLANs on bridges", doctor_vlans },
	{ "network", "macvlan", doctor_macvlan },
	{ "network", "nftables", doctor_nftables },
	{ "network", "nat", doctor_nat },
	{ "network", "guests' firewalls", doctor_firewalls },
	{ "network", "rates", doctor_shaping },
	{ "network", "IPv6", doctor_ipv6 },
	{ "network", "forwarding", doctor_forwarding },
	{ "network", "way out", doctor_uplinks },
	{ "network", "router advertisements", doctor_advertisements },
	{ "network", "reverse path filter", doctor_reverse_path },
	{ "network", "ARP", doctor_arp },
	{ "network", "other firewalls", doctor_firewall },
	{ "network", "br_netfilter", doctor_bridge_filter },
	{ "network", "names", doctor_names },
	{ "network", "networks", doctor_networks },
	{ "many guests", "open files", doctor_open_files },
	{ "many guests", "processes", doctor_pid_max },
	{ "many guests", "inotify instances", doctor_inotify },
	{ "many guests", "keys", doctor_keys },
	{ "checkpoint", "CRIU", doctor_criu },
	{ "virtual machines (later)", "hardware assistance", doctor_kvm },
	{ "host", "clock", doctor_clock },
	{ "host", "autostart", doctor_boot },
};

void doctor_found(struct doctor_finding *f, enum doctor_verdict verdict, const char *fmt, ...)
{
	va_list ap;

	f->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, ap);
	va_end(ap);
}

void doctor_advise(struct doctor_finding *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->advice, sizeof(f->advice), fmt, ap);
	va_end(ap);
}

bool doctor_version_is(const char *version, unsigned major, unsigned minor)
{
	unsigned has_major = 0, has_minor = 0;

	sscanf(version, "%u.%u", &has_major, &has_minor);
	return has_major > major || (has_major == major && has_minor >= minor);
}

bool doctor_kernel_is(unsigned major, unsigned minor)
{
	struct utsname u;

	return uname(&u) == 0 && doctor_version_is(u.release, major, minor);
}

char *doctor_read(const char *path)
{
	char *text = NULL;

	return fd_read_file_at(AT_FDCWD, path, FILE_SIZE_MAX, &text) < 0 ? NULL : text;
}

bool doctor_read_number(const char *path, uint64_t *ret)
{
	_cleanup_free_ char *text = doctor_read(path);

	return text && str_to_u64(str_trim(text), UINT64_MAX, ret) == 0;
}

/* modules.dep and modules.builtin name files: "kernel/fs/erofs/erofs.ko.xz: ..." (modules.dep(5)). */
static bool is_module_listed(const char *list, const char *name)
{
	struct utsname u;

	if (uname(&u) < 0)
		return false;

	_cleanup_free_ char *path = str_printf("/lib/modules/%s/%s", u.release, list);
	_cleanup_free_ char *text = path ? doctor_read(path) : NULL;
	_cleanup_free_ char *file = str_printf("/%s.ko", name);

	return text && file && strstr(text, file);
}

bool doctor_has_filesystem(const char *name)
{
	_cleanup_free_ char *text = doctor_read("/proc/filesystems");
	_cleanup_free_ char *line = str_printf("\t%s\n", name);

	return (text && line && strstr(text, line)) || is_module_listed("modules.dep", name) ||
	       is_module_listed("modules.builtin", name);
}

bool doctor_has_program(const char *name)
{
	_cleanup_free_ char *dirs = strdup(PROC_PATH);
	char *rest = NULL;

	for (char *d = dirs ? strtok_r(dirs, ":", &rest) : NULL; d; d = strtok_r(NULL, ":", &rest)) {
		_cleanup_free_ char *path = str_printf("%s/%s", d, name);

		if (path && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

int doctor_run(const struct node *node, void (*each)(void *context, const struct doctor_finding *finding), void *context,
	       struct err *err _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		struct doctor_finding f = { .feature = checks[i].feature, .check = checks[i].check };

		checks[i].look(node, &f);
		each(context, &f);
	}
	return 0;
}
