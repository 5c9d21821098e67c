/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/guest.h"

/* Of the journal in RUN/NAME: a checkpoint is made of the running guest. */
#define OP_CHECKPOINT "checkpoint"

/* Settles an interrupted one, under the guest's lock: the guest goes on; the checkpoint is whole or gone. Closes the journal. */
int take_settle(struct guest *guest, struct err *err) _must_check_;
