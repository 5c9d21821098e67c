/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include "base/str.h"
#include "storage/btrfs_priv.h"

int btrfs_snapshot_create(int dir_fd, const char *name, int subvolume_fd)
{
	struct btrfs_ioctl_vol_args_v2 args = { .fd = subvolume_fd };
	int r = str_copy(args.name, sizeof(args.name), name);

	if (r < 0)
		return r;
	return ioctl(dir_fd, BTRFS_IOC_SNAP_CREATE_V2, &args) < 0 ? -errno : 0;
}
