/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "runtime/node.h"

/* How many came to which end. */
struct autostart_counts {
	size_t started; /* those that were suspended and go on among them */
	size_t stopped;
	size_t suspended;
	size_t failed;
};

/*
 * Starts every guest with autostart=yes that does not run, and every one that a shutdown has suspended (shutdown.h); one that is
 * suspended goes on where it was. By autostart-order, those of the same order in parallel, at most `parallel` at a time (0: the
 * number of processors). One that fails is reported to the log and does not stop the others; one that cannot go on stays
 * suspended.
 */
int autostart_run(const struct node *node, size_t parallel, struct autostart_counts *ret, struct err *err) _must_check_;

/*
 * The reverse for host shutdown: ends every running guest as guest_shut_down() does, highest order first, those of the same order
 * in parallel. 0: 32 per processor, as they mostly wait, of which as many as there are processors, and at most 8, are being
 * saved, which is work for memory and disk. For all suspends together there is the node's suspend_timeout_s.
 */
int autostop_run(const struct node *node, size_t parallel, struct autostart_counts *ret, struct err *err) _must_check_;
