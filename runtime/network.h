/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/filter.h"
#include "netns/link.h"
#include "netns/shape.h"
#include "runtime/guest.h"
#include "runtime/interface.h"

/*
 * The network of a guest, from its configuration to the kernel and back:
 *
 *   struct guest_interface   what was set (interface.h)
 *   struct net_plan          what that means on this node: names, parsed lists, the pool's gateway     network_plan.c
 *   network_prepare()        what is the host's and stays: tables, bridges, forwarding, uplinks        network_prepare.c
 *   RUN/NAME/links           what a running guest was given: written before it is made, read to remove  network_note.c
 *   network_plug()           filter, link, port or routes, shaping, on the host's side                  network_plug.c
 *   net_setup_guest()        the guest's side, by the guest's root in its namespaces
 *
 * Plugging is idempotent, unplugging accepts what is missing: both begin again where a kill ended them.
 */
struct net_plan {
	enum net_mode mode; /* never NONE: such an interface is in no plan */
	char guest_name[IFNAMSIZ];
	char link[IFNAMSIZ]; /* the host's end; "" with macvlan */
	char ifb[IFNAMSIZ];
	char table[NET_FILTER_TABLE_ROOM]; /* where its filter is: the node's when it was plugged, perhaps by an older ctctl */
	char bridge[IFNAMSIZ];
	char parent[IFNAMSIZ];
	char uplinks[2][IFNAMSIZ]; /* routed: where the host answers for its IPv4 and IPv6 addresses; "": nowhere */
	bool is_own_bridge;
	uint64_t vlan; /* 0: left alone */
	uint64_t mtu;
	uint8_t mac[6];
	struct net_address *addresses; /* with the prefix that they have in the guest */
	size_t n_addresses;
	struct net_address *prefixes;
	size_t n_prefixes;
	struct net_address gateways[2];		/* IPv4, IPv6; of a family only the first interface has one */
	struct net_address bridge_addresses[2]; /* of our own bridge, with the networks' prefixes */
	struct net_publish *publish;
	size_t n_publish;
	struct net_rule *rules;
	size_t n_rules;
	struct net_filter_spec filter; /* points into this plan */
	struct net_shape_spec shape;
};

/* Not to be copied: what is in it points to itself. */
struct net_plans {
	struct net_plan list[INTERFACES_MAX];
	size_t n;
};

/* From the guest's configuration; nothing is asked of the kernel. Free with network_plans_free(). */
int network_plan(const struct guest *guest, struct net_plans *ret, struct err *err) _must_check_;
void network_plans_free(struct net_plans *plans);
#define NET_PLANS_INIT ((struct net_plans){ .n = 0 })

/* NULL without one of that name. */
const struct net_plan *network_find_plan(const struct net_plans *plans, const char *guest_name);

/*
 * Before anything of the guest's is made: its addresses are its own (addresses.h), what a quota has left of the month comes into
 * the plan, and what belongs to no single guest and stays is made: the node's tables, nat networks, bridges of our own,
 * forwarding. Finds the uplinks, and refuses what this host has not: a bridge, a parent, IPv6. Host's root and namespaces.
 */
int network_prepare(const struct guest *guest, struct net_plans *plans, struct err *err) _must_check_;

/*
 * The host's side of one interface: filter, link into `netns_fd`, port or routes, neighbours, shaping. Called by the monitor at a
 * start, by ctctl for a running guest; host's root, host's namespaces. It has to be prepared and noted before. After a failure
 * what was made is removed.
 */
int network_plug(const struct node *node, const struct net_plan *plan, int netns_fd, struct err *err) _must_check_;
int network_unplug(const struct net_plan *plan, struct err *err) _must_check_;

/*
 * network_plug() in two halves, for a guest that is restored: first its filter and its link, the guest's end in `netns_fd` and
 * the host's down and on no bridge, so that nothing passes; then, when its sockets are there, the host's end is opened: up, port
 * or routes, shaping. CRIU, when it takes the guest's end from there, gives it the number that it had. After a failure of the
 * first half what was made is removed; the second can be repeated. A macvlan has no end on the host: plugging it closed and
 * shutting it are UNSUPPORTED, opening it does nothing.
 */
int network_plug_closed(const struct net_plan *plan, int netns_fd, struct err *err) _must_check_;
int network_open(const struct node *node, const struct net_plan *plan, struct err *err) _must_check_;

/*
 * Nothing passes any more, in neither direction, and what is sent is dropped without a word. Both ends stay up: if the host's
 * went down, the guest's programs would be told that the carrier is gone, what they have not read of that keeps CRIU from saving
 * them, and the guest's IPv4 routes would be saved as "linkdown", which no kernel takes back. Needs sch_ingress, act_mirred, and
 * cls_u32 or cls_matchall, as shaping does (UNSUPPORTED). All of it goes with the link. Can be repeated. Undone by
 * network_open().
 */
int network_shut(const struct net_plan *plan, struct err *err) _must_check_;

/* The guest's side: a view of the plan for net_setup_guest(). */
struct net_setup_spec network_setup_of(const struct net_plan *plan);

/*
 * Until packets can be sent to the guest (net_link_wait_ready()): after its side is set up. Who plugs waits for it, so that the
 * guest's first question on the wire is answered. Best effort, some milliseconds at most on a kernel that takes its time.
 */
void network_wait_ready(const struct net_plans *plans);

/*
 * Tells the neighbours where the addresses are now. For a routed interface on the uplinks; otherwise out of the interface itself,
 * for which the caller has to be in the guest's network namespace. Best effort: nothing depends on it. The end of it may take
 * 20 ms (the kernel waits for all processors when a packet socket is closed).
 */
void network_announce(const struct net_plan *plan);
/*
 * Of all interfaces, host's and guest's side; the caller, the host's root, goes into `netns_fd` and comes back. The only error is
 * that it could not come back: it must not do anything else then, as nothing of the host's would be found where it is.
 */
int network_announce_all(const struct net_plans *plans, int netns_fd, struct err *err) _must_check_;

/* RUN/NAME/links, replaced whole. While the network of a running guest is changed, links.next is what it is to become. */
#define LINKS_FILE	    "links"
#define LINKS_FILE_NEXT	    "links.next"
#define LINKS_FILE_NEW	    ".links.new" /* of a writer that was killed: fd_replace_file_at() */
#define LINKS_FILE_NEXT_NEW ".links.next.new"
int network_note(int run_fd, const char *file, const struct net_plans *plans, struct err *err) _must_check_;
/* 1; or 0 and an empty list without one. A damaged one is RECOVERY. Free with network_plans_free(). */
int network_read_note(int run_fd, const char *file, struct net_plans *ret, struct err *err) _must_check_;

/*
 * Everything that a start made, from the notes: counters are added to the guest's (traffic.h), then all of it is removed, then
 * the notes.
 */
int network_cleanup(const struct guest *guest, struct err *err) _must_check_;

/*
 * Says by a warning which ports that are published, and were not in `before` (NULL: none were), this host itself listens on: they
 * are taken from it while the guest runs. Called in the host's network namespace, after the change.
 */
void network_warn_of_listeners(const struct guest *guest, const struct guest_config *before);

/*
 * Operations of `ctctl net`; each is whole, locked and journalled as those of lifecycle.h. Of a running guest they change the
 * network at once, without interrupting connections where addresses stay. SUSPENDED if it is.
 */
int guest_net_add(const struct node *node, const char *name, const char *interface, const struct guest_setting *settings,
		  size_t n, struct err *err) _must_check_;
int guest_net_remove(const struct node *node, const char *name, const char *interface, struct err *err) _must_check_;
