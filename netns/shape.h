/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * How fast a guest may send and receive, by queueing disciplines on its link's end on the host, out of the guest's reach.
 *
 * Towards the guest the link's own egress is shaped (htb, with fq_codel or sfq below where the kernel has one, so that one flow
 * does not hold up another). What the guest sends is redirected to an ifb device of its own and shaped there in the same way;
 * where there is no ifb, it is policed, which costs throughput on long ways: *ret_policed says so.
 */
struct net_shape_spec {
	const char *link;	/* the host's end */
	const char *ifb;	/* name for the ifb device */
	uint64_t to_guest_bits; /* per second; 0: no limit */
	uint64_t from_guest_bits;
	uint64_t burst_bytes; /* 0: what 10 ms at that rate are, at least 64 KiB (a whole GSO packet) */
};

/*
 * Puts exactly this in force, whatever was there; all zero removes it. Running flows are not interrupted by a change of rate.
 * Host's root, host's network namespace. After a failure what was made is removed; a rate that was changed before it stays, so
 * the caller who knows the old ones asks for them again. Without htb, or without any way to limit what comes in, it is
 * -EOPNOTSUPP.
 */
int net_shape_set(const struct net_shape_spec *spec, bool *ret_policed, struct err *err) _must_check_;

/*
 * Nothing passes the link any more, in neither direction, and the guest's end sees nothing of it: a link that goes down takes the
 * carrier away there, of which the guest's programs hear, and its routes are marked for it. Takes the place of what
 * net_shape_set() made; the ifb stays. Can be repeated, but what the guest sends may pass for a moment then. -EOPNOTSUPP: the
 * kernel lacks a part.
 */
int net_shape_block(const char *link, struct err *err) _must_check_;

/* Takes that off again and puts `spec` in force, as net_shape_set(). Of a link that is not blocked it is that alone. */
int net_shape_unblock(const struct net_shape_spec *spec, bool *ret_policed, struct err *err) _must_check_;

/*
 * Removes the ifb; the link's own disciplines go with the link, which is to be gone before: it would drop all that it has no ifb
 * for. A missing one is fine.
 */
int net_shape_remove(const char *ifb, struct err *err) _must_check_;
