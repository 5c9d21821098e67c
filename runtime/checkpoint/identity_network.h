/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "runtime/network.h"

/*
 * GUESTS/NAME/checkpoint/links: the network that the images were saved with, in a checkpoint of another guest than the one that
 * it is restored as (network_note()). Without it they are one.
 */
#define CHECKPOINT_LINKS LINKS_FILE

/*
 * Makes the network of a guest that is restored its own, when all of it stands, its links are closed, and nothing of it runs yet:
 * its interfaces have the addresses and routes of `nets` and no others, and connections of the guest that was saved are ended in
 * it without a word to their peers. What listens on an address that is gone is a warning to `log`. Nothing to do without
 * CHECKPOINT_LINKS.
 *
 * Called by the monitor as the host's root; goes into the network namespace of `init` and is in `back_fd` afterwards. If it
 * cannot get there, it must not go on.
 */
int checkpoint_change_network(int images_fd, const struct net_plans *nets, pid_t init, int back_fd, const char *name,
			      const struct log *log, struct err *err) _must_check_;
