/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * The root of a guest: overlayfs over the template's shared, read-only layers and the guest's private one, all id-mapped, as a
 * detached mount that exists in no mount namespace until the guest attaches it in its own.
 *
 * index=on and nfs_export=on: without them the handles of inotify watches in a checkpoint cannot be opened again (kernel doc,
 * overlayfs.rst). Proved on Linux 6.1 and 6.12 (layers by path, from a helper process) and 6.18 (by descriptor).
 */
#define ROOTFS_LAYERS_MAX 8

struct pool;

struct rootfs_spec {
	int layer_fds[ROOTFS_LAYERS_MAX]; /* mounts or folders of the template's layers, the uppermost first */
	int n_layers;
	int area_fd;	   /* holds `upper` and `work` */
	struct pool *pool; /* the area's, and its id there, for the limit of a full one; NULL: has none */
	const char *area_id;
	int userns_fd;	/* the guest's user namespace, its maps written */
	uid_t root_uid; /* what the guest's root is on the host: the first id of its range */
};

/*
 * Returns the detached mount, close-on-exec, which the caller closes. Called by the monitor, as the host's root in the host's
 * user namespace: overlayfs makes its work folder with the caller's file system ids, which must have a mapping in the upper
 * layer, so that this thread's fsuid and fsgid are the guest's root for the time of the call. Everything is put back, the
 * parent-death signal and the dumpable flag included.
 *
 * Exit status MOUNT, or UNSUPPORTED where a layer cannot be id-mapped. A mount that the kernel quietly made read-only or without
 * its index is an error. In an area that has reached its limit the limit is raised for the time of the call: a customer with a
 * full disk can still start his guest.
 */
int rootfs_assemble(const struct rootfs_spec *spec, struct err *err) _must_check_;
