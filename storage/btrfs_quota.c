/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "storage/btrfs_priv.h"
#include "storage/btrfs_search_priv.h"

/* Groups above level 0 are no subvolume's. */
#define LEVEL_0_LAST ((1ULL << BTRFS_QGROUP_LEVEL_SHIFT) - 1)

static int read_info(void *context, uint64_t offset, const void *item, uint32_t len)
{
	struct btrfs_quota *quota = context;
	struct btrfs_qgroup_info_item info;

	(void)offset;
	if (len < sizeof(info))
		return -EBADMSG;
	memcpy(&info, item, sizeof(info));
	quota->used_bytes = le64toh(info.rfer);
	return 1;
}

static int read_limit(void *context, uint64_t offset, const void *item, uint32_t len)
{
	struct btrfs_quota *quota = context;
	struct btrfs_qgroup_limit_item limit;

	(void)offset;
	if (len < sizeof(limit))
		return -EBADMSG;
	memcpy(&limit, item, sizeof(limit));
	if (le64toh(limit.flags) & BTRFS_QGROUP_LIMIT_MAX_RFER)
		quota->limit_bytes = le64toh(limit.max_rfer);
	return 1;
}

int btrfs_quota_read(int fd, uint64_t subvolume_id, struct btrfs_quota *ret)
{
	struct btrfs_range range = {
		.tree = BTRFS_QUOTA_TREE_OBJECTID,
		.type = BTRFS_QGROUP_INFO_KEY,
		.first = subvolume_id,
		.last = subvolume_id,
	};

	*ret = (struct btrfs_quota){ 0 };

	int r = btrfs_search(fd, &range, read_info, ret);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	range.type = BTRFS_QGROUP_LIMIT_KEY;
	r = btrfs_search(fd, &range, read_limit, ret);
	return r < 0 ? r : 0;
}

struct ids {
	uint64_t *ids;
	size_t n;
	size_t room;
};

static void ids_free(struct ids *list)
{
	free(list->ids);
}

static int collect(void *context, uint64_t offset, const void *item, uint32_t len)
{
	struct ids *list = context;

	(void)item;
	(void)len;
	/* Below are the trees of the file system itself, and 5, its top folder. */
	if (offset < BTRFS_FIRST_FREE_OBJECTID)
		return 0;
	if (list->n == list->room) {
		size_t room = list->room ? list->room * 2 : 64;
		uint64_t *bigger = reallocarray(list->ids, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		list->ids = bigger;
		list->room = room;
	}
	list->ids[list->n++] = offset;
	return 0;
}

static int found(void *context, uint64_t offset, const void *item, uint32_t len)
{
	(void)context;
	(void)offset;
	(void)item;
	(void)len;
	return 1;
}

/* A subvolume has a root item until the cleaner has given back its last block. */
static int subvolume_is_there(int fd, uint64_t id)
{
	struct btrfs_range range = {
		.tree = BTRFS_ROOT_TREE_OBJECTID,
		.object = id,
		.type = BTRFS_ROOT_ITEM_KEY,
		.last = UINT64_MAX,
	};

	return btrfs_search(fd, &range, found, NULL);
}

int btrfs_quota_sweep(int fd)
{
	struct btrfs_range groups = {
		.tree = BTRFS_QUOTA_TREE_OBJECTID,
		.type = BTRFS_QGROUP_INFO_KEY,
		.last = LEVEL_0_LAST,
	};
	_cleanup_(ids_free) struct ids list = { 0 };
	int r = btrfs_search(fd, &groups, collect, &list);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	/*
	 * A subvolume that another process is creating has its group a moment before its root item, in one transaction: after a
	 * commit both are there.
	 */
	if (list.n > 0 && syncfs(fd) < 0)
		return -errno;
	for (size_t i = 0; i < list.n; i++) {
		r = subvolume_is_there(fd, list.ids[i]);
		if (r == 0)
			r = btrfs_quota_forget(fd, list.ids[i]);
		if (r < 0 && r != -EBUSY)
			return r;
	}
	return 0;
}
