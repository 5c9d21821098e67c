/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "netns/filter.h"
#include "runtime/guest.h"

/*
 * What a guest has sent and received, for good: GUESTS/NAME/traffic holds, per interface, the sums of all its runs so far and of
 * the month; the kernel's counters of the present run are added when they are read. Never falls: a counter that is lower than the one
 * noted last (the host crashed) begins again.
 */
struct traffic_report {
	char interface[16];
	struct net_traffic total;
	uint64_t month_outside_bytes; /* in and out, of this calendar month (UTC): what a quota is of */
	uint64_t quota_bytes;	      /* 0: none */
};

/* Of all interfaces that have ever counted; the caller frees. Takes no lock. */
int traffic_read(const struct guest *guest, struct traffic_report **ret, size_t *ret_n, struct err *err) _must_check_;

/*
 * Adds the kernel's counters of a run to the file. Called before they are removed (network_cleanup()) and by traffic_collect(). The
 * caller holds the guest's lock.
 */
int traffic_fold(const struct guest *guest, struct err *err) _must_check_;

/*
 * All guests: folds, begins the new month, and sees to quotas that were used up since: runs the hook
 * CONF/hooks/quota NAME INTERFACE USED QUOTA ACTION once per month and interface, and stops guests whose quota-action is stop.
 * (Throttling and blocking is the kernel's work and waits for nobody.) What `ctctl net account` and its timer run.
 */
int traffic_collect(const struct node *node, struct err *err) _must_check_;
