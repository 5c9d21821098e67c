/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/doctor_priv.h"
#include "storage/pool.h"

#define LOOP_CONTROL "/dev/loop-control"
#define MIB	     (UINT64_C(1) << 20)
#define GIB	     (UINT64_C(1) << 30)

void doctor_overlay(const struct node *node _unused_, struct doctor_finding *f)
{
	if (doctor_has_filesystem("overlay")) {
		doctor_found(f, DOCTOR_OK, "in the kernel%s", doctor_kernel_is(5, 19) ? ", over id-mapped layers" : "");
		return;
	}
	doctor_found(f, DOCTOR_FATAL, "neither in the kernel nor a module");
	doctor_advise(f, "Use a kernel with CONFIG_OVERLAY_FS, as Debian's has.");
}

void doctor_erofs(const struct node *node _unused_, struct doctor_finding *f)
{
	if (!doctor_has_filesystem("erofs")) {
		doctor_found(f, DOCTOR_FATAL, "neither in the kernel nor a module");
		doctor_advise(f, "Templates are erofs images: use a kernel with CONFIG_EROFS_FS, as Debian's has.");
	} else if (doctor_kernel_is(6, 12)) {
		doctor_found(f, DOCTOR_OK, "in the kernel, mounted from files");
	} else if (access(LOOP_CONTROL, R_OK | W_OK) == 0) {
		doctor_found(f, DOCTOR_OK, "in the kernel, a loop device for each template in use");
	} else {
		doctor_found(f, DOCTOR_FATAL, "in the kernel, but there are no loop devices");
		doctor_advise(f, "modprobe loop; or Linux 6.12, which mounts images from files.");
	}
}

void doctor_loop(const struct node *node _unused_, struct doctor_finding *f)
{
	if (access(LOOP_CONTROL, R_OK | W_OK) == 0) {
		doctor_found(f, DOCTOR_OK, LOOP_CONTROL);
		return;
	}
	doctor_found(f, DOCTOR_LACKING, "no " LOOP_CONTROL);
	doctor_advise(f, "modprobe loop; or make pools on an existing btrfs: ctctl pool create NAME --path DIR.");
}

void doctor_btrfs(const struct node *node _unused_, struct doctor_finding *f)
{
	if (!doctor_has_filesystem("btrfs")) {
		doctor_found(f, DOCTOR_LACKING, "neither in the kernel nor a module");
		doctor_advise(f,
			      "Use a kernel with CONFIG_BTRFS_FS, or do without limits: ctctl pool create default --kind dir.");
	} else if (!doctor_has_program("mkfs.btrfs")) {
		doctor_found(f, DOCTOR_LACKING, "in the kernel, but mkfs.btrfs is missing");
		doctor_advise(f, "apt-get install btrfs-progs");
	} else {
		doctor_found(f, DOCTOR_OK, "in the kernel, with mkfs.btrfs");
	}
}

static int count_pool(void *context, const char *name _unused_)
{
	++*(unsigned *)context;
	return 0;
}

/* Pools are not opened: that would mount them. */
void doctor_pools(const struct node *node, struct doctor_finding *f)
{
	struct err err = ERR_INIT;
	struct statvfs fs;
	unsigned n = 0;

	if (pool_each(node->pools_dir, count_pool, &n, &err) < 0 || statvfs(node->pools_dir, &fs) < 0) {
		doctor_found(f, DOCTOR_LACKING, "'%.100s' cannot be read", node->pools_dir);
		return;
	}

	uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;

	doctor_found(f, free_bytes < GIB ? DOCTOR_NOTE : DOCTOR_OK, "%u pool%s, %" PRIu64 " MiB free on the file system of %.80s",
		     n, n == 1 ? "" : "s", free_bytes / MIB, node->pools_dir);
	if (free_bytes < GIB)
		doctor_advise(f, "A Debian guest needs about 1 GiB to begin with: make room, or ctctl pool create NAME --path "
				 "DIR on another disk.");
}
