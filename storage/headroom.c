/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/headroom_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "storage/btrfs_priv.h"

/* What is used as of now: after a commit, the quota tree is exact. Only a start that has failed already waits for that. */
static int read_quota(int area_fd, uint64_t *ret_subvolume, struct btrfs_quota *ret)
{
	_cleanup_fd_ int fd = path_open_dir(area_fd, ".", O_RDONLY);

	if (fd < 0)
		return fd;

	int r = btrfs_subvolume_id(fd, ret_subvolume);

	if (r < 0)
		return r;
	return syncfs(fd) < 0 ? -errno : btrfs_quota_read(fd, *ret_subvolume, ret);
}

int headroom_take(int area_fd, struct headroom *ret)
{
	struct btrfs_quota quota = { 0 };
	struct statfs st;

	*ret = (struct headroom){ .fd = -EBADF };
	if (fstatfs(area_fd, &st) < 0)
		return -errno;
	if (st.f_type != BTRFS_MAGIC)
		return 0;

	uint64_t subvolume;
	int r = read_quota(area_fd, &subvolume, &quota);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	if (quota.limit_bytes == 0 || quota.used_bytes + HEADROOM_BYTES <= quota.limit_bytes)
		return 0;

	uint64_t most = quota.used_bytes > quota.limit_bytes ? quota.used_bytes : quota.limit_bytes;

	_cleanup_fd_ int fd = path_open_dir(area_fd, "..", O_RDONLY);

	r = fd < 0 ? fd : btrfs_quota_limit(fd, subvolume, most + HEADROOM_BYTES);
	if (r < 0)
		return r;
	*ret = (struct headroom){ .fd = TAKE_FD(fd), .subvolume = subvolume, .limit_bytes = quota.limit_bytes };
	return 1;
}

int headroom_give_back(struct headroom *headroom, struct err *err)
{
	int r = btrfs_quota_limit(headroom->fd, headroom->subvolume, headroom->limit_bytes);

	fd_close(&headroom->fd);
	return r < 0 ? err_sys(err, -r, "set the disk limit again after mounting") : 0;
}
