/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "runtime/guest.h"

/*
 * Going back to a checkpoint, in steps that a kill or a power cut may end anywhere:
 *
 *   checkpoints/.busy                the guest is as it was; what is made next is waste until the journal says otherwise
 *   the area UUID--restore           a copy of the checkpoint's, with the file `restore` beside its `upper`
 *   checkpoints/.restore             the images
 *   journal of GUESTS/NAME           the point of no return, on the disk
 *   the guest is killed
 *   the areas change places          done if the file `restore` is in the area UUID
 *   .restore -> checkpoint           what a suspended guest had is gone with it
 *   step "placed"                    it is suspended, as it was then, and is resumed as any other
 *   journal done, waste removed      what was its area before is waste
 *
 * As long as the journal is open, nothing else starts the guest: memory of one instant never meets files of another.
 */
#define OP_RESTORE "restore"

/*
 * Finishes one that the journal of GUESTS/NAME says was interrupted, under the guest's lock, when RUN/NAME is settled. The guest
 * is started, and was_restarted set; if it cannot be, it is suspended, and that is a warning. Closes the journal. Nothing to do
 * without one.
 */
int back_settle(struct guest *guest, struct err *err) _must_check_;

/* Does the journal of GUESTS/NAME say that one is under way, or was interrupted? */
bool back_is_open(const struct guest *guest);
