/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <net/if.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/address.h"
#include "runtime/interface.h"
#include "runtime/node.h"

/*
 * A pool of addresses is STATE/netpools/NAME.conf, made to be edited by hand:
 *
 *   net = nat                                   how guests of the pool are connected: routed, bridge or nat
 *   range = 10.200.0.2-10.200.15.254            first to last, or a network, of which the host part's ends are left out
 *   range = fd12:3456:789a::/64                 in IPv6: random addresses of it, but neither its first 256 nor its last 128
 *   network = 10.200.0.0/20                     what is on the link (one per family; for a routed pool there is none)
 *   gateway = 10.200.0.1                        one per family; a nat pool's are the bridge's own addresses
 *   bridge = ctctl0
 *
 * Neither a gateway nor a network's ends are given to guests, even if they lie in a range. The pool "default" is there
 * without a file: nat, on the node's bridge, in the networks of bridge-address and bridge-address6.
 */
#define NET_POOL_DEFAULT    "default"
#define NET_POOL_RANGES_MAX 16

struct net_pool {
	char name[64];
	enum net_mode net;
	struct net_address ranges[NET_POOL_RANGES_MAX][2]; /* first and last, each of the full length */
	size_t n_ranges;
	struct net_address networks[2]; /* IPv4, IPv6; family 0: none */
	struct net_address gateways[2]; /* the same; of the full length */
	char bridge[IFNAMSIZ];		/* "": none */
};

/* What `net pool create` gets; texts as typed. */
struct net_pool_spec {
	const char *name;
	const char *net; /* NULL: bridge if `bridge` is given; else nat if all ranges are private addresses, else routed */
	const char *const *ranges; /* NULL-terminated, at least one */
	const char *gateway; /* list of ADDRESS[/PREFIX], which is the network's; NULL: nat: the first address of each network */
	const char *bridge;  /* NULL: nat: a name made from the pool's; bridge: must be given */
};

/*
 * A network whose prefix was not given with the gateway is the smallest that has all ranges of the family and the gateway.
 * Refused (EXIT_INVALID) are ranges that are broken, reversed, of both families, too large, or overlap; ranges of another
 * pool, and bridges and networks of another nat pool, are EXIT_ADDRESS_IN_USE; a pool of that name is EXIT_EXISTS. A bridge has
 * to be there, unless it is nat's or the node's own, which ctctl makes (EXIT_NETWORK).
 */
int net_pool_create(const struct node *node, const struct net_pool_spec *spec, struct err *err) _must_check_;

/* EXIT_NO_POOL; EXIT_BAD_CONFIG, with line and key. */
int net_pool_open(const struct node *node, const char *name, struct net_pool *ret, struct err *err) _must_check_;

/* All pools by name, sorted, "default" among them; stops at a negative return of `each`, and at a pool that cannot be read. */
int net_pool_each(const struct node *node, int (*each)(void *context, const struct net_pool *pool), void *context,
		  struct err *err) _must_check_;

/*
 * -EBUSY, EXIT_ADDRESS_IN_USE, if one of its addresses is taken or a guest names it; reads every guest.conf. "default" cannot be
 * removed.
 */
int net_pool_remove(const struct node *node, const char *name, struct err *err) _must_check_;

/* How many IPv4 addresses a pool can give, and how many of its ranges are taken. Reads the whole registry. */
struct net_pool_usage {
	uint64_t total4, taken4, taken6;
};
int net_pool_get_usage(const struct node *node, const struct net_pool *pool, struct net_pool_usage *ret,
		       struct err *err) _must_check_;

/* Has it addresses of that family to give? */
bool net_pool_has_family(const struct net_pool *pool, int family);

/*
 * Can a guest of the pool have this address, which was typed? EXIT_INVALID if it is the pool's gateway, or not in its network
 * (of a routed pool, which has none: not in its ranges).
 */
int net_pool_check_address(const struct net_pool *pool, const struct net_address *address, struct err *err) _must_check_;

/*
 * Of an address that was typed for a guest of no pool: is it the gateway of any? EXIT_ADDRESS_IN_USE. Reads the pools' files.
 */
int net_pool_check_gateways(const struct node *node, const struct net_address *address, struct err *err) _must_check_;
