/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/address.h"

/*
 * What a guest's packets may be, how many, and how many there were, by nftables. A fixed rule set in three tables of one name
 * (inet, bridge, arp), whose sets and maps have an element for each interface: neither the cost of a packet nor that of a start
 * grows with the number of guests. Rules are given to libnftables as text, once per boot of the host; elements go to the kernel
 * by libnl, in one transaction per interface, without reading what is there.
 *
 * All calls are made by the host's root in the host's network namespace. EXIT_UNSUPPORTED: the kernel has no nftables (or not
 * what a part of it needs); the message says what.
 */

/*
 * The number of the fixed rules, to be raised with every change of their text (test_filter_version.c sees to it). It is part of
 * the tables' names, so that a newer ctctl makes tables of its own beside those in which guests run that an older one has
 * started: whoever puts elements in notes the name that they went to, and names it again to change, read or remove them. What a
 * newer version has no set for any more, filter_elements_of() has to list for removal all the same, as long as hosts may run
 * that had it: a guest's link is called the same in the next table.
 */
#define NET_FILTER_VERSION    1
#define NET_FILTER_TABLE_ROOM 64

/* "BASE-v1": the name of the tables of this version, for every `table` below. -ENAMETOOLONG if it does not fit. */
int net_filter_table(const char *base, char room[NET_FILTER_TABLE_ROOM]) _must_check_;

enum net_filter_level {
	NET_FILTER_FULL, /* source MAC, IPv4, IPv6, ARP, NDP, DHCP server, router advertisements, redirects, other protocols */
	NET_FILTER_MAC,	 /* source MAC, DHCP server, router advertisements */
	NET_FILTER_NONE,
};

/* A port of the host that is handed to the guest (nat). */
struct net_publish {
	uint8_t protocol;	   /* IPPROTO_TCP or IPPROTO_UDP */
	struct net_address listen; /* family 0: all addresses of the host, in both families that the guest has */
	uint16_t host_port;
	uint16_t guest_port;
};

/* A line of the guest's firewall, for packets towards the guest; the first that matches counts. */
struct net_rule {
	bool allow;
	uint8_t protocol;    /* IPPROTO_TCP, _UDP, _ICMP (both families), or 0: any */
	uint16_t port_first; /* 0, 0: any; TCP and UDP only */
	uint16_t port_last;
	struct net_address from; /* family 0: anywhere */
};

enum net_quota_action {
	NET_QUOTA_THROTTLE, /* both directions are policed to `throttle_bits` once it is used up */
	NET_QUOTA_BLOCK,    /* nothing passes between the guest and the outside any more; local traffic does */
};

/* Everything about one interface, by its end on the host. Arrays are the caller's. */
struct net_filter_spec {
	const char *link;
	bool is_bridged; /* a port of a bridge (bridge, nat), or a link of its own (routed) */
	enum net_filter_level level;
	uint8_t mac[6];
	const struct net_address *addresses; /* its own, without the link-local one, which follows from the MAC */
	size_t n_addresses;
	const struct net_address *prefixes; /* routed to it */
	size_t n_prefixes;
	uint64_t packets_per_s;	    /* from the guest, a tenth of a second's at once; 0: no limit */
	uint64_t connections_per_s; /* TCP, from the guest, in the same way; 0: no limit */
	const struct net_publish *publish;
	size_t n_publish;
	/* Where none allows anything, what none denies passes; else only what one allows, and answers to the guest. */
	const struct net_rule *rules;
	size_t n_rules;
	uint64_t quota_bytes; /* of traffic with the outside, both directions; 0: none */
	uint64_t quota_used_bytes;
	enum net_quota_action quota_action;
	uint64_t throttle_bits; /* per second */
};

/* What belongs to the node. */
struct net_filter_node {
	const char *table;		 /* name of the three tables */
	const struct net_address *local; /* networks whose traffic counts as local, beside link-local and multicast */
	size_t n_local;
};

/*
 * Makes the tables if they are missing; returns at once if they are there (a small question for each). Two at once are fine.
 * Other local networks than before take force when the tables are made anew.
 */
int net_filter_open(const struct net_filter_node *node, struct err *err) _must_check_;

/* Removes the three tables. A missing one is fine. */
int net_filter_remove_all(const char *table, struct err *err) _must_check_;

/*
 * Puts an interface's elements in, in one transaction: all or nothing. Before the link exists, so that there is no moment without
 * a filter. -EEXIST: a port of `publish` belongs to another guest, named in the message by its link.
 */
int net_filter_add(const char *table, const struct net_filter_spec *spec, struct err *err) _must_check_;

/*
 * Takes them out again. Elements, or tables, that are missing are fine: it is also what cleans up after a kill. `spec` is what
 * was (perhaps only in part) added.
 *
 * The kernel frees them when no packet uses them any more, by work of its own; but who closes a socket of netfilter right
 * behind it has to wait for that, 8 to 20 ms (nft_rcv_nl_event(): all that is still to be freed). So the socket is kept in
 * `*io_hold`, -EBADF before, for further removals, and the caller closes it when all else is done. NULL: it is closed at once.
 */
int net_filter_remove(const char *table, const struct net_filter_spec *spec, int *io_hold, struct err *err) _must_check_;

/*
 * From the old to the new in one transaction; counters keep counting, and so does the quota unless its used bytes differ between
 * the two. Both have the same link and are bridged, or not. (Rules are replaced by a transaction of their own, before.)
 */
int net_filter_change(const char *table, const struct net_filter_spec *old, const struct net_filter_spec *spec,
		      struct err *err) _must_check_;

/*
 * The networks of a nat bridge: what leaves it to elsewhere is masqueraded in the families of which it has a network, and from
 * elsewhere (the host itself is not elsewhere) only published ports and answers come in. It can be said again. From here on the
 * host tracks connections. Published ports are reached by the addresses of the host from outside, from guests and from the
 * host itself, but not by 127.0.0.1 and ::1.
 */
int net_filter_add_nat(const char *table, const char *bridge, const struct net_address *networks, size_t n,
		       struct err *err) _must_check_;

/* Bytes and packets, as the guest sees the direction; index 0 is IPv4, 1 IPv6. */
struct net_count {
	uint64_t bytes, packets;
};
enum net_class { NET_LOCAL, NET_OUTSIDE, NET_CLASSES };
struct net_traffic {
	struct net_count in[NET_CLASSES][2];
	struct net_count out[NET_CLASSES][2];
	struct net_count dropped;  /* by the filter, from the guest: not its own, and above its limits */
	uint64_t quota_used_bytes; /* at most the quota: once it is used up, it says no more */
};

/* Of one interface, since its elements were put in. -ENOENT: it has none. */
int net_filter_read(const char *table, const char *link, bool is_bridged, struct net_traffic *ret, struct err *err) _must_check_;
