/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "storage/pool.h"

/*
 * Room for overlayfs in a full area. It makes its work folder anew at every mount; in an area that has reached its limit that
 * fails, the kernel mounts read-only, and a customer who has filled his disk could not even start his guest to clean it up. So
 * the limit is raised while the overlay is made. The guest is not running then. A kill in between leaves the limit HEADROOM_BYTES
 * too high until it is set again.
 */
#define HEADROOM_BYTES (16ULL << 20)

struct headroom {
	struct pool *pool;
	const char *id;
	uint64_t limit_bytes; /* what it was */
};

/*
 * Raises the limit of an area that is full: 1; 0 if it is not, or has none, or `pool` is NULL; or a negative errno. `pool` and
 * `id` are kept until it is given back. Called by the host's root.
 */
int headroom_take(struct pool *pool, const char *id, struct headroom *ret) _must_check_;

/* Sets the old limit again. */
int headroom_give_back(const struct headroom *headroom, struct err *err) _must_check_;
