/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/pool_priv.h"
#include "storage/tree_copy_priv.h"

/* A folder on whatever file system is there. It has no limits, and says so. */

static int dir_open(struct pool *pool, struct err *err)
{
	int fd = path_open_dir(pool->dir_fd, POOL_DATA, O_RDONLY | O_NOFOLLOW);

	if (fd < 0)
		return pool_err(pool, err, -fd, "open the folder of the areas");
	pool->data_fd = fd;
	return 1;
}

static int dir_create(struct pool *pool, const struct log *log, struct err *err)
{
	if (mkdirat(pool->dir_fd, POOL_DATA, 0700) < 0)
		return pool_err(pool, err, errno, "create the folder of the areas");
	log_notice(log, "pool '%s' is of the kind dir: it cannot limit the disk space of a guest", pool->name);

	int r = dir_open(pool, err);

	return r < 0 ? r : 0;
}

static int dir_area_make(struct pool *pool, const char *id, struct err *err)
{
	if (mkdirat(pool->data_fd, id, 0700) < 0)
		return pool_err(pool, err, errno, "create the area '%s'", id);
	return 0;
}

/* Renamed first: an area of which a part is gone must not be taken for a whole one. A hidden folder is taken for none. */
static int dir_area_remove(struct pool *pool, const char *id, struct err *err)
{
	_cleanup_free_ char *gone = id[0] == '.' ? strdup(id) : str_printf(".%s.gone", id);

	if (!gone)
		return err_oom(err);

	int r = path_remove_tree_at(pool->data_fd, gone);

	if (r == 0 && id[0] != '.' && renameat(pool->data_fd, id, pool->data_fd, gone) < 0)
		r = errno == ENOENT ? 0 : -errno;
	if (r == 0)
		r = path_remove_tree_at(pool->data_fd, gone);
	return r < 0 ? pool_err(pool, err, -r, "remove the area '%s'", id) : 0;
}

static int dir_area_copy(struct pool *pool, const char *from, const char *name, struct err *err)
{
	_cleanup_fd_ int from_fd = path_open_dir(pool->data_fd, from, O_RDONLY | O_NOFOLLOW), fd = -EBADF;
	int r = from_fd < 0 ? pool_err(pool, err, -from_fd, "open the area '%s'", from) : dir_area_make(pool, name, err);

	if (r < 0)
		return r;
	fd = path_open_dir(pool->data_fd, name, O_RDONLY | O_NOFOLLOW);
	return fd < 0 ? pool_err(pool, err, -fd, "open the area '%s'", name) : tree_copy_area(pool, from_fd, fd, err);
}

static int dir_commit(struct pool *pool, const char *id)
{
	_cleanup_fd_ int area = path_open_dir(pool->data_fd, id, O_RDONLY | O_NOFOLLOW);

	if (area < 0 && area != -ENOENT)
		return area;
	return (area >= 0 && fsync(area) < 0) || fsync(pool->data_fd) < 0 ? -errno : 0;
}

const struct pool_ops pool_dir_ops = {
	.is_in_place = true,
	.create = dir_create,
	.open = dir_open,
	.area_make = dir_area_make,
	.area_remove = dir_area_remove,
	.area_copy = dir_area_copy,
	.commit = dir_commit,
};
