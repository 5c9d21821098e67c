/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Lists of processors as the kernel writes them: "0-3,6" (cpuset(7), "List format"), without its strides. `key` names the
 * parameter for messages; both are INVALID otherwise.
 */

/* Is it such a list? */
int cpuset_check(const char *key, const char *list, struct err *err) _must_check_;

/* Are all of them online on this host? The message says which are. */
int cpuset_check_online(const char *key, const char *list, struct err *err) _must_check_;
