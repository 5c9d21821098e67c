/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "storage/tree_priv.h"

/* Open addressing, at most half full; Fibonacci hashing (Knuth, TAOCP 3, 6.4). */
static struct tree_inode *find_slot(const struct tree_inodes *inodes, ino_t inode)
{
	size_t at = (size_t)((uint64_t)inode * 11400714819323198485U >> 32);

	for (;; at++) {
		struct tree_inode *slot = &inodes->slots[at & (inodes->room - 1)];

		if (slot->inode == inode || slot->inode == 0)
			return slot;
	}
}

static int grow(struct tree_inodes *inodes)
{
	struct tree_inodes bigger = { .n = inodes->n, .room = inodes->room ? inodes->room * 2 : 256 };

	bigger.slots = calloc(bigger.room, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < inodes->room; i++) {
		if (inodes->slots[i].inode != 0)
			*find_slot(&bigger, inodes->slots[i].inode) = inodes->slots[i];
	}
	free(inodes->slots);
	*inodes = bigger;
	return 0;
}

int tree_inodes_find(struct tree_inodes *inodes, ino_t inode, uint64_t *ret, bool *ret_is_new)
{
	struct tree_inode *slot;
	int r = inodes->n * 2 >= inodes->room ? grow(inodes) : 0;

	if (r < 0)
		return r;
	if (inode == 0)
		return -EINVAL;
	slot = find_slot(inodes, inode);
	*ret_is_new = slot->inode == 0;
	if (*ret_is_new)
		*slot = (struct tree_inode){ .inode = inode, .number = ++inodes->n };
	*ret = slot->number;
	return 0;
}

void tree_inodes_free(struct tree_inodes *inodes)
{
	free(inodes->slots);
	*inodes = (struct tree_inodes){ 0 };
}
