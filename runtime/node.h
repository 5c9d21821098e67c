/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "runtime/interface.h"

/*
 * This machine as one instance of ctctl: where its files are and what its kernel objects are called.
 *
 * A prefix moves everything, so that several instances run side by side ("nodes", tests): PREFIX/etc, PREFIX/lib and PREFIX/run
 * instead of /etc/ctctl, /var/lib/ctctl and /run/ctctl; cgroups, bridge and ids get names and ranges of their own, derived from
 * the prefix.
 */
#define NODE_PREFIX_ENV "CTCTL_PREFIX"

/* The ids of one guest: the whole 16 bits that a distribution expects. */
#define NODE_IDS_PER_GUEST 65536U

struct node {
	char *conf_dir;
	char *state_dir;
	char *run_dir;
	char *guests_dir;    /* state_dir/guests */
	char *templates_dir; /* state_dir/templates */
	char *pools_dir;     /* state_dir/pools */
	char *images_dir;    /* run_dir/_images: mount points of templates */
	char *addresses_dir; /* state_dir/addresses */
	char *netpools_dir;  /* state_dir/netpools */
	char *recipes_dir;
	char *helper_dir;      /* ctctl-monitor, ctctl-unpack */
	char *self;	       /* this program, for what the monitor runs later */
	char *prefix;	       /* "" without one */
	char *cgroup_parent;   /* of guests' groups: "ctctl", or "ctctl.slice/ctctl-guests.service", see home.h */
	char *guests_unit;     /* "ctctl-guests.service" of systemd; NULL on a host where it does not hand out groups */
	char *bridge;	       /* "ctctl0" */
	char *bridge_address;  /* of the bridge of pool "default": "10.200.0.1/20" */
	char *bridge_address6; /* "fd12:3456:789a::1/64"; NULL: none */
	char *default_pool;    /* "default": made on first use */
	uint64_t ids_first;    /* of the first guest's range, a multiple of 65536 */
	uint64_t ids_slots;    /* how many ranges there are */

	/* Limit in bytes of the memory of a guest that is created without one of its own; 0: none. */
	uint64_t default_memory;
	enum net_mode default_net; /* of a guest that is created without a setting of the network */

	enum shutdown_action on_shutdown; /* of guests that do not say it themselves: shutdown.h */
	uint64_t suspend_timeout_s;	  /* for all suspends of one shutdown together */
	char *uplink;			  /* on which the host answers for routed guests; NULL: that of the default route */
	char *local_networks;		  /* whose traffic counts as local: a list for interface_parse_addresses() */
	char *nft_table;  /* "ctctl-v1": of what is plugged now; a running guest may be in an older one (net_plan.table) */
	bool may_forward; /* ctctl switches the forwarding of packets on where a guest needs it */
	const struct log *log;
};

/*
 * Reads ctctl.conf (a missing one is fine: every key has a default) and makes the folders. Needs root. `prefix` is NULL or a
 * path; `log` outlives the node.
 */
int node_open(const char *prefix, const struct log *log, struct node **ret, struct err *err) _must_check_;
void node_close(struct node *node);
static inline void cleanup_node(struct node **n)
{
	node_close(*n);
}
#define _cleanup_node_ __attribute__((cleanup(cleanup_node)))
