/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/filter.h"
#include "runtime/guest.h"

/*
 * What a guest has sent and received, for good: GUESTS/NAME/traffic holds, per interface, the sums of all its runs so far and of
 * the month; what the kernel has counted since is added when they are read. Never falls: with the sums it is noted which run's
 * counters, and how much of them, are in them already, so that neither a kill nor a crash of the host counts anything twice.
 *
 * A month is one of the calendar, UTC. What is found belongs to the month in which it is found: with the timer, to the minute.
 */
struct traffic_report {
	char interface[IFNAMSIZ];
	struct net_traffic total;
	uint64_t month_outside_bytes; /* in and out, of this month: what a quota is of */
	uint64_t quota_bytes;	      /* 0: none */
};

/*
 * Of all interfaces that have ever counted; the caller frees. Takes no lock. A damaged file counts as none, with a warning to the
 * node's log.
 */
int traffic_read(const struct guest *guest, struct traffic_report **ret, size_t *ret_n, struct err *err) _must_check_;

/* The bytes of one interface that count against its quota this month; 0 for one that has never counted. As traffic_read(). */
int traffic_month_used(const struct guest *guest, const char *interface, uint64_t *ret, struct err *err) _must_check_;

/*
 * Adds what the kernel has counted to the file, and gives it a new month's quota when one has begun. The caller holds the guest's
 * lock and calls it
 *   - before counters are removed, by network_cleanup() and when an interface is removed; after the link is gone, if possible, so
 *     that nothing is counted behind it,
 *   - before an interface is added to a running guest: one of the same name that was removed has nothing to do with it.
 * It can be repeated. Nothing that depends on it is to fail because of a full disk or a damaged file (which is kept as
 * "traffic.damaged"): both are warnings. The only error is -ENOMEM.
 */
int traffic_fold(const struct guest *guest, struct err *err) _must_check_;

/*
 * All guests: folds, begins the new month, and sees to quotas that are used up: runs the program
 *   CONF/hooks/quota NAME INTERFACE USED QUOTA ACTION
 * once per month, interface and quota (in bytes; root's, and nobody else's to write; at most QUOTA_HOOK_TIMEOUT_S), and stops
 * guests whose quota-action is stop. Throttling and blocking is the kernel's work and waits for nobody. What `ctctl net account`
 * and its timer run. Takes no guest's lock, but for a stop. What goes wrong with one guest is a warning.
 */
#define QUOTA_HOOK_TIMEOUT_S 30
int traffic_collect(const struct node *node, struct err *err) _must_check_;
