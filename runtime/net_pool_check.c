/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/net_pool_priv.h"

/* Does what a pool says fit together, and may a guest of it have an address? */

static int check_ranges(const struct net_pool *pool, struct err *err)
{
	char first[NET_ADDRESS_ROOM], last[NET_ADDRESS_ROOM];

	if (pool->n_ranges == 0)
		return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no range: expected a line such as 'range = 10.1.0.0/24'",
				pool->name);
	for (size_t i = 1; i < pool->n_ranges; i++) {
		const struct net_address *a = pool->ranges[i];

		for (size_t j = 0; j < i; j++) {
			if (!net_pool_ranges_meet(a, pool->ranges[j]))
				continue;
			net_address_format(&a[0], false, first);
			net_address_format(&a[1], false, last);
			return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': range '%s-%s' overlaps another one of it",
					pool->name, first, last);
		}
	}
	return 0;
}

static int check_range_in_network(const struct net_pool *pool, const struct net_address range[2], struct err *err)
{
	const struct net_address *network = &pool->networks[net_family_index(range[0].family)];
	char first[NET_ADDRESS_ROOM], last[NET_ADDRESS_ROOM], whole[NET_ADDRESS_ROOM];

	if (net_address_covers(network, &range[0]) && net_address_covers(network, &range[1]))
		return 0;
	net_address_format(&range[0], false, first);
	net_address_format(&range[1], false, last);
	if (!network->family)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"pool '%s': range '%s-%s': expected a line 'network = NETWORK/PREFIX' with it", pool->name, first,
				last);
	net_address_format(network, true, whole);
	return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': range '%s-%s': expected one in its network '%s'", pool->name,
			first, last, whole);
}

static int check_gateway(const struct net_pool *pool, int family, struct err *err)
{
	const struct net_address *network = &pool->networks[net_family_index(family)];
	struct net_address gateway = pool->gateways[net_family_index(family)];
	char shown[NET_ADDRESS_ROOM], whole[NET_ADDRESS_ROOM];

	if (!gateway.family) {
		if (pool->net == NET_MODE_NAT && network->family)
			return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no %s gateway: expected an address of its network",
					pool->name, net_pool_family_word(family));
		return 0;
	}
	net_address_format(&gateway, false, shown);
	/* A LAN's router may be known by its link-local address (RFC 4861). */
	if (pool->net == NET_MODE_BRIDGE && family == AF_INET6 && gateway.bytes[0] == 0xfe)
		return 0;
	if (network->family && net_address_covers(network, &gateway)) {
		gateway.prefix = network->prefix;
		if (net_address_is_host(&gateway))
			return 0;
	}
	if (!network->family)
		return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': gateway '%s': expected a range of that family, too",
				pool->name, shown);
	net_address_format(network, true, whole);
	return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': gateway '%s': expected the address of a host in its network '%s'",
			pool->name, shown, whole);
}

static int check_routed(const struct net_pool *pool, struct err *err)
{
	const char *what = *pool->bridge					  ? "bridge"
			   : pool->gateways[0].family || pool->gateways[1].family ? "gateway"
			   : pool->networks[0].family || pool->networks[1].family ? "network"
										  : NULL;

	if (!what)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': a routed pool has no %s: guests have the host as their gateway",
			pool->name, what);
}

static int check_link(const struct net_pool *pool, struct err *err)
{
	int r = 0;

	if (!*pool->bridge)
		return err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no bridge: expected the name of one", pool->name);
	for (size_t i = 0; r == 0 && i < pool->n_ranges; i++)
		r = check_range_in_network(pool, pool->ranges[i], err);
	if (r == 0)
		r = check_gateway(pool, AF_INET, err);
	return r < 0 ? r : check_gateway(pool, AF_INET6, err);
}

int net_pool_check(const struct net_pool *pool, struct err *err)
{
	int r = check_ranges(pool, err);

	if (r == 0 && pool->net == NET_MODE_UNSET)
		r = err_exit(err, EXIT_INVALID, EINVAL, "pool '%s': no net: expected a line 'net = routed', bridge or nat",
			     pool->name);
	if (r == 0)
		r = pool->net == NET_MODE_ROUTED ? check_routed(pool, err) : check_link(pool, err);
	if (r < 0 || net_pool_count4(pool) > 0 || net_pool_has_family(pool, AF_INET6))
		return r;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"pool '%s': its ranges have nothing but the gateway and the ends of the network: expected more",
			pool->name);
}

int net_pool_check_address(const struct net_pool *pool, const struct net_address *address, struct err *err)
{
	const struct net_address *network = &pool->networks[net_family_index(address->family)];
	struct net_address a = *address;
	char shown[NET_ADDRESS_ROOM], whole[NET_ADDRESS_ROOM];
	bool is_in;

	a.prefix = net_address_bits(&a);
	net_address_format(&a, false, shown);
	is_in = pool->net == NET_MODE_ROUTED ? net_pool_has(pool, &a) : net_address_covers(network, &a);
	if (is_in && net_pool_is_free_to_give(pool, &a))
		return 0;
	if (is_in)
		return err_exit(err, EXIT_INVALID, EADDRNOTAVAIL,
				"address '%s' is the gateway or an end of the network of pool '%s': take another one", shown,
				pool->name);
	if (!network->family)
		return err_exit(err, EXIT_INVALID, EADDRNOTAVAIL, "address '%s' is not in pool '%s': see ctctl net pool show %s",
				shown, pool->name, pool->name);
	net_address_format(network, true, whole);
	return err_exit(err, EXIT_INVALID, EADDRNOTAVAIL,
			"address '%s' is not in the network '%s' of pool '%s': take one that is", shown, whole, pool->name);
}
