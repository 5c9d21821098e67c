/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/guest.h"

/*
 * The control group "ctctl/_criu-web1", beside the guest's: CRIU while it saves or restores the guest web1, and the monitor of a
 * guest that is restored, until that runs. CRIU does not end with ctctl (a dump that is killed leaves processes half changed), so
 * whoever comes next has to know when it has ended. All calls are made by the host's root under the guest's lock.
 */

/* Its path. The caller frees; NULL: no memory. */
char *nursery_path(const struct guest *guest) _must_check_;

/* Waits until all in it have come to their end, ends what does not, and removes it. A missing one is a success. */
int nursery_close(const struct guest *guest, struct err *err) _must_check_;
