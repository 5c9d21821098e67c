/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * Exclusive locks on files (open file description locks, fcntl_locking(2)): released by the kernel when the last descriptor of
 * the holder is gone, so that none outlives a kill. The file holds who took it ("1234 stop 1763748000": pid, verb, seconds since
 * 1970), for the message of the one who finds it busy.
 */

/*
 * Takes the lock `name` below `dir_fd` for the operation `verb`; makes the file. Without `wait`, a busy one is -EBUSY (exit 9)
 * and the message says who holds `what` and since when. Returns the descriptor to keep; close it to release.
 */
int lock_take(int dir_fd, const char *name, const char *what, const char *verb, bool wait, struct err *err) _must_check_;

/* Names the current operation of a lock that is held, in place of the one it was taken for. */
void lock_note(int lock_fd, const char *verb);

/*
 * Is it held? Then true, and its note ("1234 stop 1763748000", "" if unknown) is in `note`. Takes nothing, so it disturbs nobody.
 */
bool lock_is_held(int dir_fd, const char *name, char *note, size_t size);
