/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include <linux/btrfs_tree.h>

/* A range of items of one type and object in one of the trees of a btrfs (ioctl BTRFS_IOC_TREE_SEARCH). */
struct btrfs_range {
	uint64_t tree;
	uint64_t object;
	uint8_t type;
	uint64_t first; /* of the keys' offsets, both included */
	uint64_t last;
};

/*
 * Calls `each` with every item of the range, in the order of the keys; `item` has `len` bytes and may be unaligned. Stops at a
 * return other than 0 and passes it on. 0 or a negative errno; -ENOENT if there is no such tree.
 */
int btrfs_search(int fd, const struct btrfs_range *range,
		 int (*each)(void *context, uint64_t offset, const void *item, uint32_t len), void *context)
	__attribute__((warn_unused_result));
