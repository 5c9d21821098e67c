/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "runtime/guest.h"
#include "runtime/state.h"

/*
 * Files and folders that a guest's processes watch (inotify), and whose names the kernel has dropped since, to get memory back:
 * overlayfs cannot make a file handle of them then (of folders of a template; on older kernels of any), /proc/PID/fdinfo shows
 * the watch without one, and CRIU refuses the guest. Each has its name again once somebody looks it up, and keeps it while it is
 * open.
 */
struct watched {
	int *fds;
	size_t n;
};
#define WATCHED_INIT ((struct watched){ .fds = NULL })

/*
 * Looks up what is in that state, in the root of a running guest, and keeps it open until watched_close(). What it does not find,
 * such as what is behind too many others, is left: CRIU says what is in its way. Only descriptors of inotify are read if there is
 * nothing to look up; else it walks through the guest's files.
 *
 * Called by the host's root under the guest's lock, while the guest runs.
 */
int watched_hold(const struct guest *guest, const struct guest_run *run, struct watched *ret, struct err *err) _must_check_;
void watched_close(struct watched *watched);
