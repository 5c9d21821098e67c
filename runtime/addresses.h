/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/address.h"
#include "runtime/interface.h"
#include "runtime/net_pool.h"
#include "runtime/node.h"

/*
 * Who has which address. STATE/addresses/ADDRESS (a routed prefix: "2001:db8:5::_64") is a symbolic link to "UUID/INTERFACE",
 * made in one step and synced, so that no address is ever given twice on this node, whether it came from a pool or was typed.
 * It stays with the guest while it is stopped. Files whose names begin with a dot are hints where a pool's next free address
 * may be.
 *
 * A lock of the folder (flock(2), which dies with its holder) keeps the takers of a prefix apart from all others: these look at
 * every entry, and must not miss one. Takers of addresses share it.
 */

/*
 * Asks whether somebody outside of ctctl has one of the candidates: 1 and which, 0, or a negative errno with `err` set. What
 * it is asked about has been taken already, so that it may take its time.
 */
typedef int (*address_probe_fn)(void *context, const struct net_address *candidates, size_t n, size_t *ret_index,
				struct err *err);

/*
 * Takes one free address of each family that the pool has; *ret_n is 1 or 2, each with the prefix of its network (routed: full
 * length). `is_used` may be NULL; what it says is used is passed over. A hint makes the cost independent of how many are taken.
 * EXIT_RESOURCES: "pool 'x' has no free IPv4 address: all 15 are taken".
 */
int address_lease(const struct node *node, const struct net_pool *pool, const char *uuid, const char *interface,
		  address_probe_fn is_used, void *context, struct net_address ret[2], size_t *ret_n,
		  struct err *err) _must_check_;

/*
 * Takes given ones (addresses, or routed prefixes: those whose prefix is shorter than the full length and `is_prefix`), all
 * or none. One that is `uuid`'s for that interface already is fine. -EADDRINUSE, EXIT_ADDRESS_IN_USE: another guest has it,
 * or has one inside that prefix, or a prefix that covers it; the message names the guest if it can be found. What one guest
 * has may overlap.
 */
int address_take(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		 const char *interface, struct err *err) _must_check_;

/*
 * For a start: is each the guest's own? With no lock, no sync and no look at the others if so. What guest.conf was edited to
 * have is taken then, and what it gave to another interface of the guest becomes that one's.
 */
int address_check(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		  const char *interface, struct err *err) _must_check_;

/* Gives back those that are `uuid`'s for that interface. */
int address_release(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		    const char *interface, struct err *err) _must_check_;

/* Gives back all that `uuid` has: the end of a guest, or of a create that was killed. Reads the whole folder. */
int address_release_all_of(const struct node *node, const char *uuid, struct err *err) _must_check_;

/*
 * An interface as it was set becomes one that has its addresses: `net` unset is its pool's mode; without `ip` they are leased
 * (nat without a pool: from "default") and written into it; given ones and routes are taken, if they are right for its pool
 * and nobody on the wire answers for them (EXIT_ADDRESS_IN_USE). The caller saves the interface. After an error nothing is
 * taken that was not before.
 */
int address_give_interface(const struct node *node, const char *uuid, struct guest_interface *io, struct err *err) _must_check_;

/*
 * Around a change of what an existing guest has: a mark in the registry from before the first address is taken until the last
 * one is given back and guest.conf says what is left. (A new guest's journal says the same.) Under the guest's lock.
 */
int address_begin_change(const struct node *node, const char *uuid, struct err *err) _must_check_;
int address_end_change(const struct node *node, const char *uuid, struct err *err) _must_check_;

/*
 * For whoever opens a guest to change it, with what guest.conf says: if a change was killed, gives back all that the guest
 * has and these interfaces do not list, which reads the whole folder. 1 if there was something, 0 if not. Cheap without a
 * mark.
 */
int address_settle_change(const struct node *node, const char *uuid, const struct guest_interface *interfaces, size_t n,
			  struct err *err) _must_check_;

/*
 * Where neighbours would answer for the addresses of an interface: IPv4, IPv6; "": nobody is to be asked. A bridge that is
 * given, the parent of a macvlan, of a routed one the uplink, of nat the pool's bridge if it is there. `pool` may be NULL.
 */
struct address_wire {
	char links[2][IFNAMSIZ];
	int timeout_ms;
	const struct log *log;
};
void address_wire_of(const struct node *node, const struct guest_interface *iface, const struct net_pool *pool,
		     struct address_wire *ret);

/*
 * An address_probe_fn, `context` is a struct address_wire: does the host itself have it, or somebody on the wire? A wire that
 * cannot be asked is a warning to its log and nobody's. Host's root, in the host's network namespace.
 */
int address_probe(void *context, const struct net_address *candidates, size_t n, size_t *ret_index, struct err *err) _must_check_;
