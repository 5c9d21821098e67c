/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

struct pool;

/*
 * Copies an area file by file: `upper` and `work` of the folder `from_fd`, which nobody writes to, into the empty folder `to_fd`
 * of the same file system. The copy can be mounted over the same layers as the original (overlay_index_priv.h), and is on the
 * disk when the call returns. A failure or a kill leaves a part of it.
 */
int tree_copy_area(const struct pool *pool, int from_fd, int to_fd, struct err *err) _must_check_;
