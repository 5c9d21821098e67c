/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/checkpoint/images.h"
#include "runtime/guest.h"
#include "runtime/network.h"

/*
 * The memory of a new guest, made of a checkpoint of another: the new one is a suspended guest then, and its start is a resume.
 * The checkpoint is only read, and can be used any number of times; images that are the same for all are one file with several
 * names. All calls are made by the host's root under the locks of both guests.
 */

struct checkpoint_copy {
	int images_fd; /* of the checkpoint, with its manifest */
	const struct checkpoint_manifest *manifest;
	const struct net_plans *from; /* the network that was saved */
	const struct net_plans *to;   /* the new guest's */
};

/*
 * Makes GUESTS/NEW/checkpoint, on the disk when the call returns. The guest has its uuid, ids and addresses in `config` already.
 * What is there after a failure goes with the guest's folder.
 */
int checkpoint_copy(const struct checkpoint_copy *copy, const struct guest *guest, struct err *err) _must_check_;
