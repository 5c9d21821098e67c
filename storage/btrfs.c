/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/btrfs_priv.h"
#include "storage/btrfs_search_priv.h"

/* Kernel headers of Debian 12 are older than simple quotas (Linux 6.7, uapi/linux/btrfs.h). */
#define QUOTA_ENABLE	    1
#define QUOTA_ENABLE_SIMPLE 4

static int vol_ioctl(int dir_fd, unsigned long request, const char *name)
{
	struct btrfs_ioctl_vol_args_v2 args = { 0 };
	int r = str_copy(args.name, sizeof(args.name), name);

	if (r < 0)
		return r;
	return ioctl(dir_fd, request, &args) < 0 ? -errno : 0;
}

int btrfs_subvolume_create(int dir_fd, const char *name)
{
	return vol_ioctl(dir_fd, BTRFS_IOC_SUBVOL_CREATE_V2, name);
}

int btrfs_subvolume_destroy(int dir_fd, const char *name)
{
	return vol_ioctl(dir_fd, BTRFS_IOC_SNAP_DESTROY_V2, name);
}

int btrfs_commit(int dir_fd, const char *name)
{
	_cleanup_fd_ int fd = -EBADF;

	if (fsync(dir_fd) < 0)
		return -errno;
	fd = path_open_dir(dir_fd, name, O_RDONLY | O_NOFOLLOW);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	return fsync(fd) < 0 ? -errno : 0;
}

int btrfs_fsid(int fd, char ret[BTRFS_FSID_ROOM])
{
	struct btrfs_ioctl_fs_info_args args = { 0 };
	size_t used = 0;

	if (ioctl(fd, BTRFS_IOC_FS_INFO, &args) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(args.fsid); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			ret[used++] = '-';
		used += (size_t)snprintf(ret + used, BTRFS_FSID_ROOM - used, "%02x", args.fsid[i]);
	}
	return 0;
}

int btrfs_subvolume_id(int fd, uint64_t *ret)
{
	/* Tree 0 is the one that `fd` is in, and 256 its root folder, which has no path in it. */
	struct btrfs_ioctl_ino_lookup_args args = { .objectid = BTRFS_FIRST_FREE_OBJECTID };

	if (ioctl(fd, BTRFS_IOC_INO_LOOKUP, &args) < 0)
		return -errno;
	*ret = args.treeid;
	return 0;
}

static int quota_ctl(int fd, uint64_t cmd)
{
	struct btrfs_ioctl_quota_ctl_args args = { .cmd = cmd };

	return ioctl(fd, BTRFS_IOC_QUOTA_CTL, &args) < 0 ? -errno : 0;
}

int btrfs_quota_enable(int fd)
{
	int r = quota_ctl(fd, QUOTA_ENABLE_SIMPLE);

	return r == -EINVAL ? quota_ctl(fd, QUOTA_ENABLE) : r;
}

int btrfs_quota_limit(int fd, uint64_t subvolume_id, uint64_t limit_bytes)
{
	/* All bits set clear the limit (kernel fs/btrfs/qgroup.c, btrfs_limit_qgroup()). */
	struct btrfs_ioctl_qgroup_limit_args args = {
		.qgroupid = subvolume_id,
		.lim.flags = BTRFS_QGROUP_LIMIT_MAX_RFER,
		.lim.max_rfer = limit_bytes > 0 ? limit_bytes : UINT64_MAX,
	};

	return ioctl(fd, BTRFS_IOC_QGROUP_LIMIT, &args) < 0 ? -errno : 0;
}

int btrfs_quota_forget(int fd, uint64_t subvolume_id)
{
	struct btrfs_ioctl_qgroup_create_args args = { .create = 0, .qgroupid = subvolume_id };

	if (ioctl(fd, BTRFS_IOC_QGROUP_CREATE, &args) == 0 || errno == ENOENT || errno == ENOTCONN)
		return 0;
	return -errno;
}
