/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "runtime/network.h"

/* What the files network_*.c share. */

/* Lets the filter's and the shaper's view of a plan point at its fields: after they were filled. */
void network_point(struct net_plan *plan);

/* What a plan has on the host's side of a routed link. */
struct net_routed_spec network_routed_of(const struct net_plan *plan);

/*
 * network_unplug() in two: the link, after which nothing is counted any more, and all else, the counters among it. Both are tried
 * to their end; the first error counts. `io_hold` is closed by the caller behind all of it: see net_filter_remove().
 */
int network_cut(const struct net_plan *plan, struct err *err) _must_check_;
int network_remove_rest(const struct net_plan *plan, int *io_hold, struct err *err) _must_check_;

/* The neighbours' proxies of a routed plan's addresses. What is there, or missing, is fine. */
int network_add_proxies(const struct net_plan *plan, struct err *err) _must_check_;
int network_remove_proxy(const struct net_plan *plan, const struct net_address *address, struct err *err) _must_check_;

bool network_has_rates(const struct net_plan *plan);

/* Puts the plan's rates in force, whatever was. */
int network_shape(const struct node *node, const struct net_plan *plan, struct err *err) _must_check_;

/* Do both ask for the same? What a quota has left does not count. */
bool network_is_same(const struct net_plan *a, const struct net_plan *b);

/*
 * After a refusal by the filter, which knows guests only by their links: says in `err` which guest has the port. Looks at all
 * guests. Returns the code of `err`, negative.
 */
int network_name_publisher(const struct node *node, struct err *err) _must_check_;
