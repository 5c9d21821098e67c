/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/interface.h"
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

/*
 * What follows for an interface from what was set on it, where its `net` is not: a parent makes it macvlan, a bridge bridge, a
 * pool what the pool's guests are, an address routed; else it is as the node's default-net says. A nat interface without a pool
 * gets "default", which is forgotten with another mode; a bridge one without a pool and a bridge the node's own. Changes `iface`,
 * before policy_check(); called by create, and where an interface is added or changed.
 */
int policy_complete_interface(const struct node *node, struct guest_interface *iface, struct err *err) _must_check_;
