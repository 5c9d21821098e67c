/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/net_pool_priv.h"

/* Pools that are made of what was typed, or of the node's configuration. */

/* FNV-1a, 32 bits (draft-eastlake-fnv). */
static uint32_t hash(uint32_t h, const char *s)
{
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619U;
	return h;
}

/* RFC 1918, RFC 6598, RFC 4193. */
static bool is_private(const struct net_address *a)
{
	static const struct net_address blocks[] = {
		{ AF_INET, { 10 }, 8 },	      { AF_INET, { 172, 16 }, 12 }, { AF_INET, { 192, 168 }, 16 },
		{ AF_INET, { 100, 64 }, 10 }, { AF_INET6, { 0xfc }, 7 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++) {
		if (net_address_covers(&blocks[i], a))
			return true;
	}
	return false;
}

static int set_net(struct net_pool *pool, const struct net_pool_spec *spec, struct err *err)
{
	if (spec->net)
		return net_pool_set_net(pool, spec->net, err);
	pool->net = spec->bridge ? NET_MODE_BRIDGE : NET_MODE_NAT;
	for (size_t i = 0; pool->net == NET_MODE_NAT && i < pool->n_ranges; i++) {
		if (!is_private(&pool->ranges[i][0]))
			pool->net = NET_MODE_ROUTED;
	}
	return 0;
}

static int set_ranges(struct net_pool *pool, const struct net_pool_spec *spec, struct err *err)
{
	for (const char *const *text = spec->ranges; text && *text; text++) {
		int r = net_pool_add_range(pool, *text, err);

		if (r < 0)
			return r;
	}
	if (pool->n_ranges > 0)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no range: expected at least one such as 10.1.0.0/24", pool->name);
}

/* A gateway that came with a prefix says what the network is. */
static int set_gateways(struct net_pool *pool, const char *text, struct err *err)
{
	_cleanup_free_ struct net_address *given = NULL;
	char shown[NET_ADDRESS_ROOM];
	size_t n = 0;
	int r = interface_parse_addresses(text, &given, &n, err);

	if (r < 0)
		return err_exit(err, EXIT_INVALID, EINVAL, "gateway '%.80s': expected an address such as 10.1.0.1 or 10.1.0.1/24",
				text);
	for (size_t i = 0; i < n; i++) {
		size_t f = net_family_index(given[i].family);

		net_address_format(&given[i], false, shown);
		if (pool->gateways[f].family)
			return err_exit(err, EXIT_INVALID, EINVAL, "gateway '%s': expected at most one of each family", shown);
		if (given[i].prefix > 0 && given[i].prefix < net_address_bits(&given[i])) {
			pool->networks[f] = given[i];
			net_address_network(&pool->networks[f]);
		}
		pool->gateways[f] = given[i];
		pool->gateways[f].prefix = net_address_bits(&given[i]);
	}
	return 0;
}

/* IPv6 interfaces expect 64 bits for themselves (RFC 4291, 2.5.1). */
#define PREFIX_LEAST6 64

static void find_network(struct net_pool *pool, int family)
{
	struct net_address *network = &pool->networks[net_family_index(family)];
	const struct net_address *gateway = &pool->gateways[net_family_index(family)];

	if (network->family || !net_pool_has_family(pool, family))
		return;
	for (size_t i = 0; i < pool->n_ranges; i++) {
		const struct net_address *range = pool->ranges[i];

		if (range[0].family != family)
			continue;
		if (!network->family)
			*network = range[0];
		net_pool_widen(network, &range[0]);
		net_pool_widen(network, &range[1]);
	}
	if (gateway->family && (family == AF_INET || pool->net == NET_MODE_NAT))
		net_pool_widen(network, gateway);
	if (family == AF_INET6 && network->prefix > PREFIX_LEAST6)
		network->prefix = PREFIX_LEAST6;
	net_address_network(network);
}

static int find_gateway(struct net_pool *pool, int family, struct err *err)
{
	const struct net_address *network = &pool->networks[net_family_index(family)];
	struct net_address *gateway = &pool->gateways[net_family_index(family)];

	if (gateway->family || !net_pool_has_family(pool, family))
		return 0;
	if (pool->net == NET_MODE_BRIDGE || network->prefix > 30 + (family == AF_INET6) * 96)
		return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no %s gateway: expected --gateway ADDRESS/PREFIX",
				pool->name, net_pool_family_word(family));
	*gateway = net_pool_address(family, net_pool_number(network) + 1);
	return 0;
}

static int complete_link(const struct node *node, const struct net_pool_spec *spec, struct net_pool *pool, struct err *err)
{
	char name[IFNAMSIZ];
	int r = 0;

	if (pool->net == NET_MODE_BRIDGE && !spec->bridge)
		return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no bridge: expected --bridge NAME", pool->name);
	/* Of the instance and the pool, so that two instances do not share it. */
	snprintf(name, sizeof(name), "ctp%08" PRIx32, hash(hash(2166136261U, node->bridge), pool->name));
	if (!spec->bridge)
		r = net_pool_set_bridge(pool, name, err);
	find_network(pool, AF_INET);
	find_network(pool, AF_INET6);
	if (r == 0)
		r = find_gateway(pool, AF_INET, err);
	return r < 0 ? r : find_gateway(pool, AF_INET6, err);
}

int net_pool_from_spec(const struct node *node, const struct net_pool_spec *spec, struct net_pool *ret, struct err *err)
{
	struct net_pool pool = { 0 };
	int r = str_check_name("pool", spec->name, err);

	if (r == 0)
		r = str_copy(pool.name, sizeof(pool.name), spec->name);
	if (r == 0)
		r = set_ranges(&pool, spec, err);
	if (r == 0)
		r = set_net(&pool, spec, err);
	if (r == 0 && spec->gateway)
		r = set_gateways(&pool, spec->gateway, err);
	if (r == 0 && spec->bridge)
		r = net_pool_set_bridge(&pool, spec->bridge, err);
	if (r == 0 && pool.net != NET_MODE_ROUTED)
		r = complete_link(node, spec, &pool, err);
	if (r == 0)
		r = net_pool_check(&pool, err);
	if (r == 0)
		*ret = pool;
	return r;
}

/* The whole network of a bridge's address, as a range. */
static int add_network(struct net_pool *pool, const char *key, const char *text, struct err *err)
{
	struct net_address a;
	char range[NET_ADDRESS_ROOM];
	int r = net_address_parse(key, text, NET_PREFIX_REQUIRED, &a, err);

	if (r < 0)
		return r;

	size_t f = net_family_index(a.family);

	if (pool->gateways[f].family)
		return err_exit(err, EXIT_BAD_CONFIG, EINVAL, "%s '%s': expected an IPv6 address", key, text);
	pool->gateways[f] = a;
	pool->gateways[f].prefix = net_address_bits(&a);
	net_address_network(&a);
	pool->networks[f] = a;
	net_address_format(&a, true, range);
	r = net_pool_parse_range(range, pool->ranges[pool->n_ranges], err);
	if (r < 0)
		return err_wrap(err, "%s '%s'", key, text);
	pool->n_ranges++;
	return 0;
}

int net_pool_make_default(const struct node *node, struct net_pool *ret, struct err *err)
{
	struct net_pool pool = { .name = NET_POOL_DEFAULT, .net = NET_MODE_NAT };
	int r = net_pool_set_bridge(&pool, node->bridge, err);

	if (r == 0)
		r = add_network(&pool, "bridge-address", node->bridge_address, err);
	if (r == 0 && !str_is_empty(node->bridge_address6))
		r = add_network(&pool, "bridge-address6", node->bridge_address6, err);
	if (r == 0)
		r = net_pool_check(&pool, err);
	if (r < 0)
		err->exit = EXIT_BAD_CONFIG;
	else
		*ret = pool;
	return r < 0 ? err_wrap(err, "ctctl.conf") : 0;
}
