/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "storage/btrfs_image_priv.h"
#include "storage/btrfs_priv.h"
#include "storage/mounted_priv.h"
#include "storage/mounts.h"
#include "storage/overlay_index_priv.h"
#include "storage/pool_priv.h"

/* Subvolumes with a quota group each, on a loop file of our own or in a folder of a btrfs that is there. */

static bool is_btrfs(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type == BTRFS_MAGIC;
}

/* Says what is there instead, if the mount table can be read. */
static int not_btrfs(const struct pool *pool, const char *path, struct err *err)
{
	_cleanup_(mount_entry_clear) struct mount_entry entry = { 0 };
	struct err ignored = ERR_INIT;
	const char *type = mounts_find(path, &entry, &ignored) >= 0 ? entry.type : "another file system";

	return err_exit(
		err, EXIT_UNSUPPORTED, EMEDIUMTYPE,
		"pool '%s': '%s' lies on %s: expected a folder on a mounted btrfs; mount it, or make the pool without a path",
		pool->name, path, type);
}

static int open_path(struct pool *pool, struct err *err)
{
	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, pool->conf.path, O_RDONLY | O_NOFOLLOW);

	if (fd < 0)
		return pool_err(pool, err, -fd, "open its folder '%s'", pool->conf.path);
	if (!is_btrfs(fd))
		return not_btrfs(pool, pool->conf.path, err);
	pool->data_fd = TAKE_FD(fd);
	return 1;
}

static int pool_btrfs_open(struct pool *pool, struct err *err)
{
	if (pool->conf.path)
		return open_path(pool, err);

	_cleanup_fd_ int fd = path_open_dir(pool->dir_fd, POOL_DATA, O_RDONLY | O_NOFOLLOW);

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return pool_err(pool, err, -fd, "open the folder that it is mounted on");
	if (!mounted_is_root_of(fd, BTRFS_MAGIC))
		return 0;
	pool->data_fd = TAKE_FD(fd);
	return 1;
}

/* Once per boot of the host, also the moment to clean up what a kill left behind: nobody creates areas in it yet. */
static int pool_btrfs_attach(struct pool *pool, struct err *err)
{
	int r = btrfs_image_mount(pool, err);

	if (r < 0)
		return r;
	r = btrfs_quota_sweep(pool->data_fd);
	return r < 0 ? pool_err(pool, err, -r, "clean up its quota groups") : 0;
}

/*
 * Refuses a folder with something in it: all that lies in it would become unreachable for others, and would be taken for areas.
 */
static int claim_path(struct pool *pool, struct err *err)
{
	const char *path = pool->conf.path;
	int r = path_make_dirs(path, 0700);

	if (r < 0)
		return pool_err(pool, err, -r, "create the folder '%s'", path);
	r = open_path(pool, err);
	if (r < 0)
		return r;
	r = dir_is_empty(pool->data_fd);
	if (r < 0)
		return pool_err(pool, err, -r, "list '%s'", path);
	if (r == 0)
		return err_exit(err, EXIT_EXISTS, ENOTEMPTY, "pool '%s': '%s' is not empty: expected a folder of its own",
				pool->name, path);
	return fchmod(pool->data_fd, 0700) < 0 ? pool_err(pool, err, errno, "set the mode of '%s'", path) : 0;
}

static int pool_btrfs_create(struct pool *pool, const struct log *log, struct err *err)
{
	int r = pool->conf.path ? claim_path(pool, err) : btrfs_image_create(pool, log, err);

	if (r < 0)
		return r;
	r = btrfs_quota_enable(pool->data_fd);
	return r < 0 ? pool_err(pool, err, -r, "switch its quotas on") : 0;
}

static int pool_btrfs_area_make(struct pool *pool, const char *id, struct err *err)
{
	int r = btrfs_subvolume_create(pool->data_fd, id);

	if (r < 0)
		return pool_err(pool, err, -r, "create the area '%s'", id);
	if (fchmodat(pool->data_fd, id, 0700, 0) < 0)
		return pool_err(pool, err, errno, "set the mode of the area '%s'", id);
	return 0;
}

/* Opens an area, whole or half, for ioctls. -ENOENT without a message if it is missing. */
static int open_subvolume(struct pool *pool, const char *id, uint64_t *ret_subvolume, struct err *err)
{
	_cleanup_fd_ int fd = path_open_dir(pool->data_fd, id, O_RDONLY | O_NOFOLLOW);

	if (fd == -ENOENT)
		return fd;
	if (fd < 0)
		return pool_err(pool, err, -fd, "open the area '%s'", id);

	int r = btrfs_subvolume_id(fd, ret_subvolume);

	return r < 0 ? pool_err(pool, err, -r, "ask for the subvolume of the area '%s'", id) : TAKE_FD(fd);
}

/*
 * The group goes after its subvolume. A kill in between leaves a group without one: the next removal of the same area, which
 * finds it missing, or the next mount of the pool sweeps it up; so does the kernel itself from 6.11 on.
 */
static int pool_btrfs_area_remove(struct pool *pool, const char *id, struct err *err)
{
	uint64_t subvolume = 0;
	_cleanup_fd_ int fd = open_subvolume(pool, id, &subvolume, err);
	int r;

	if (fd == -ENOENT) {
		r = btrfs_quota_sweep(pool->data_fd);
		return r < 0 ? pool_err(pool, err, -r, "remove the quota group of the area '%s'", id) : 0;
	}
	if (fd < 0)
		return fd;
	r = btrfs_subvolume_destroy(pool->data_fd, id);
	if (r < 0)
		return pool_err(pool, err, -r, "remove the area '%s'", id);
	r = fault_point("area.destroyed", err);
	if (r < 0)
		return r;
	r = btrfs_quota_forget(pool->data_fd, subvolume);
	return r < 0 && r != -EBUSY ? pool_err(pool, err, -r, "remove the quota group of the area '%s'", id) : 0;
}

static int missing(const struct pool *pool, const char *id, struct err *err)
{
	return err_exit(err, EXIT_FAILED, ENOENT, "pool '%s' has no area '%s'", pool->name, id);
}

static int pool_btrfs_area_copy(struct pool *pool, const char *from, const char *name, struct err *err)
{
	uint64_t old = 0, new = 0;
	_cleanup_fd_ int from_fd = open_subvolume(pool, from, &old, err);

	if (from_fd < 0)
		return from_fd == -ENOENT ? missing(pool, from, err) : from_fd;

	int r = btrfs_snapshot_create(pool->data_fd, name, from_fd);

	if (r < 0)
		return pool_err(pool, err, -r, "make a snapshot of the area '%s'", from);

	_cleanup_fd_ int fd = open_subvolume(pool, name, &new, err);

	if (fd < 0)
		return fd == -ENOENT ? missing(pool, name, err) : fd;
	r = fault_point("copy.begun", err);
	if (r < 0)
		return r;
	r = overlay_index_move(fd, old, new);
	return r < 0 ? pool_err(pool, err, -r, "adapt the index of overlayfs in a copy of the area '%s'", from) : 0;
}

static int pool_btrfs_commit(struct pool *pool, const char *id)
{
	return btrfs_commit(pool->data_fd, id);
}

static int pool_btrfs_set_limit(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err)
{
	uint64_t subvolume = 0;
	_cleanup_fd_ int fd = open_subvolume(pool, id, &subvolume, err);

	if (fd < 0)
		return fd == -ENOENT ? missing(pool, id, err) : fd;

	int r = btrfs_quota_limit(pool->data_fd, subvolume, limit_bytes);

	if (r == -ENOTCONN)
		return err_exit(err, EXIT_UNSUPPORTED, ENOTCONN,
				"pool '%s': the quotas of its btrfs are off: switch them on with 'btrfs quota enable'",
				pool->name);
	return r < 0 ? pool_err(pool, err, -r, "limit the area '%s'", id) : 0;
}

static int pool_btrfs_get_usage(struct pool *pool, const char *id, struct area_stat *ret, struct err *err)
{
	uint64_t subvolume = 0;
	struct btrfs_quota quota;
	_cleanup_fd_ int fd = open_subvolume(pool, id, &subvolume, err);

	if (fd < 0)
		return fd == -ENOENT ? missing(pool, id, err) : fd;

	int r = btrfs_quota_read(fd, subvolume, &quota);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return pool_err(pool, err, -r, "ask for the usage of the area '%s'", id);
	*ret = (struct area_stat){ .used_bytes = quota.used_bytes, .limit_bytes = quota.limit_bytes, .is_exact = true };
	return 0;
}

const struct pool_ops pool_btrfs_ops = {
	.create = pool_btrfs_create,
	.open = pool_btrfs_open,
	.attach = pool_btrfs_attach,
	.area_make = pool_btrfs_area_make,
	.area_remove = pool_btrfs_area_remove,
	.area_copy = pool_btrfs_area_copy,
	.commit = pool_btrfs_commit,
	.set_limit = pool_btrfs_set_limit,
	.get_usage = pool_btrfs_get_usage,
};
