/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Gives the calling process the resource limits that a booted system's init has, whatever the caller of ctctl had, and takes
 * real-time and raised priorities away. A limit that may not be raised (the host's root lacks CAP_SYS_RESOURCE) stays as high as
 * it is. Called before capabilities are dropped.
 */
int rlimits_reset(struct err *err) _must_check_;

/*
 * What a user namespace's creator may lock and queue at the time is a bound for all processes of the namespace together
 * (kernel/ucount.c, set_userns_rlimit_max()): lifted in the monitor before it makes the guest's, whose own processes have their
 * usual limits each.
 */
int rlimits_lift_shared(struct err *err) _must_check_;
