/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "runtime/network.h"

/*
 * CRIU's images of one guest made those of another, so that they are restored with an identity of its own.
 *
 * What has ids of users in the images has them as the guest counts them (CRIU's userns_uid(): credentials, owners of IPC objects,
 * sockets, terminals, deleted files and memfds, uid= and gid= of mounts; tmpfs and its like are packed in the guest's namespace;
 * F_SETOWN is read by a process of the guest). The host's numbers are in two places: in the map of the user namespace, and as
 * owners of control groups, which ctctl sets itself (manifest, cgroup_tree.h).
 *
 * The host name is that of the UTS namespace. MAC addresses are CRIU's to set: it gives the links that it finds those that were
 * saved. IP addresses and routes are what the kernel printed, and stay: they are changed when the guest stands restored and
 * nothing of it runs yet (identity_network.h).
 */
struct checkpoint_identity {
	uint64_t ids_from; /* first of NODE_IDS_PER_GUEST on the host, when it was saved */
	uint64_t ids_to;
	const char *hostname;
	const struct net_plans *nets; /* each of its interfaces is in the images, and gets the plan's MAC address */
};

/*
 * Images are replaced, never written to: what they share with other folders by hard links stays as it is. Not yet on the disk.
 * -EBADMSG for an image that is damaged, or not that of a guest.
 * Called by the host's root; images_fd is an open folder.
 */
int checkpoint_change_identity(int images_fd, const struct checkpoint_identity *identity, struct err *err) _must_check_;
