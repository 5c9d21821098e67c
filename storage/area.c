/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/pool_priv.h"

#define UPPER_NEW ".upper.new"

/*
 * Makes a folder with exactly this mode whatever the umask is, which appears under its name only with it: the mode of `upper` is
 * the one of the guest's root folder.
 */
static int make_folder(int area_fd, const char *name, struct err *err)
{
	if (mkdirat(area_fd, UPPER_NEW, 0755) < 0 || fchmodat(area_fd, UPPER_NEW, 0755, 0) < 0 ||
	    fchownat(area_fd, UPPER_NEW, 0, 0, AT_SYMLINK_NOFOLLOW) < 0 || renameat(area_fd, UPPER_NEW, area_fd, name) < 0)
		return err_sys(err, errno, "create the folder '%s' of an area", name);
	return 0;
}

static int make_folders(struct pool *pool, const char *id, struct err *err)
{
	_cleanup_fd_ int area = path_open_dir(pool->data_fd, id, O_PATH | O_NOFOLLOW);

	if (area < 0)
		return pool_err(pool, err, -area, "open the area '%s'", id);

	int r = make_folder(area, AREA_WORK, err);

	if (r == 0)
		r = fault_point("area.folders", err);
	return r < 0 ? r : make_folder(area, AREA_UPPER, err);
}

/* The caller notes next, on another file system, that the area is there or gone: a power cut must not make that untrue. */
int area_commit(struct pool *pool, const char *id, struct err *err)
{
	int r = pool->ops->commit(pool, id);

	return r < 0 ? pool_err(pool, err, -r, "put the change of the area '%s' on the disk", id) : 0;
}

static int make_area(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err)
{
	int r = pool->ops->area_make(pool, id, err);

	if (r == 0)
		r = fault_point("area.subvolume", err);
	if (r == 0 && limit_bytes > 0)
		r = pool->ops->set_limit(pool, id, limit_bytes, err);
	if (r == 0)
		r = fault_point("area.limit", err);
	if (r == 0)
		r = make_folders(pool, id, err);
	return r < 0 ? r : area_commit(pool, id, err);
}

int area_check_limit(const struct pool *pool, uint64_t limit_bytes, struct err *err)
{
	if (limit_bytes == 0 || pool->ops->set_limit)
		return 0;
	return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
			"pool '%s' is of the kind %s and cannot limit disk space: use a pool of the kind btrfs, or no limit",
			pool->name, pool_kind_name(pool->conf.kind));
}

/* The folder of an area, whole or half: -ENOENT without a message if there is none. */
static int open_any(struct pool *pool, const char *id, struct err *err)
{
	int r = str_check_name("area", id, err);

	if (r < 0)
		return r;

	int fd = path_open_dir(pool->data_fd, id, O_PATH | O_NOFOLLOW);

	return fd < 0 && fd != -ENOENT ? pool_err(pool, err, -fd, "open the area '%s'", id) : fd;
}

char *area_hidden_name(const char *id)
{
	return str_printf(".%s.new", id);
}

/* What an interrupted copy left. Almost always there is nothing. */
static int remove_hidden(struct pool *pool, const char *id, struct err *err)
{
	_cleanup_free_ char *hidden = area_hidden_name(id);

	if (!hidden)
		return err_oom(err);
	return path_exists_at(pool->data_fd, hidden) ? pool->ops->area_remove(pool, hidden, err) : 0;
}

int area_make_way(struct pool *pool, const char *id, struct err *err)
{
	_cleanup_fd_ int old = open_any(pool, id, err);

	if (old < 0)
		return old == -ENOENT ? remove_hidden(pool, id, err) : old;
	if (path_exists_at(old, AREA_UPPER))
		return err_exit(err, EXIT_AREA_EXISTS, EEXIST, "pool '%s' has an area '%s' already", pool->name, id);

	int r = remove_hidden(pool, id, err);

	return r < 0 ? r : pool->ops->area_remove(pool, id, err);
}

static int create_held(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err)
{
	int r = area_make_way(pool, id, err);

	if (r < 0)
		return r;
	r = make_area(pool, id, limit_bytes, err);
	if (r < 0) {
		struct err ignored = ERR_INIT;

		if (pool->ops->area_remove(pool, id, &ignored) < 0)
			return err_wrap(err, "area '%s' is left half made (%s)", id, ignored.msg);
	}
	return r;
}

int area_create(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err)
{
	int r = area_check_limit(pool, limit_bytes, err);

	if (r == 0)
		r = pool_hold(pool, err);
	if (r < 0)
		return r;
	r = create_held(pool, id, limit_bytes, err);
	pool_release(pool);
	return r;
}

int area_destroy(struct pool *pool, const char *id, struct err *err)
{
	int r = str_check_name("area", id, err);

	if (r == 0)
		r = remove_hidden(pool, id, err);
	if (r == 0)
		r = pool->ops->area_remove(pool, id, err);
	return r < 0 ? r : area_commit(pool, id, err);
}

int area_open(struct pool *pool, const char *id, struct err *err)
{
	_cleanup_fd_ int fd = open_any(pool, id, err);

	if (fd == -ENOENT)
		return err_exit(err, EXIT_FAILED, ENOENT, "pool '%s' has no area '%s': was it removed by hand?", pool->name, id);
	if (fd < 0)
		return fd;
	if (!path_exists_at(fd, AREA_UPPER) || !path_exists_at(fd, AREA_WORK))
		return err_exit(
			err, EXIT_FAILED, ENOENT,
			"area '%s' in pool '%s' is half made (an interrupted create): destroy the guest and create it again", id,
			pool->name);
	return TAKE_FD(fd);
}

bool area_exists(struct pool *pool, const char *id)
{
	struct err ignored = ERR_INIT;
	_cleanup_fd_ int fd = area_open(pool, id, &ignored);

	return fd >= 0;
}

int area_set_limit(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err)
{
	_cleanup_fd_ int fd = area_open(pool, id, err);

	if (fd < 0)
		return fd;

	int r = area_check_limit(pool, limit_bytes, err);

	return r < 0 || !pool->ops->set_limit ? r : pool->ops->set_limit(pool, id, limit_bytes, err);
}

int area_get_stat(struct pool *pool, const char *id, struct area_stat *ret, struct err *err)
{
	_cleanup_fd_ int fd = area_open(pool, id, err);

	if (fd < 0)
		return fd;
	*ret = (struct area_stat){ 0 };
	return pool->ops->get_usage ? pool->ops->get_usage(pool, id, ret, err) : 0;
}

int area_each(struct pool *pool, int (*each)(void *context, const char *id), void *context, struct err *err)
{
	return dir_each(pool->data_fd, each, context, err);
}
