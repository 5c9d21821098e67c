/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "storage/rootfs.h"

/*
 * How the layers, which are detached id-mapped mounts, reach overlayfs:
 *
 *   BY_FD     FSCONFIG_SET_FD: Linux 6.13 for the call, 6.15 for layers that are detached
 *   BY_PATH   /proc/self/fd/N, in a helper process with a mount namespace of its own in which the layers are attached: before
 *             6.15 a layer has to be a mount of its maker's namespace (fs/namespace.c, clone_private_mount()). The namespace and
 *             its mounts end with the helper; the host's never sees them.
 */
enum rootfs_way {
	ROOTFS_BY_FD,
	ROOTFS_BY_PATH,
};

/* As rootfs_assemble(), by one way only. -EOPNOTSUPP: this kernel cannot do it by descriptors. */
int rootfs_assemble_by(enum rootfs_way way, const struct rootfs_spec *spec, struct err *err) _must_check_;

/* The parts of one overlay. Descriptors that this holds are closed by overlay_parts_close(). */
struct overlay_parts {
	int layer_fds[ROOTFS_LAYERS_MAX]; /* detached, id-mapped */
	int n_layers;
	int area_fd; /* detached, id-mapped; the two below are folders in it */
	int upper_fd;
	int work_fd;
	uid_t root_uid;
};

/*
 * Makes the overlay and returns its detached mount, after checking that the kernel did not quietly give less than was asked for.
 * Called by the host's root, for BY_PATH in a namespace of its own where the layers are attached.
 */
int overlay_make(enum rootfs_way way, const struct overlay_parts *parts, struct err *err) _must_check_;

/* overlay_make(ROOTFS_BY_PATH) in a helper process. */
int overlay_make_in_helper(const struct overlay_parts *parts, struct err *err) _must_check_;
