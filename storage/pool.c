/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/pool_priv.h"

static const struct pool_ops *const kinds[] = {
#define X(name, word) [POOL_##name] = &pool_##word##_ops,
	POOL_KINDS(X)
#undef X
};

int pool_err(const struct pool *pool, struct err *err, int code, const char *fmt, ...)
{
	char what[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (code == ENOSPC || code == EDQUOT)
		return err_set(err, code, "pool '%s': %s: the disk is full: remove guests, or make room where the pool lies",
			       pool->name, what);
	return err_sys(err, code, "pool '%s': %s", pool->name, what);
}

void pool_close(struct pool *pool)
{
	if (!pool)
		return;
	cleanup_fd(&pool->data_fd);
	cleanup_fd(&pool->dir_fd);
	pool_conf_free(&pool->conf);
	free(pool->name);
	free(pool);
}

const struct pool_ops *pool_kind_ops(enum pool_kind kind)
{
	return kinds[kind];
}

struct pool *pool_new(const char *name)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return NULL;
	pool->dir_fd = -EBADF;
	pool->data_fd = -EBADF;
	pool->name = strdup(name);
	if (!pool->name) {
		pool_close(pool);
		return NULL;
	}
	return pool;
}

static int no_such_pool(const char *name, struct err *err)
{
	return err_exit(err, EXIT_NO_POOL, ENOENT, "no pool '%s': see ctctl pool list, or make it with ctctl pool create", name);
}

int pool_lock(const char *pools_dir, const char *name, const char *verb, int *ret_pools, struct err *err)
{
	_cleanup_fd_ int pools = path_open_dir(AT_FDCWD, pools_dir, O_RDONLY);

	if (pools < 0)
		return err_sys(err, -pools, "open the folder of pools '%s'", pools_dir);

	_cleanup_free_ char *what = str_printf("pool '%s'", name);
	int lock = what ? lock_take(pools, POOL_LOCK, what, verb, true, err) : err_oom(err);

	if (lock >= 0)
		*ret_pools = TAKE_FD(pools);
	return lock;
}

int pool_hold(struct pool *pool, struct err *err)
{
	while (flock(pool->dir_fd, LOCK_SH) < 0) {
		if (errno != EINTR)
			return pool_err(pool, err, errno, "lock its folder");
	}
	if (path_exists_at(pool->dir_fd, POOL_CONF))
		return 0;
	pool_release(pool);
	return no_such_pool(pool->name, err);
}

void pool_release(struct pool *pool)
{
	flock(pool->dir_fd, LOCK_UN);
}

int pool_attach(struct pool *pool, struct err *err)
{
	int r = pool->ops->open(pool, err);

	return r < 0 ? r : r > 0 ? 0 : pool->ops->attach(pool, err);
}

static int lock_and_attach(const char *pools_dir, struct pool *pool, struct err *err)
{
	_cleanup_fd_ int pools = -EBADF;
	_cleanup_fd_ int lock = pool_lock(pools_dir, pool->name, "mount", &pools, err);

	/* Another process may have been faster while we waited: this looks again. */
	return lock < 0 ? lock : pool_attach(pool, err);
}

int pool_open_folder(const char *pools_dir, const char *name, struct pool **ret, struct err *err)
{
	int r = str_check_name("pool", name, err);

	if (r < 0)
		return r;

	_cleanup_(cleanup_pool) struct pool *pool = pool_new(name);
	_cleanup_free_ char *path = str_printf("%s/%s", pools_dir, name);

	if (!pool || !path)
		return err_oom(err);
	pool->dir_fd = path_open_dir(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW);
	if (pool->dir_fd == -ENOENT)
		return no_such_pool(name, err);
	if (pool->dir_fd < 0)
		return err_sys(err, -pool->dir_fd, "pool '%s': open '%s'", name, path);
	r = pool_conf_read(pool->dir_fd, path, &pool->conf, err);
	if (r == -ENOENT)
		return no_such_pool(name, err);
	if (r < 0)
		return r;
	pool->ops = kinds[pool->conf.kind];
	*ret = TAKE_PTR(pool);
	return 0;
}

int pool_open(const char *pools_dir, const char *name, struct pool **ret, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = pool_open_folder(pools_dir, name, &pool, err);

	if (r < 0)
		return r;
	r = pool->ops->open(pool, err);
	if (r == 0)
		r = lock_and_attach(pools_dir, pool, err);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(pool);
	return 0;
}

const char *pool_name(const struct pool *pool)
{
	return pool->name;
}

enum pool_kind pool_get_kind(const struct pool *pool)
{
	return pool->conf.kind;
}

int pool_get_stat(struct pool *pool, struct pool_stat *ret, struct err *err)
{
	struct statfs st;

	if (fstatfs(pool->data_fd, &st) < 0)
		return pool_err(pool, err, errno, "ask for its free space");
	*ret = (struct pool_stat){
		.kind = pool->conf.kind,
		.total_bytes = (uint64_t)st.f_blocks * (uint64_t)st.f_bsize,
		.free_bytes = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize,
		.has_limits = pool->ops->set_limit != NULL,
	};
	return 0;
}
