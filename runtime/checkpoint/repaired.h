/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Puts the sockets of a guest right that a CRIU which was killed amidst its dump has left as it reads them:
 * - TCP connections in repair mode (TCP_REPAIR), where reads fail with EPERM and a close tells the peer nothing. They leave it
 *   with the windows and sequence numbers that they have, and with SO_REUSEADDR, which repair mode replaces: what it was is lost,
 *   and without it a server could not bind its port again while such a connection lives.
 * - Unix sockets that look for MSG_PEEK behind what is there (SO_PEEK_OFF): it is set back to -1, its value in all programs but
 *   those that use it.
 *
 * For every descriptor of every process in the guest's control group and below. Processes and descriptors that are gone, and
 * those that refuse, are passed over, and a missing group is a success; an error is a group that cannot be read, or memory.
 * Out of its reach: sockets that no process has open but that are on their way in a Unix socket (SCM_RIGHTS).
 *
 * What it cannot undo is what a process meets before: CRIU thaws the group when it holds the processes, and its end lets go of
 * them. A read() that waited for its connection fails with EPERM at once, unless the group was frozen again by then.
 *
 * Called by the host's root under the guest's lock, when no CRIU works on the guest any more, best while the group is frozen.
 */
int checkpoint_end_repair(const char *cgroup, struct err *err) _must_check_;
