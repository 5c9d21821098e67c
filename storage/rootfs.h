/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * The root of a guest: overlayfs over the template's shared, read-only layers and the guest's private one, all id-mapped, as a detached mount that exists in no
 * mount namespace until the guest attaches it in its own.
 *
 * index=on and nfs_export=on: without them the handles of inotify watches in a checkpoint cannot be opened again (kernel doc, overlayfs.rst).
 */
#define ROOTFS_LAYERS_MAX 8

struct rootfs_spec {
	int layer_fds[ROOTFS_LAYERS_MAX]; /* mounts or folders of the template's layers, the uppermost first */
	int n_layers;
	int area_fd;	/* holds `upper` and `work` */
	int userns_fd;	/* the guest's user namespace, its maps written */
	uid_t root_uid; /* what the guest's root is on the host: the first id of its range */
};

/*
 * Returns the detached mount, close-on-exec, which the caller closes. Called by the monitor, as the host's root in the host's user namespace: overlayfs makes
 * its work folder with the caller's file system ids, which must have a mapping in the upper layer, so that this thread's fsuid and fsgid
 * are the guest's root for the time of the call.
 */
int rootfs_assemble(const struct rootfs_spec *spec, struct err *err) _must_check_;
