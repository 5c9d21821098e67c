/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/addresses.h"
#include "runtime/guest_priv.h"
#include "runtime/network.h"
#include "runtime/network_priv.h"

static unsigned int hex_at(const char *uuid, int n)
{
	char pair[3] = { uuid[n], uuid[n + 1], '\0' };

	return (unsigned int)strtoul(pair, NULL, 16);
}

/*
 * A stable address of the locally administered range (IEEE 802, bit 1 of the first byte) from the UUID's first bytes; the slot is
 * in the upper half of the first.
 */
static void make_mac(const struct guest *guest, const struct guest_interface *iface, uint8_t mac[6])
{
	static const int at[5] = { 0, 2, 4, 6, 9 };

	mac[0] = (uint8_t)(0x02 | iface->slot << 4);
	for (int i = 0; i < 5; i++)
		mac[i + 1] = (uint8_t)hex_at(guest->config.uuid, at[i]);
	/* In the one way of writing that params_text.c gives it. */
	for (int i = 0; iface->mac && i < 6; i++)
		mac[i] = (uint8_t)hex_at(iface->mac, 3 * i);
}

static int plan_names(const struct guest *guest, const struct guest_interface *iface, struct net_plan *plan, struct err *err)
{
	int r = str_copy(plan->guest_name, sizeof(plan->guest_name), iface->name);

	if (r == 0 && plan->mode == NET_MODE_MACVLAN)
		return str_copy(plan->parent, sizeof(plan->parent), iface->parent ? iface->parent : "") == 0
			       ? 0
			       : err_set(err, ENAMETOOLONG, "parent '%s' is too long", iface->parent);
	if (r == 0) {
		guest_link_name(guest, (unsigned int)iface->slot, plan->link);
		r = str_copy(plan->ifb, sizeof(plan->ifb), plan->link);
		plan->ifb[1] = 'f';
	}
	if (r == 0)
		r = str_copy(plan->table, sizeof(plan->table), guest->node->nft_table);
	return r < 0 ? err_set(err, -r, "interface '%s' has no name", iface->name) : 0;
}

static int plan_lists(const struct guest_interface *iface, struct net_plan *plan, struct err *err)
{
	int r = interface_parse_addresses(iface->ip, &plan->addresses, &plan->n_addresses, err);

	if (r == 0 && plan->mode == NET_MODE_ROUTED)
		r = interface_parse_addresses(iface->route, &plan->prefixes, &plan->n_prefixes, err);
	if (r == 0 && plan->mode == NET_MODE_NAT)
		r = interface_parse_publish(iface->publish, &plan->publish, &plan->n_publish, err);
	if (r == 0 && plan->mode != NET_MODE_MACVLAN)
		r = interface_parse_rules(iface->rules, &plan->rules, &plan->n_rules, err);
	return r;
}

static bool has_family(const struct net_plan *plan, int family)
{
	for (size_t i = 0; i < plan->n_addresses; i++) {
		if (plan->addresses[i].family == family)
			return true;
	}
	for (size_t i = 0; i < plan->n_prefixes; i++) {
		if (plan->prefixes[i].family == family)
			return true;
	}
	return false;
}

/*
 * A routed guest has its addresses alone on the link; elsewhere one that was given without a prefix has that of the pool's
 * network.
 */
static void fit_prefixes(struct net_plan *plan, const struct net_pool *pool)
{
	for (size_t i = 0; i < plan->n_addresses; i++) {
		struct net_address *a = &plan->addresses[i];
		const struct net_address *network = pool ? &pool->networks[net_family_index(a->family)] : NULL;

		if (plan->mode == NET_MODE_ROUTED)
			a->prefix = net_address_bits(a);
		else if (network && network->family && a->prefix == net_address_bits(a) && net_address_covers(network, a))
			a->prefix = network->prefix;
	}
}

static int plan_gateways(const struct guest_interface *iface, const struct net_pool *pool, struct net_plan *plan, struct err *err)
{
	static const char *const routed[2] = { NET_ROUTED_GATEWAY4, NET_ROUTED_GATEWAY6 };
	static const int families[2] = { AF_INET, AF_INET6 };
	_cleanup_free_ struct net_address *given = NULL;
	size_t n = 0;
	int r = 0;

	for (size_t f = 0; r == 0 && f < ARRAY_SIZE(families); f++) {
		if (!has_family(plan, families[f]))
			continue;
		if (plan->mode == NET_MODE_ROUTED)
			r = net_address_parse("gateway", routed[f], NET_PREFIX_NONE, &plan->gateways[f], err);
		else if (pool)
			plan->gateways[f] = pool->gateways[f];
	}
	if (r == 0 && plan->mode != NET_MODE_ROUTED)
		r = interface_parse_addresses(iface->gateway, &given, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (has_family(plan, given[i].family))
			plan->gateways[net_family_index(given[i].family)] = given[i];
	}
	return r;
}

/* The pool's, the given one, or the node's; nat bridges and the node's are ctctl's to make. */
static int plan_bridge(const struct guest *guest, const struct guest_interface *iface, const struct net_pool *pool,
		       struct net_plan *plan, struct err *err)
{
	const char *bridge = guest->node->bridge;

	if (plan->mode != NET_MODE_NAT && plan->mode != NET_MODE_BRIDGE)
		return 0;
	if (plan->mode == NET_MODE_BRIDGE && iface->bridge)
		bridge = iface->bridge;
	else if (pool && pool->bridge[0])
		bridge = pool->bridge;
	plan->vlan = plan->mode == NET_MODE_BRIDGE ? iface->vlan : 0;
	plan->is_own_bridge = plan->mode == NET_MODE_NAT || strcmp(bridge, guest->node->bridge) == 0;
	for (size_t f = 0; pool && plan->is_own_bridge && f < 2; f++) {
		plan->bridge_addresses[f] = pool->gateways[f];
		plan->bridge_addresses[f].prefix = pool->networks[f].prefix;
	}
	return str_copy(plan->bridge, sizeof(plan->bridge), bridge) < 0
		       ? err_set(err, ENAMETOOLONG, "bridge '%s': expected at most 15 characters", bridge)
		       : 0;
}

static void plan_limits(const struct guest_interface *iface, struct net_plan *plan)
{
	plan->mtu = iface->mtu;
	plan->filter.level = (enum net_filter_level)iface->filter;
	plan->filter.packets_per_s = iface->packets;
	plan->filter.connections_per_s = iface->connections;
	plan->filter.quota_bytes = iface->quota;
	/* What is to be stopped gets nothing more until it is (traffic_collect()). */
	plan->filter.quota_action = iface->quota_action == QUOTA_THROTTLE ? NET_QUOTA_THROTTLE : NET_QUOTA_BLOCK;
	plan->filter.throttle_bits = iface->quota_rate;
	plan->shape.to_guest_bits = iface->rate_in;
	plan->shape.from_guest_bits = iface->rate_out;
	plan->shape.burst_bytes = iface->burst;
}

/*
 * The pool that says what is on the link: the interface's own; without one the default pool for nat, and for a port of the node's
 * bridge, on which that is. 1 if there is one.
 */
static int open_pool(const struct guest *guest, const struct guest_interface *iface, struct net_pool *ret, struct err *err)
{
	bool on_own = iface->net == NET_MODE_NAT ||
		      (iface->net == NET_MODE_BRIDGE && (!iface->bridge || strcmp(iface->bridge, guest->node->bridge) == 0));
	const char *name = iface->net_pool ? iface->net_pool : on_own ? NET_POOL_DEFAULT : NULL;
	int r = name ? net_pool_open(guest->node, name, ret, err) : 0;

	return r < 0 ? r : name != NULL;
}

static int plan_interface(const struct guest *guest, const struct guest_interface *iface, struct net_plan *plan, struct err *err)
{
	struct net_pool room;
	int has_pool = open_pool(guest, iface, &room, err);
	const struct net_pool *pool = has_pool > 0 ? &room : NULL;
	int r = has_pool < 0 ? has_pool : 0;

	plan->mode = (enum net_mode)iface->net;
	if (r == 0)
		r = plan_names(guest, iface, plan, err);
	if (r == 0)
		r = plan_lists(iface, plan, err);
	if (r < 0)
		return r;
	make_mac(guest, iface, plan->mac);
	fit_prefixes(plan, pool);
	plan_limits(iface, plan);
	r = plan_gateways(iface, pool, plan, err);
	if (r == 0)
		r = plan_bridge(guest, iface, pool, plan, err);
	network_point(plan);
	return r;
}

/* Two default routes of a family would be one too many: the first interface's counts. */
static void keep_first_gateways(struct net_plans *plans)
{
	bool has[2] = { false, false };

	for (size_t i = 0; i < plans->n; i++) {
		for (size_t f = 0; f < 2; f++) {
			struct net_address *gateway = &plans->list[i].gateways[f];

			if (has[f])
				*gateway = (struct net_address){ 0 };
			has[f] = has[f] || gateway->family;
		}
	}
}

int network_plan(const struct guest *guest, struct net_plans *ret, struct err *err)
{
	*ret = NET_PLANS_INIT;
	for (size_t i = 0; i < guest->config.n_interfaces; i++) {
		const struct guest_interface *iface = &guest->config.interfaces[i];

		if (iface->net == NET_MODE_NONE || iface->net == NET_MODE_UNSET)
			continue;
		if (ret->n == INTERFACES_MAX) {
			network_plans_free(ret);
			return err_exit(err, EXIT_BAD_CONFIG, E2BIG, "expected at most %d interfaces", INTERFACES_MAX);
		}

		int r = plan_interface(guest, iface, &ret->list[ret->n++], err);

		if (r < 0) {
			network_plans_free(ret);
			return err_wrap(err, "interface '%s'", iface->name);
		}
	}
	keep_first_gateways(ret);
	return 0;
}

void network_point(struct net_plan *plan)
{
	plan->filter.link = plan->link;
	plan->filter.is_bridged = plan->mode == NET_MODE_BRIDGE || plan->mode == NET_MODE_NAT;
	memcpy(plan->filter.mac, plan->mac, sizeof(plan->filter.mac));
	plan->filter.addresses = plan->addresses;
	plan->filter.n_addresses = plan->n_addresses;
	plan->filter.prefixes = plan->prefixes;
	plan->filter.n_prefixes = plan->n_prefixes;
	plan->filter.publish = plan->publish;
	plan->filter.n_publish = plan->n_publish;
	plan->filter.rules = plan->rules;
	plan->filter.n_rules = plan->n_rules;
	plan->shape.link = plan->link;
	plan->shape.ifb = plan->ifb;
}

void network_plans_free(struct net_plans *plans)
{
	for (size_t i = 0; i < plans->n; i++) {
		struct net_plan *plan = &plans->list[i];

		free(plan->addresses);
		free(plan->prefixes);
		free(plan->publish);
		free(plan->rules);
	}
	*plans = NET_PLANS_INIT;
}

const struct net_plan *network_find_plan(const struct net_plans *plans, const char *guest_name)
{
	for (size_t i = 0; i < plans->n; i++) {
		if (strcmp(plans->list[i].guest_name, guest_name) == 0)
			return &plans->list[i];
	}
	return NULL;
}

struct net_setup_spec network_setup_of(const struct net_plan *plan)
{
	struct net_setup_spec setup = {
		.name = plan->guest_name,
		.addresses = plan->addresses,
		.n_addresses = plan->n_addresses,
		.prefixes = plan->prefixes,
		.n_prefixes = plan->n_prefixes,
		.is_routed = plan->mode == NET_MODE_ROUTED,
		/* A network that is not ctctl's may have a router of its own. */
		.accepts_ra = plan->mode == NET_MODE_MACVLAN || (plan->mode == NET_MODE_BRIDGE && !plan->is_own_bridge),
		.has_default = plan->gateways[0].family || plan->gateways[1].family,
	};

	memcpy(setup.gateways, plan->gateways, sizeof(setup.gateways));
	return setup;
}

struct net_routed_spec network_routed_of(const struct net_plan *plan)
{
	struct net_routed_spec routed = {
		.link = plan->link,
		.addresses = plan->addresses,
		.n_addresses = plan->n_addresses,
		.prefixes = plan->prefixes,
		.n_prefixes = plan->n_prefixes,
	};

	memcpy(routed.guest_mac, plan->mac, sizeof(routed.guest_mac));
	return routed;
}
