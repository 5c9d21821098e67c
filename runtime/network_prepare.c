/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/addresses.h"
#include "runtime/network.h"
#include "runtime/network_priv.h"
#include "runtime/traffic.h"

static const int families[2] = { AF_INET, AF_INET6 };
static const char *const family_names[2] = { "IPv4", "IPv6" };

/* Which of the two has it addresses or networks of? */
static void find_families(const struct net_plan *plan, bool ret[2])
{
	ret[0] = ret[1] = false;
	for (size_t i = 0; i < plan->n_addresses; i++)
		ret[net_family_index(plan->addresses[i].family)] = true;
	for (size_t i = 0; i < plan->n_prefixes; i++)
		ret[net_family_index(plan->prefixes[i].family)] = true;
}

static int find_uplink(const struct node *node, size_t f, char room[IFNAMSIZ], struct err *err)
{
	int r = node->uplink ? str_copy(room, IFNAMSIZ, node->uplink) : net_uplink_find(families[f], room, err);

	/* A host without a way out has no neighbours to answer. */
	if (r == -ENODEV)
		*room = '\0';
	return r == -ENODEV ? 0 : r;
}

static int forward(const struct node *node, size_t f, struct err *err)
{
	int r;

	if (!node->may_forward && net_forwarding_is_enabled(families[f]) != 1)
		return err_exit(
			err, EXIT_NETWORK, EPERM,
			"this host does not forward %s packets, and ctctl.conf has 'forwarding = no': switch it on, or let "
			"ctctl do so",
			family_names[f]);
	if (!node->may_forward)
		return 0;
	r = net_forwarding_enable(families[f], err);
	if (r > 0)
		log_notice(node->log, "this host forwards %s packets from now on", family_names[f]);
	return r < 0 ? r : 0;
}

/* The bridges that are ctctl's to make; a host without IPv6 has the IPv4 part of them. */
static int make_bridge(const struct node *node, const struct net_plan *plan, struct err *err)
{
	struct net_address addresses[2];
	size_t n = 0;

	for (size_t f = 0; f < 2; f++) {
		if (plan->bridge_addresses[f].family && (f == 0 || net_has_ipv6()))
			addresses[n++] = plan->bridge_addresses[f];
	}

	int r = net_bridge_ensure(plan->bridge, addresses, n, err);

	if (r < 0 || plan->mode != NET_MODE_NAT)
		return r;
	for (size_t i = 0; i < n; i++)
		net_address_network(&addresses[i]);
	return net_filter_add_nat(node->nft_table, plan->bridge, addresses, n, err);
}

static int prepare_mode(const struct node *node, const struct net_plan *plan, struct err *err)
{
	switch (plan->mode) {
	case NET_MODE_NAT:
		return make_bridge(node, plan, err);
	case NET_MODE_BRIDGE:
		return plan->is_own_bridge ? make_bridge(node, plan, err) : net_bridge_check(plan->bridge, err);
	case NET_MODE_MACVLAN:
		return net_parent_check(plan->parent, err);
	case NET_MODE_ROUTED:
	case NET_MODE_NONE:
	case NET_MODE_UNSET:
		break;
	}
	return 0;
}

static bool is_forwarded(const struct net_plan *plan)
{
	return plan->mode == NET_MODE_ROUTED || plan->mode == NET_MODE_NAT;
}

static int check_ipv6(const struct net_plan *plan, struct err *err)
{
	bool has[2];

	find_families(plan, has);
	if (!has[1] || !is_forwarded(plan) || net_has_ipv6())
		return 0;
	return err_exit(err, EXIT_UNSUPPORTED, EAFNOSUPPORT,
			"this host has no IPv6: give the interface IPv4 addresses only, or switch IPv6 on");
}

static int prepare_router(const struct node *node, struct net_plan *plan, struct err *err)
{
	bool has[2];
	int r = 0;

	find_families(plan, has);
	for (size_t f = 0; r == 0 && is_forwarded(plan) && f < 2; f++) {
		if (!has[f])
			continue;
		r = forward(node, f, err);
		if (r == 0 && plan->mode == NET_MODE_ROUTED)
			r = find_uplink(node, f, plan->uplinks[f], err);
	}
	return r;
}

static int open_tables(const struct node *node, struct err *err)
{
	_cleanup_free_ struct net_address *local = NULL;
	struct net_filter_node spec = { .table = node->nft_table };
	int r = interface_parse_addresses(node->local_networks, &local, &spec.n_local, err);

	spec.local = local;
	return r < 0 ? err_wrap(err, "local-networks") : net_filter_open(&spec, err);
}

static bool needs_tables(const struct net_plans *plans)
{
	for (size_t i = 0; i < plans->n; i++) {
		if (plans->list[i].link[0])
			return true;
	}
	return false;
}

static int check_addresses(const struct guest *guest, const struct net_plan *plan, struct err *err)
{
	int r = address_check(guest->node, plan->addresses, plan->n_addresses, false, guest->config.uuid, plan->guest_name, err);

	return r < 0 ? r
		     : address_check(guest->node, plan->prefixes, plan->n_prefixes, true, guest->config.uuid, plan->guest_name,
				     err);
}

static int prepare_one(const struct guest *guest, struct net_plan *plan, struct err *err)
{
	int r = check_addresses(guest, plan, err);

	if (r == 0 && plan->filter.quota_bytes > 0)
		r = traffic_month_used(guest, plan->guest_name, &plan->filter.quota_used_bytes, err);
	if (r == 0)
		r = check_ipv6(plan, err);
	if (r == 0)
		r = prepare_mode(guest->node, plan, err);
	return r < 0 ? r : prepare_router(guest->node, plan, err);
}

int network_prepare(const struct guest *guest, struct net_plans *plans, struct err *err)
{
	int r = needs_tables(plans) ? open_tables(guest->node, err) : 0;

	for (size_t i = 0; r == 0 && i < plans->n; i++) {
		r = prepare_one(guest, &plans->list[i], err);
		if (r < 0)
			r = err_wrap(err, "interface '%s'", plans->list[i].guest_name);
	}
	return r;
}
