/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "storage/area_stream_priv.h"
#include "storage/pool_priv.h"

/* Blocks that a guest shared between its files, or compressed, arrive each for itself. */
#define ROOM_BYTES (64ULL << 20)

static int set_limit(struct pool *pool, const char *hidden, uint64_t limit_bytes, struct err *err)
{
	return limit_bytes > 0 ? pool->ops->set_limit(pool, hidden, limit_bytes, err) : 0;
}

static int receive_hidden(struct pool *pool, const char *hidden, uint64_t limit_bytes, const struct area_source *source,
			  struct err *err)
{
	uint64_t room = limit_bytes > 0 ? limit_bytes / 4 + ROOM_BYTES : 0;
	int r = pool->ops->area_make(pool, hidden, err);

	if (r == 0)
		r = set_limit(pool, hidden, limit_bytes < UINT64_MAX - room ? limit_bytes + room : limit_bytes, err);
	if (r < 0)
		return r;

	_cleanup_fd_ int fd = path_open_dir(pool->data_fd, hidden, O_RDONLY | O_NOFOLLOW);

	r = fd < 0 ? pool_err(pool, err, -fd, "open a new area") : stream_receive(pool, fd, source, err);
	if (r == 0)
		r = set_limit(pool, hidden, limit_bytes, err);
	return r;
}

static int receive_held(struct pool *pool, const char *id, uint64_t limit_bytes, const struct area_source *source,
			struct err *err)
{
	_cleanup_free_ char *hidden = area_hidden_name(id);
	int r = hidden ? area_make_way(pool, id, err) : err_oom(err);

	if (r < 0)
		return r;
	r = receive_hidden(pool, hidden, limit_bytes, source, err);
	if (r == 0)
		r = area_show(pool, hidden, id, err);
	return r < 0 ? area_give_up(pool, hidden, id, err) : 0;
}

int area_receive(struct pool *pool, const char *id, uint64_t limit_bytes, const struct area_source *source, struct err *err)
{
	int r = area_check_limit(pool, limit_bytes, err);

	if (r == 0)
		r = pool_hold(pool, err);
	if (r < 0)
		return r;
	r = receive_held(pool, id, limit_bytes, source, err);
	pool_release(pool);
	return r;
}
