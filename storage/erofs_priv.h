/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/* statfs(2), and the first word of the superblock (linux/magic.h, EROFS_SUPER_MAGIC_V1). */
#define EROFS_MAGIC 0xE0F5E1E2L

/*
 * A detached, read-only mount of the image, nosuid and nodev (overlayfs looks at its own mount's flags, not at its layers'). A
 * file that is no erofs, is cut short or is refused by the kernel is BAD_TEMPLATE. Called by the host's root.
 */
int erofs_mount(int image_fd, struct err *err) _must_check_;

/*
 * By one way only and unchecked. BY_FILE needs Linux 6.12 with CONFIG_EROFS_FS_BACKED_BY_FILE: -ENOTBLK without a message where
 * the kernel wants a block device.
 */
enum erofs_way {
	EROFS_BY_FILE,
	EROFS_BY_LOOP,
};
int erofs_mount_by(enum erofs_way way, int image_fd, struct err *err) _must_check_;
