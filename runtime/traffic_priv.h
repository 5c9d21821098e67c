/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/filter.h"
#include "runtime/guest.h"
#include "runtime/state.h"

/* The file GUESTS/NAME/traffic, in memory. */
#define TRAFFIC_FILE	     "traffic"
#define TRAFFIC_FILE_DAMAGED "traffic.damaged"
#define TRAFFIC_LOCK_FILE    "traffic.lock"

struct traffic_entry {
	char interface[IFNAMSIZ];
	struct net_traffic sum;	 /* of all that was folded */
	char boot[BOOT_ID_ROOM]; /* the run that `seen` is of; "": of none */
	struct net_traffic seen; /* what that run's counters were when they were folded last */
	uint32_t month;		 /* 202611, UTC; 0: none */
	uint64_t month_bytes;	 /* with the outside, in that month */
	uint32_t told_month;	 /* the hook was run in it, for a quota of told_quota bytes */
	uint64_t told_quota;
};

struct traffic_book {
	struct traffic_entry *list;
	size_t n;
};

/* Bytes and packets of `t`, in the order of the file; NULL past the last. `ret_key` may be NULL: "in-local-ipv4". */
const struct net_count *traffic_count(const struct net_traffic *t, size_t index, const char **ret_key);

/* 202611, UTC. */
uint32_t traffic_month_now(void);

/*
 * An empty book without a file. -EBADMSG (BAD_CONFIG) for a damaged one, with the line. Free with traffic_book_free(), also
 * after a failure.
 */
int traffic_book_read(int dir_fd, struct traffic_book *ret, struct err *err) _must_check_;
int traffic_book_write(int dir_fd, const struct traffic_book *book, struct err *err) _must_check_;
void traffic_book_free(struct traffic_book *book);
#define _cleanup_traffic_book_ __attribute__((cleanup(traffic_book_free)))

/* NULL if it has none. / Makes one; NULL: no memory. */
struct traffic_entry *traffic_book_find(const struct traffic_book *book, const char *interface);
struct traffic_entry *traffic_book_get(struct traffic_book *book, const char *interface);

/* Adds what the counters of run `boot` are now, less what is in the sums already. True if anything changed. */
bool traffic_entry_add(struct traffic_entry *e, const char *boot, uint32_t month, const struct net_traffic *now);

/* An interface whose quota is used up, for the hook and for a stop. */
struct traffic_spent {
	char interface[IFNAMSIZ];
	uint64_t used;
	uint64_t quota;
	bool is_new; /* nobody was told yet */
};

/*
 * traffic_fold() and, with `ret_spent`, what traffic_collect() has to know: as many as INTERFACES_MAX, noted as told. `is_owner`:
 * the caller holds the guest's lock, so that what is not there is gone. Errors are errors here.
 */
int traffic_fold_book(const struct guest *guest, bool is_owner, struct traffic_spent *ret_spent, size_t *ret_n,
		      struct err *err) _must_check_;
