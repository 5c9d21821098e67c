/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"
#include "netns/sysctl_priv.h"

static const struct net_address gateway4 = { AF_INET, { 169, 254, 1, 1 }, 32 };
static const struct net_address gateway6 = { AF_INET6, { 0xfe, 0x80, [15] = 1 }, 64 };

/*
 * The guest is the only one at the other end, and not trusted: no routers are heard there. The link's only IPv6 address of its
 * own is the gateway's.
 */
static int quieten(const char *link, bool has_ipv6, struct err *err)
{
	int r = sysctl_set("ipv4/conf/%s/send_redirects", link, "0", err);

	if (r == 0)
		r = sysctl_set("ipv4/conf/%s/accept_redirects", link, "0", err);
	if (r < 0 || !has_ipv6)
		return r;
	r = sysctl_set("ipv6/conf/%s/accept_ra", link, "0", err);
	if (r == 0)
		r = sysctl_set("ipv6/conf/%s/accept_redirects", link, "0", err);
	if (r == 0)
		r = netlink_no_own_address(link, err);
	/* A host may have it off for new interfaces only. */
	return r < 0 ? r : sysctl_set("ipv6/conf/%s/disable_ipv6", link, "0", err);
}

static int add_gateways(struct nl_sock *sock, const char *link, int ifindex, bool has_ipv6, struct err *err)
{
	int r = netlink_add_address(sock, ifindex, link, &gateway4, NETLINK_ADDRESS_LINK_SCOPE, err);

	return r < 0 || !has_ipv6 ? r : netlink_add_address(sock, ifindex, link, &gateway6, 0, err);
}

/* The addresses' routes lead to the link, the networks' to the guest on it. */
static int describe_route(const struct net_routed_spec *spec, size_t index, int ifindex, struct net_route *ret)
{
	*ret = (struct net_route){ .ifindex = ifindex };
	if (index < spec->n_addresses) {
		ret->dst = spec->addresses[index];
		ret->dst.prefix = net_address_bits(&ret->dst);
		return 0;
	}
	ret->dst = spec->prefixes[index - spec->n_addresses];
	if (ret->dst.family == AF_INET6)
		net_address_link_local(spec->guest_mac, &ret->via);
	for (size_t i = 0; i < spec->n_addresses && ret->via.family == 0; i++) {
		if (spec->addresses[i].family == AF_INET)
			ret->via = spec->addresses[i];
	}
	ret->via.prefix = ret->via.family ? net_address_bits(&ret->via) : 0;
	return ret->via.family ? 0 : -EINVAL;
}

static int conflict(struct nl_sock *sock, const struct net_route *route, struct err *err)
{
	struct net_route_found found;
	char text[NET_ADDRESS_ROOM], name[IFNAMSIZ] = "another";

	net_address_format(&route->dst, true, text);
	if (netlink_route_find(sock, &route->dst, 0, &found) == 0 && found.ifindex)
		if_indextoname((unsigned int)found.ifindex, name);
	if (found.type == RTN_LOCAL)
		return err_exit(err, EXIT_ADDRESS_IN_USE, EEXIST, "address %s is the host's own: choose another one", text);
	return err_exit(
		err, EXIT_ADDRESS_IN_USE, EEXIST,
		"route to %s: the host has one already, to the interface '%s': choose another address, or remove that route",
		text, name);
}

/* Is that very route there? A longer one can hide it from either end of the network, hardly from both. */
static bool is_there(struct nl_sock *sock, const struct net_route *route)
{
	struct net_address last = route->dst;
	struct net_route_found found;

	if (netlink_route_find(sock, &route->dst, route->ifindex, &found) == 0 && found.type == RTN_UNICAST &&
	    found.ifindex == route->ifindex && found.dst_len == route->dst.prefix)
		return true;
	net_address_last(&last);
	return netlink_route_find(sock, &last, route->ifindex, &found) == 0 && found.type == RTN_UNICAST &&
	       found.ifindex == route->ifindex && found.dst_len == route->dst.prefix;
}

static int add_route(struct nl_sock *sock, const struct net_route *route, const char *link, struct err *err)
{
	struct net_route_found found;
	char text[NET_ADDRESS_ROOM];
	int r = netlink_route_find(sock, &route->dst, 0, &found);

	/* The host's own table comes before ours: the route would be made, and never taken. */
	if (r == 0 && found.type == RTN_LOCAL && route->dst.prefix == net_address_bits(&route->dst))
		return conflict(sock, route, err);
	r = netlink_route_add(sock, route, NLM_F_EXCL);
	if (r == -EEXIST)
		return is_there(sock, route) ? 0 : conflict(sock, route, err);
	if (r == 0)
		return 0;
	net_address_format(&route->dst, true, text);
	return netlink_err_sys(err, r, "route %s to the interface '%s'", text, link);
}

static int add_routes(struct nl_sock *sock, const struct net_routed_spec *spec, int ifindex, bool has_ipv6, struct err *err)
{
	for (size_t i = 0; i < spec->n_addresses + spec->n_prefixes; i++) {
		struct net_route route;
		int r = describe_route(spec, i, ifindex, &route);

		if (r < 0)
			return err_set(err, EINVAL,
				       "interface '%s': an IPv4 network is routed through the guest's IPv4 address: give it one",
				       spec->link);
		if (route.dst.family == AF_INET6 && !has_ipv6)
			return netlink_err_no_ipv6(err, &route.dst);
		r = add_route(sock, &route, spec->link, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int net_routed_setup(const struct net_routed_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	int r = netlink_check_name(spec->link, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = netlink_get_link(sock, spec->link, &link, err);
	if (r < 0)
		return r;

	int ifindex = rtnl_link_get_ifindex(link);
	bool has_ipv6 = net_has_ipv6() && sysctl_get("ipv6/conf/%s/disable_ipv6", spec->link) >= 0;

	r = quieten(spec->link, has_ipv6, err);
	if (r == 0)
		r = add_gateways(sock, spec->link, ifindex, has_ipv6, err);
	return r < 0 ? r : add_routes(sock, spec, ifindex, has_ipv6, err);
}

int net_routed_remove(const struct net_routed_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	unsigned int ifindex = if_nametoindex(spec->link);
	int r = netlink_open(&sock, err);

	if (ifindex == 0 || r < 0)
		return r;
	for (size_t i = 0; i < spec->n_addresses + spec->n_prefixes; i++) {
		char text[NET_ADDRESS_ROOM];
		struct net_route route;

		if (describe_route(spec, i, (int)ifindex, &route) < 0)
			continue; /* could not be added */
		r = netlink_route_delete(sock, &route);
		if (r == 0 || r == -ESRCH || r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
			continue;
		net_address_format(&route.dst, true, text);
		return netlink_err_sys(err, r, "remove the route to %s from the interface '%s'", text, spec->link);
	}
	return 0;
}
