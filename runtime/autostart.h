/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "runtime/node.h"

/*
 * Starts every guest with autostart=yes that does not run; one that is suspended goes on where it was. By autostart-order, those
 * of the same order in parallel, at most `parallel` at a time (0: the number of processors). One that fails is reported to the
 * log and does not stop the others. *ret_failed counts them.
 */
int autostart_run(const struct node *node, size_t parallel, size_t *ret_started, size_t *ret_failed,
		  struct err *err) _must_check_;

/*
 * The reverse for host shutdown: stops every running guest, highest order first, those of the same order in parallel (0: 32 per
 * processor, as they mostly wait).
 */
int autostop_run(const struct node *node, size_t parallel, size_t *ret_stopped, size_t *ret_failed, struct err *err) _must_check_;
