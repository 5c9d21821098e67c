/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "runtime/node.h"

/*
 * Ranges of 65536 user and group ids, one per guest: STATE/ids/FIRST is a symbolic link to its owner's UUID, which leads nowhere:
 * it can be made only once, and with its owner, so that no range is ever given twice. A hint says where to look for a free one,
 * so that taking one costs the same however many guests there are.
 */
int ids_take(const struct node *node, const char *uuid, uint64_t *ret_first, struct err *err) _must_check_;

/*
 * Is the range the one that was given to `uuid`? BAD_CONFIG if not: with ids that a hand wrote, a guest could be given the host's
 * own, or another guest's.
 */
int ids_check(const struct node *node, uint64_t first, const char *uuid, struct err *err) _must_check_;

/* Gives a range back, if it is `uuid`'s. A free one is a success. */
int ids_release(const struct node *node, uint64_t first, const char *uuid, struct err *err) _must_check_;

/* Gives back whatever `uuid` holds: for a create that was killed before it noted its range. Reads the whole folder. */
int ids_release_all_of(const struct node *node, const char *uuid, struct err *err) _must_check_;
