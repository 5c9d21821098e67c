/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/guest.h"
#include "runtime/node.h"

/*
 * What a shutdown of the host does with a running guest, and which of the suspended ones come back with the host.
 *
 * A guest that a shutdown has suspended is noted so in its checkpoint ("for-shutdown", checkpoint/images.h). It ran, so it goes
 * on with the host, whether it is set to autostart or not. One that somebody has suspended goes on only if it is.
 *
 * All calls are made by the host's root, in a process with one thread.
 */

/* The one place that decides: as the guest has it, else as the node has it. Never SHUTDOWN_UNSET. */
enum shutdown_action shutdown_action_of(const struct node *node, const struct guest_config *config);

/* Is the guest saved by a shutdown? 1, 0, or a negative errno for a checkpoint that cannot be read. Takes no lock. */
int shutdown_has_saved(const struct guest *guest, struct err *err) _must_check_;

/*
 * Ends a running guest by `action`, under its lock. Until `deadline_ms` (of proc_now_ms()) it may take to save it. One that
 * cannot be saved, or not until then, is stopped as by guest_stop(), and the node's log is told why. Sets *ret_saved to what came
 * of it; errors are those of guest_stop().
 */
int guest_shut_down(const struct node *node, const char *name, enum shutdown_action action, uint64_t deadline_ms, bool *ret_saved,
		    struct err *err) _must_check_;
