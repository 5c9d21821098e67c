/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "storage/pool_priv.h"

/*
 * A btrfs in a sparse file of the pool's folder, through a loop device. Called by the host's root, under the lock of the pools.
 */

/* The smallest file that mkfs.btrfs takes without mixing data and metadata, with something left to use. */
#define BTRFS_IMAGE_MIN_BYTES (256ULL << 20)

/* Makes the file of pool->conf.size_bytes (0: chosen, and set), the file system, and mounts it. */
int btrfs_image_create(struct pool *pool, const struct log *log, struct err *err) _must_check_;

/* Mounts it on `data` and opens pool->data_fd. */
int btrfs_image_mount(struct pool *pool, struct err *err) _must_check_;
