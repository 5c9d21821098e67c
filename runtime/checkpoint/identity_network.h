/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/network.h"

/*
 * GUESTS/NAME/checkpoint/links: the network that the images were saved with, in a checkpoint of another guest than the one that
 * it is restored as (network_note()). Without it they are one.
 */
#define CHECKPOINT_LINKS LINKS_FILE

/*
 * Makes the network of a guest that is restored its own, when all of it stands, its links are closed, and nothing of it runs yet:
 * its interfaces have the addresses and routes of `nets` and no others, and connections of the guest that was saved are ended in
 * it without a word to their peers. Nothing to do without CHECKPOINT_LINKS.
 *
 * Called by the monitor as the host's root; goes into the network namespace of `init` and is in `back_fd` afterwards. If it
 * cannot get there, it must not go on.
 */
int checkpoint_change_network(int images_fd, const struct net_plans *nets, pid_t init, int back_fd, const char *name,
			      struct err *err) _must_check_;

/*
 * Sockets that wait on an address that the guest has not, or not any more, such as one of the guest that it is a copy of, could
 * not be restored: bind(2) refuses it. Allowed from the making of the namespaces on, and not any more when all is restored.
 * Called as above.
 */
int checkpoint_allow_binding(bool allow, pid_t init, int back_fd, struct err *err) _must_check_;
