/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "netns/address_priv.h"
#include "netns/nl_priv.h"

static int route_add_default(struct nl_sock *sock, int ifindex, const struct net_address *gateway, bool on_link, struct err *err)
{
	static const uint8_t any[16];
	_cleanup_(cleanup_route) struct rtnl_route *route = rtnl_route_alloc();
	_cleanup_(cleanup_nl_addr) struct nl_addr *dst = nl_addr_build(gateway->family, any, net_address_len(gateway));
	_cleanup_(cleanup_nl_addr) struct nl_addr *via = nl_addr_build(gateway->family, gateway->bytes, net_address_len(gateway));
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc(); /* belongs to the route once it is added */

	if (!route || !dst || !via || !hop) {
		if (hop)
			rtnl_route_nh_free(hop);
		return err_oom(err);
	}
	nl_addr_set_prefixlen(dst, 0);
	rtnl_route_nh_set_ifindex(hop, ifindex);
	rtnl_route_nh_set_gateway(hop, via);
	if (on_link)
		rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
	rtnl_route_add_nexthop(route, hop);
	if (rtnl_route_set_dst(route, dst) < 0)
		return err_oom(err);

	int nle = rtnl_route_add(sock, route, 0);

	if (nle < 0 && netlink_errno(nle) != EEXIST)
		return netlink_err(err, nle, "add the default route");
	return 0;
}

static int setup_interface(struct nl_sock *sock, const struct net_setup_spec *spec, const struct net_address *address,
			   const struct net_address *gateway, struct err *err)
{
	unsigned int ifindex = if_nametoindex(spec->name);

	if (ifindex == 0)
		return err_exit(err, EXIT_NETWORK, ENODEV, "interface '%s' is missing in the guest", spec->name);

	int r = netlink_set_up(sock, (int)ifindex, spec->name, err);

	if (r == 0 && spec->address)
		r = netlink_add_address(sock, (int)ifindex, spec->name, address, err);
	if (r == 0 && spec->gateway)
		r = route_add_default(sock, (int)ifindex, gateway, !net_address_covers(address, gateway), err);
	return r;
}

int net_setup_guest(const struct net_setup_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct net_address address = { 0 }, gateway = { 0 };
	int r = 0;

	if (spec->name && spec->address)
		r = net_address_parse("address", spec->address, true, &address, err);
	if (r == 0 && spec->name && spec->gateway)
		r = net_address_parse("gateway", spec->gateway, false, &gateway, err);
	if (r == 0 && spec->name && spec->gateway && address.family != gateway.family)
		return err_set(err, EINVAL, "gateway '%s': expected one of the family of the address", spec->gateway);
	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = netlink_set_up(sock, LOOPBACK_IFINDEX, "lo", err);
	if (r == 0 && spec->name)
		r = setup_interface(sock, spec, &address, &gateway, err);
	return r;
}
