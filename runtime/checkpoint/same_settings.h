/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/checkpoint/images.h"
#include "runtime/guest.h"

/*
 * Has the guest the parameters with which the checkpoint in `images_fd` was made? Those that only the host enforces (LIVE) may
 * differ. The others are in the memory that was saved (its addresses, its name) or would have to be given back and taken again
 * from whoever has them now: INVALID, with the names of all that differ.
 */
int same_settings(const struct guest *guest, const char *label, int images_fd, const struct checkpoint_manifest *manifest,
		  struct err *err) _must_check_;
