/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/address.h"
#include "runtime/interface.h"
#include "runtime/node.h"

/*
 * Who has which address. STATE/addresses/ADDRESS (a routed prefix: "2001:db8:5::_64") is a symbolic link to "UUID/INTERFACE", made in
 * one step and synced, so that no address is ever given twice on this node, whether it came from a pool or was typed. It stays
 * with the guest while it is stopped.
 *
 * A pool of addresses is STATE/netpools/NAME.conf:
 *
 *   net = nat                                   how guests of the pool are connected: routed, bridge or nat
 *   range = 10.200.0.2-10.200.15.254            first to last, or a network, of which the host part's ends are left out
 *   range = fd12:3456:789a::/64                 in IPv6: random addresses of it, none of which ends in 0 to 255
 *   network = 10.200.0.0/20                     what is on the link (one per family; for a routed pool there is none)
 *   gateway = 10.200.0.1                        one per family; a nat pool's are the bridge's own addresses
 *   bridge = ctctl0
 *
 * The pool "default" is there without a file: nat, on the node's bridge, in the networks of bridge-address and bridge-address6.
 */
struct net_pool {
	char name[64];
	enum net_mode net;
	struct net_address ranges[16][2]; /* first and last */
	size_t n_ranges;
	struct net_address networks[2]; /* IPv4, IPv6; family 0: none */
	struct net_address gateways[2];
	char bridge[IFNAMSIZ]; /* "": none */
};

/* What `net pool create` gets; texts as typed. */
struct net_pool_spec {
	const char *name;
	const char *net;	   /* NULL: nat if there is neither bridge nor a range outside of private addresses ... else routed */
	const char *const *ranges; /* NULL-terminated, at least one */
	const char *gateway;	   /* list, or NULL: nat: the first address of each network; routed: none; bridge: must be given */
	const char *bridge;	   /* NULL: nat: a name made from the pool's; bridge: must be given */
};

int net_pool_create(const struct node *node, const struct net_pool_spec *spec, struct err *err) _must_check_;
int net_pool_open(const struct node *node, const char *name, struct net_pool *ret, struct err *err) _must_check_;
/* Names, sorted, "default" among them; stops at a negative return of `each`. */
int net_pool_each(const struct node *node, int (*each)(void *context, const struct net_pool *pool), void *context,
		  struct err *err) _must_check_;
/* POOL_IN_USE (-EBUSY) if one of its addresses is taken. "default" cannot be removed. */
int net_pool_remove(const struct node *node, const char *name, struct err *err) _must_check_;

/* How many of a pool's IPv4 addresses there are and how many are taken (IPv6 taken is counted in ret_taken6). Reads the registry. */
struct net_pool_usage {
	uint64_t total4, taken4, taken6;
};
int net_pool_get_usage(const struct node *node, const struct net_pool *pool, struct net_pool_usage *ret,
		       struct err *err) _must_check_;

/*
 * Takes one free address of each family that the pool has; *ret_n is 1 or 2, each with the prefix of its network (routed: full
 * length). `is_used` (may be NULL) is asked whether somebody outside ctctl has a candidate; 1: it is passed over. A hint makes the
 * cost independent of how many are taken. EXIT_RESOURCES: "pool 'x' has no free IPv4 address: ...".
 */
int address_lease(const struct node *node, const struct net_pool *pool, const char *uuid, const char *interface,
		  int (*is_used)(void *context, const struct net_address *candidate), void *context, struct net_address ret[2],
		  size_t *ret_n, struct err *err) _must_check_;

/*
 * Takes given ones (addresses, or routed prefixes: those whose prefix is shorter than the full length and `is_prefix`), all or none.
 * One that is `uuid`'s for that interface already is fine. -EADDRINUSE, EXIT_ADDRESS_IN_USE: another guest has it, or has one inside
 * that prefix, or a prefix that covers it; the message names the guest if it can be found.
 */
int address_take(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		 const char *interface, struct err *err) _must_check_;

/* For a start: is each the guest's own, with no look at the others? A missing entry (guest.conf was edited) is taken. */
int address_check(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		  const char *interface, struct err *err) _must_check_;

/* Gives back those that are `uuid`'s for that interface. */
int address_release(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		    const char *interface, struct err *err) _must_check_;

/* Gives back all that `uuid` has: the end of a guest, or of a create that was killed. Reads the whole folder. */
int address_release_all_of(const struct node *node, const char *uuid, struct err *err) _must_check_;
