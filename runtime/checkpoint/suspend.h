/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/guest.h"

/*
 * Saving a running guest, in the steps that a kill may end anywhere (journal of RUN/NAME, operation "suspend"):
 *
 *   checkpoint.new, journal        the guest runs
 *   its interfaces are shut        nothing of its end, nor of an end that is undone, is heard by those who it talks to
 *   its control group is frozen    its processes, memory and files are of one instant from here on
 *   CRIU writes the images         they stand as before: CRIU leaves frozen what it found frozen
 *   checkpoint.new -> checkpoint   the point of no return: the guest is suspended, and what stands is waste
 *   the group is killed, cleaned up
 */
#define OP_SUSPEND "suspend"

/*
 * Settles an interrupted one, under the guest's lock: before the point of no return the guest goes on, after it, what is left of
 * it ends. Closes the journal.
 */
int suspend_settle(struct guest *guest, struct err *err) _must_check_;
