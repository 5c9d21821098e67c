/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/mounted_priv.h"
#include "storage/pool_priv.h"

static int conf_from_spec(const struct pool_spec *spec, struct pool_conf *ret, struct err *err)
{
	if (pool_kind_ops(spec->kind)->is_in_place && (spec->path || spec->size_bytes > 0))
		return err_set(err, EINVAL, "pool '%s': a pool of the kind %s takes neither a path nor a size", spec->name,
			       pool_kind_name(spec->kind));
	if (spec->path && spec->size_bytes > 0)
		return err_set(err, EINVAL,
			       "pool '%s': expected a path or a size, not both: a folder on a btrfs has its size already",
			       spec->name);
	if (spec->path && spec->path[0] != '/')
		return err_set(err, EINVAL, "pool '%s': path '%s': expected an absolute path", spec->name, spec->path);

	*ret = (struct pool_conf){ .kind = spec->kind, .size_bytes = spec->size_bytes };
	if (spec->path) {
		ret->path = strdup(spec->path);
		if (!ret->path)
			return err_oom(err);
	}
	return 0;
}

/* Everything in the pool's own folder, the configuration last: with it the pool exists. */
static int fill_folder(struct pool *pool, const struct log *log, struct err *err)
{
	int r = pool->ops->create(pool, log, err);

	if (r < 0)
		return r;
	r = pool_conf_write(pool->dir_fd, &pool->conf, err);
	if (r < 0)
		return err_wrap(err, "pool '%s'", pool->name);
	r = fault_point("pool.conf", err);
	/* Without it, what is there is a leftover. */
	if (r < 0)
		unlinkat(pool->dir_fd, POOL_CONF, 0);
	return r;
}

static int create_locked(int pools_fd, const struct pool_spec *spec, const struct log *log, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = pool_new(spec->name);

	if (!pool)
		return err_oom(err);

	int r = conf_from_spec(spec, &pool->conf, err);

	if (r < 0)
		return r;
	pool->ops = pool_kind_ops(spec->kind);
	pool->dir_fd = path_make_dir_at(pools_fd, spec->name, 0700);
	if (pool->dir_fd < 0)
		return pool_err(pool, err, -pool->dir_fd, "create its folder");
	if (path_exists_at(pool->dir_fd, POOL_CONF))
		return err_exit(err, EXIT_EXISTS, EEXIST, "a pool '%s' exists already", spec->name);
	return fill_folder(pool, log, err);
}

int pool_create(const char *pools_dir, const struct pool_spec *spec, const struct log *log, struct err *err)
{
	int r = str_check_name("pool", spec->name, err);

	if (r < 0)
		return r;
	r = path_make_dirs(pools_dir, 0700);
	if (r < 0)
		return err_sys(err, -r, "create the folder of pools '%s'", pools_dir);

	_cleanup_fd_ int pools = -EBADF;
	_cleanup_fd_ int lock = pool_lock(pools_dir, spec->name, "create", &pools, err);

	if (lock < 0)
		return lock;
	if (pool_is_leftover(pools, spec->name)) {
		log_notice(log, "pool '%s' was left half made by an interrupted command: it is made anew", spec->name);
		r = pool_remove_folder(pools, spec->name, err);
		if (r < 0)
			return r;
	}
	r = create_locked(pools, spec, log, err);
	if (r < 0 && pool_is_leftover(pools, spec->name)) {
		struct err ignored = ERR_INIT;
		int cleaned = pool_remove_folder(pools, spec->name, &ignored);

		if (cleaned < 0)
			log_warning(log, "%s", ignored.msg);
	}
	return r;
}
