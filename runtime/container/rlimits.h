/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Gives the calling process the resource limits that a booted system's init has, whatever the caller of ctctl had. A limit that may not be raised (the host's root lacks
 * CAP_SYS_RESOURCE) stays as high as it is. Called before capabilities are dropped.
 */
int rlimits_reset(struct err *err) _must_check_;
