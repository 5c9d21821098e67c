/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/btrfs_search_priv.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <string.h>
#include <sys/ioctl.h>

typedef int (*item_handler)(void *context, uint64_t offset, const void *item, uint32_t len);

static void set_key(struct btrfs_ioctl_search_args *args, const struct btrfs_range *range, uint64_t first)
{
	args->key = (struct btrfs_ioctl_search_key){
		.tree_id = range->tree,
		.min_objectid = range->object,
		.max_objectid = range->object,
		.min_offset = first,
		.max_offset = range->last,
		.max_transid = UINT64_MAX,
		.min_type = range->type,
		.max_type = range->type,
		.nr_items = UINT32_MAX,
	};
}

/* The items of one answer: headers, each followed by its item, without alignment. */
static int walk_answer(const struct btrfs_ioctl_search_args *args, item_handler each, void *context, uint64_t *ret_last)
{
	size_t pos = 0;

	for (uint32_t i = 0; i < args->key.nr_items; i++) {
		struct btrfs_ioctl_search_header h;

		memcpy(&h, args->buf + pos, sizeof(h));
		pos += sizeof(h);
		*ret_last = h.offset;

		int r = each(context, h.offset, args->buf + pos, h.len);

		if (r != 0)
			return r;
		pos += h.len;
	}
	return 0;
}

int btrfs_search(int fd, const struct btrfs_range *range, item_handler each, void *context)
{
	struct btrfs_ioctl_search_args args;
	uint64_t first = range->first;

	for (;;) {
		uint64_t last = 0;

		set_key(&args, range, first);
		if (ioctl(fd, BTRFS_IOC_TREE_SEARCH, &args) < 0)
			return -errno;
		if (args.key.nr_items == 0)
			return 0;

		int r = walk_answer(&args, each, context, &last);

		if (r != 0 || last >= range->last)
			return r;
		first = last + 1;
	}
}
