/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/node.h"
#include "runtime/params.h"

/*
 * The one place that says which configurations this host allows. Asked by every entry: create, set, start; later restore, receive
 * and import. Each parameter by itself was checked by config_set() already; here they are held against the host and against each
 * other.
 */

/* What is asked for now, by create and set. */
int policy_check(const struct node *node, const struct guest_config *config, struct err *err) _must_check_;

/* What was allowed once: a processor that went offline since must not keep a guest from starting, see guest_start_limits(). */
int policy_check_start(const struct node *node, const struct guest_config *config, struct err *err) _must_check_;
