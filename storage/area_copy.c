/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Areas made of other areas of the same pool, and their change of places. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/str.h"
#include "storage/pool_priv.h"

/* In a hidden folder: an area with `upper` is taken for a whole one, and a snapshot has it at once. */
static int copy_hidden(struct pool *pool, const char *from, const char *hidden, uint64_t limit_bytes, struct err *err)
{
	int r = pool->ops->area_copy(pool, from, hidden, err);

	if (r == 0)
		r = fault_point("copy.made", err);
	if (r == 0 && limit_bytes > 0)
		r = pool->ops->set_limit(pool, hidden, limit_bytes, err);
	return r < 0 ? r : fault_point("copy.limited", err);
}

int area_give_up(struct pool *pool, const char *hidden, const char *id, struct err *err)
{
	struct err ignored = ERR_INIT;

	if (pool->ops->area_remove(pool, hidden, &ignored) < 0)
		return err_wrap(err, "area '%s' is left half made (%s)", id, ignored.msg);
	return -err->code;
}

int area_show(struct pool *pool, const char *hidden, const char *id, struct err *err)
{
	int r;

	if (renameat2(pool->data_fd, hidden, pool->data_fd, id, RENAME_NOREPLACE) < 0)
		return pool_err(pool, err, errno, "give the new area its name '%s'", id);
	r = area_commit(pool, id, err);
	if (r < 0 && renameat2(pool->data_fd, id, pool->data_fd, hidden, RENAME_NOREPLACE) < 0)
		return err_wrap(err, "area '%s' is there, and perhaps not after a power cut", id);
	return r;
}

static int copy_held(struct pool *pool, const char *from, const char *id, uint64_t limit_bytes, struct err *err)
{
	_cleanup_free_ char *hidden = area_hidden_name(id);
	int r = hidden ? area_make_way(pool, id, err) : err_oom(err);

	if (r < 0)
		return r;
	r = copy_hidden(pool, from, hidden, limit_bytes, err);
	if (r == 0)
		r = area_show(pool, hidden, id, err);
	return r < 0 ? area_give_up(pool, hidden, id, err) : 0;
}

int area_copy(struct pool *pool, const char *from, const char *id, uint64_t limit_bytes, struct err *err)
{
	_cleanup_fd_ int whole = area_open(pool, from, err);
	int r = whole < 0 ? whole : area_check_limit(pool, limit_bytes, err);

	if (r == 0)
		r = pool_hold(pool, err);
	if (r < 0)
		return r;
	r = copy_held(pool, from, id, limit_bytes, err);
	pool_release(pool);
	return r;
}

static int exchange_limits(struct pool *pool, const char *a, const char *b, struct err *err)
{
	struct area_stat is_a = { 0 }, is_b = { 0 };
	int r = pool->ops->get_usage(pool, a, &is_a, err);

	if (r == 0)
		r = pool->ops->get_usage(pool, b, &is_b, err);
	if (r < 0 || is_a.limit_bytes == is_b.limit_bytes)
		return r;
	r = pool->ops->set_limit(pool, a, is_b.limit_bytes, err);
	return r < 0 ? r : pool->ops->set_limit(pool, b, is_a.limit_bytes, err);
}

int area_exchange(struct pool *pool, const char *a, const char *b, struct err *err)
{
	_cleanup_fd_ int fd_a = area_open(pool, a, err);
	_cleanup_fd_ int fd_b = fd_a < 0 ? -EBADF : area_open(pool, b, err);

	if (fd_a < 0 || fd_b < 0)
		return fd_a < 0 ? fd_a : fd_b;
	if (renameat2(pool->data_fd, a, pool->data_fd, b, RENAME_EXCHANGE) < 0)
		return pool_err(pool, err, errno, "exchange the areas '%s' and '%s'", a, b);

	int r = fault_point("copy.exchanged", err);

	if (r == 0 && pool->ops->set_limit)
		r = exchange_limits(pool, a, b, err);
	if (r == 0)
		r = area_commit(pool, a, err);
	/* What fails has not happened. */
	if (r < 0 && renameat2(pool->data_fd, a, pool->data_fd, b, RENAME_EXCHANGE) < 0)
		return err_wrap(err, "the areas '%s' and '%s' have been exchanged, and could not be exchanged back", a, b);
	return r;
}
