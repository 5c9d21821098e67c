/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/nl_priv.h"

/* An interface whose queueing disciplines are changed; `name` is for messages. */
struct shape_dev {
	struct nl_sock *sock;
	int ifindex;
	const char *name;
};

/* A rate in the kernel's units: bytes per second, and how many bytes may go at once. */
struct shape_rate {
	uint64_t bytes;
	uint64_t burst;
};

/* A full bucket in time, which is how the kernel counts it: ticks of 64 ns, of which 2^32 are 275 s. */
uint32_t shape_ticks(const struct shape_rate *rate) _must_check_;

/*
 * Has the interface send no faster than that: htb with one class, and below it the best leaf that the kernel has. What is
 * there is changed in place, so that queued packets stay; a discipline of somebody else's is replaced. Returns 1 if it was
 * made, 0 if it was changed.
 */
int shape_queue_set(const struct shape_dev *dev, const struct shape_rate *rate, struct err *err) _must_check_;

/* Has the interface send nothing any more, in place of whatever was there: shape_queue_remove() takes it off. */
int shape_queue_block(const struct shape_dev *dev, struct err *err) _must_check_;

/* Gives the interface back its default discipline; what was queued is lost. Having that already is fine. */
int shape_queue_remove(const struct shape_dev *dev, struct err *err) _must_check_;

/*
 * Sends all that the interface receives to another one (an ifb). What is there already is fine; `is_new` says that it cannot be
 * this, and whatever is there is replaced.
 */
int shape_redirect(const struct shape_dev *dev, int to_ifindex, bool is_new, struct err *err) _must_check_;

/* Drops what the interface receives faster than that, in place of whatever was there. */
int shape_police(const struct shape_dev *dev, const struct shape_rate *rate, struct err *err) _must_check_;

/* Takes off what shape_redirect() and shape_police() made; nothing is fine. */
int shape_ingress_remove(const struct shape_dev *dev, struct err *err) _must_check_;
