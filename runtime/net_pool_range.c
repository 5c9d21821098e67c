/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/net_pool_priv.h"

/* The first addresses of an IPv6 network are for what is configured by hand, its last for anycast (RFC 2526). */
#define KEEP_FIRST6  256
#define KEEP_LAST6   128
#define PREFIX_MAX6  112
#define RANGE_FORMAT "expected FIRST-LAST or a network, such as 10.1.0.10-10.1.0.99, 10.1.0.0/24 or fd00:1::/64"

net_number net_pool_number(const struct net_address *address)
{
	net_number n = 0;

	for (size_t i = 0; i < net_address_len(address); i++)
		n = n << 8 | address->bytes[i];
	return n;
}

struct net_address net_pool_address(int family, net_number number)
{
	struct net_address a = { .family = family };

	for (size_t i = net_address_len(&a); i-- > 0; number >>= 8)
		a.bytes[i] = (uint8_t)number;
	a.prefix = net_address_bits(&a);
	return a;
}

static int refuse(const char *text, const char *why, struct err *err)
{
	return err_exit(err, EXIT_INVALID, EINVAL, "range '%.80s': %s", text, why);
}

/* Of a network, the ends that no host should have are left out: both of IPv4's, what is kept free of IPv6's. */
static int parse_network(const char *text, struct net_address ret[2], struct err *err)
{
	struct net_address network, first;
	net_number begin, size, head = 0, tail = 0;

	if (net_address_parse("range", text, NET_PREFIX_REQUIRED, &network, err) < 0)
		return refuse(text, RANGE_FORMAT, err);
	first = network;
	net_address_network(&first);
	if (!net_address_equal(&first, &network))
		return refuse(text, "expected the first address of the network before the '/'", err);
	if (network.family == AF_INET6 && network.prefix > PREFIX_MAX6)
		return refuse(text, "expected an IPv6 prefix of at most 112, or FIRST-LAST", err);
	if (network.prefix < 8)
		return refuse(text, "expected a prefix of at least 8", err);
	size = (net_number)1 << (net_address_bits(&network) - network.prefix);
	if (network.family == AF_INET6) {
		head = KEEP_FIRST6;
		tail = KEEP_LAST6;
	} else if (network.prefix < 31) {
		head = tail = 1;
	}
	begin = net_pool_number(&network);
	ret[0] = net_pool_address(network.family, begin + head);
	ret[1] = net_pool_address(network.family, begin + (size - 1) - tail);
	return 0;
}

static int parse_ends(const char *text, const char *dash, struct net_address ret[2], struct err *err)
{
	_cleanup_free_ char *first = strndup(text, (size_t)(dash - text));
	_cleanup_free_ char *last = strdup(dash + 1);

	if (!first || !last)
		return err_oom(err);
	if (net_address_parse("range", str_trim(first), NET_PREFIX_NONE, &ret[0], err) < 0 ||
	    net_address_parse("range", str_trim(last), NET_PREFIX_NONE, &ret[1], err) < 0)
		return refuse(text, RANGE_FORMAT, err);
	if (ret[0].family != ret[1].family)
		return refuse(text, "expected two addresses of one family, IPv4 or IPv6", err);
	if (net_address_compare(&ret[0], &ret[1]) > 0)
		return refuse(text, "expected the lower address first", err);
	return 0;
}

int net_pool_parse_range(const char *text, struct net_address ret[2], struct err *err)
{
	const char *dash = strchr(text, '-');
	int r = dash ? parse_ends(text, dash, ret, err) : parse_network(text, ret, err);

	if (r < 0)
		return r;
	if (ret[0].family == AF_INET && net_pool_number(&ret[1]) - net_pool_number(&ret[0]) >= NET_POOL_RANGE_MAX)
		return refuse(text, "expected at most 16777216 IPv4 addresses", err);
	/* Ranges of what no host can have are whole blocks at the ends of what one can. */
	if (!net_address_is_host(&ret[0]) || !net_address_is_host(&ret[1]))
		return refuse(text, "expected addresses that a host can have", err);
	return 0;
}

static net_number range_size(const struct net_address range[2])
{
	return net_pool_number(&range[1]) - net_pool_number(&range[0]) + 1;
}

net_number net_pool_size(const struct net_pool *pool, int family)
{
	net_number size = 0;

	for (size_t i = 0; i < pool->n_ranges; i++) {
		if (pool->ranges[i][0].family == family)
			size += range_size(pool->ranges[i]);
	}
	return size;
}

struct net_address net_pool_at(const struct net_pool *pool, int family, net_number index)
{
	for (size_t i = 0; i < pool->n_ranges; i++) {
		const struct net_address *range = pool->ranges[i];

		if (range[0].family != family)
			continue;
		if (index < range_size(range))
			return net_pool_address(family, net_pool_number(&range[0]) + index);
		index -= range_size(range);
	}
	return (struct net_address){ 0 };
}

bool net_pool_has_family(const struct net_pool *pool, int family)
{
	return net_pool_size(pool, family) > 0;
}

static bool range_has(const struct net_address range[2], const struct net_address *address)
{
	return range[0].family == address->family && net_address_compare(&range[0], address) <= 0 &&
	       net_address_compare(address, &range[1]) <= 0;
}

bool net_pool_ranges_meet(const struct net_address a[2], const struct net_address b[2])
{
	return a[0].family == b[0].family && net_address_compare(&a[0], &b[1]) <= 0 && net_address_compare(&b[0], &a[1]) <= 0;
}

bool net_pool_has(const struct net_pool *pool, const struct net_address *address)
{
	for (size_t i = 0; i < pool->n_ranges; i++) {
		if (range_has(pool->ranges[i], address))
			return true;
	}
	return false;
}

bool net_pool_is_free_to_give(const struct net_pool *pool, const struct net_address *address)
{
	size_t family = net_family_index(address->family);
	const struct net_address *gateway = &pool->gateways[family], *network = &pool->networks[family];
	struct net_address on_link = *address;

	if (gateway->family && net_address_equal(gateway, address))
		return false;
	/* In a network of its own length an address may be one of its ends. */
	on_link.prefix = network->family ? network->prefix : net_address_bits(address);
	return net_address_is_host(&on_link);
}

uint64_t net_pool_count4(const struct net_pool *pool)
{
	net_number n = net_pool_size(pool, AF_INET);
	struct net_address out[3] = { pool->gateways[0], pool->networks[0], pool->networks[0] };

	if (n > 0 && pool->networks[0].family) {
		net_number host_bits = ((net_number)1 << (32 - pool->networks[0].prefix)) - 1;

		net_address_network(&out[1]);
		out[2] = net_pool_address(AF_INET, net_pool_number(&out[1]) | host_bits);
	}
	for (size_t i = 0; n > 0 && i < ARRAY_SIZE(out); i++) {
		bool is_again = false;

		for (size_t j = 0; j < i; j++)
			is_again |= out[j].family && out[i].family && net_address_equal(&out[i], &out[j]);
		if (out[i].family && !is_again && net_pool_has(pool, &out[i]) && !net_pool_is_free_to_give(pool, &out[i]))
			n--;
	}
	return (uint64_t)n;
}

void net_pool_widen(struct net_address *io, const struct net_address *address)
{
	while (io->prefix > 0 && !net_address_covers(io, address))
		io->prefix--;
	net_address_network(io);
}
