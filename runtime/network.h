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
 *   RUN/NAME/links           what a running guest was given: written before it is made, read to remove  network_note.c
 *   network_plug()           filter, link, port or routes, shaping, on the host's side                  network_plug.c
 *   net_setup_guest()        the guest's side, by the guest's root in its namespaces
 *
 * Plugging is idempotent, unplugging accepts what is missing: both begin again where a kill ended them.
 */
struct net_plan {
	enum net_mode mode;
	char guest_name[IFNAMSIZ];
	char link[IFNAMSIZ]; /* the host's end; "" with macvlan */
	char ifb[IFNAMSIZ];
	char bridge[IFNAMSIZ];
	char parent[IFNAMSIZ];
	bool is_own_bridge;
	unsigned int vlan;
	uint32_t mtu;
	uint8_t mac[6];
	struct net_address *addresses; /* with the prefix that they have in the guest */
	size_t n_addresses;
	struct net_address *prefixes;
	size_t n_prefixes;
	struct net_address gateways[2];
	struct net_address bridge_addresses[2]; /* nat: of the bridge, with the networks' prefixes */
	bool has_default;			/* the first interface with a gateway of a family */
	struct net_publish *publish;
	size_t n_publish;
	struct net_rule *rules;
	size_t n_rules;
	struct net_filter_spec filter; /* points into this plan */
	struct net_shape_spec shape;
};

struct net_plans {
	struct net_plan list[INTERFACES_MAX];
	size_t n;
};

/* From the guest's configuration; nothing is asked of the kernel. Free with network_plans_free(). */
int network_plan(const struct guest *guest, struct net_plans *ret, struct err *err) _must_check_;
void network_plans_free(struct net_plans *plans);

/*
 * The host's side of one interface: tables, filter, link into `netns_fd`, port or routes, neighbours, shaping. Called by the
 * monitor at a start, by ctctl for a running guest; host's root, host's namespaces. It has to be noted before.
 */
int network_plug(const struct node *node, const struct net_plan *plan, int netns_fd, struct err *err) _must_check_;
int network_unplug(const struct node *node, const struct net_plan *plan, struct err *err) _must_check_;

/* The guest's side: a view of the plan for net_setup_guest(). */
struct net_setup_spec network_setup_of(const struct net_plan *plan);

/* RUN/NAME/links, replaced whole. */
int network_note(int run_fd, const struct net_plans *plans, struct err *err) _must_check_;
/* 0 and an empty list without one. Free with network_plans_free(). */
int network_read_note(int run_fd, struct net_plans *ret, struct err *err) _must_check_;

/*
 * Everything that a start made, from the note: counters are added to the guest's (traffic.h), then all of it is removed, then the
 * note.
 */
int network_cleanup(const struct guest *guest, struct err *err) _must_check_;

/*
 * Operations of `ctctl net`; each is whole, locked and journalled as those of lifecycle.h. Of a running guest they change the
 * network at once, without interrupting connections where addresses stay.
 */
int guest_net_add(const struct node *node, const char *name, const char *interface, const struct guest_setting *settings, size_t n,
		  struct err *err) _must_check_;
int guest_net_remove(const struct node *node, const char *name, const char *interface, struct err *err) _must_check_;
