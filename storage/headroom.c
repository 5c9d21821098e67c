/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/headroom_priv.h"

#include <errno.h>
#include <unistd.h>

#include "storage/pool_priv.h"

int headroom_take(struct pool *pool, const char *id, struct headroom *ret)
{
	struct err ignored = ERR_INIT;
	struct area_stat st;

	*ret = (struct headroom){ .pool = pool, .id = id };
	if (!pool || !pool->ops->set_limit)
		return 0;
	/* What is used as of now. Only a start that has failed already waits for that. */
	if (syncfs(pool->data_fd) < 0)
		return -errno;

	int r = area_get_stat(pool, id, &st, &ignored);

	if (r < 0 || st.limit_bytes == 0 || st.used_bytes + HEADROOM_BYTES <= st.limit_bytes)
		return r < 0 ? r : 0;
	ret->limit_bytes = st.limit_bytes;

	uint64_t most = st.used_bytes > st.limit_bytes ? st.used_bytes : st.limit_bytes;

	r = area_set_limit(pool, id, most + HEADROOM_BYTES, &ignored);
	return r < 0 ? r : 1;
}

int headroom_give_back(const struct headroom *headroom, struct err *err)
{
	int r = area_set_limit(headroom->pool, headroom->id, headroom->limit_bytes, err);

	return r < 0 ? err_wrap(err, "set the disk limit again after mounting") : 0;
}
