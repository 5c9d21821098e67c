/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/nl_priv.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static struct nl_addr *to_nl(const struct net_address *address)
{
	struct nl_addr *ret = nl_addr_build(address->family, address->bytes, net_address_len(address));

	if (ret)
		nl_addr_set_prefixlen(ret, (int)address->prefix);
	return ret;
}

/* The hop belongs to the route as soon as it is in. */
static int add_hop(struct rtnl_route *route, const struct net_route *spec)
{
	_cleanup_(cleanup_nl_addr) struct nl_addr *via = spec->via.family ? to_nl(&spec->via) : NULL;
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();

	if (!hop || (spec->via.family && !via)) {
		if (hop)
			rtnl_route_nh_free(hop);
		return -ENOMEM;
	}
	rtnl_route_nh_set_ifindex(hop, spec->ifindex);
	if (via)
		rtnl_route_nh_set_gateway(hop, via);
	if (spec->is_onlink)
		rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
	rtnl_route_add_nexthop(route, hop);
	return 0;
}

static int route_alloc(const struct net_route *spec, struct rtnl_route **ret)
{
	_cleanup_(cleanup_route) struct rtnl_route *route = rtnl_route_alloc();
	_cleanup_(cleanup_nl_addr) struct nl_addr *dst = to_nl(&spec->dst);

	if (!route || !dst || add_hop(route, spec) < 0 || rtnl_route_set_dst(route, dst) < 0)
		return -ENOMEM;
	rtnl_route_set_scope(route, spec->via.family ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK);
	*ret = TAKE_PTR(route);
	return 0;
}

int netlink_route_add(struct nl_sock *sock, const struct net_route *route, int flags)
{
	_cleanup_(cleanup_route) struct rtnl_route *r = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = NULL;

	if (route_alloc(route, &r) < 0 || rtnl_route_build_add_request(r, NLM_F_CREATE | flags, &msg) < 0)
		return -ENOMEM;
	return netlink_call(sock, msg, NULL, NULL);
}

int netlink_route_delete(struct nl_sock *sock, const struct net_route *route)
{
	_cleanup_(cleanup_route) struct rtnl_route *r = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = NULL;

	if (route_alloc(route, &r) < 0 || rtnl_route_build_del_request(r, 0, &msg) < 0)
		return -ENOMEM;
	return netlink_call(sock, msg, NULL, NULL);
}

static int first_hop(struct nlattr *multipath)
{
	const struct rtnexthop *hop = nla_data(multipath);

	return (size_t)nla_len(multipath) >= sizeof(*hop) ? hop->rtnh_ifindex : 0;
}

static void take_route(void *context, struct nlmsghdr *reply)
{
	struct net_route_found *found = context;
	struct nlattr *attrs[RTA_MAX + 1];
	struct rtmsg head;

	if (reply->nlmsg_type != RTM_NEWROUTE || nlmsg_parse(reply, sizeof(head), attrs, RTA_MAX, NULL) < 0)
		return;
	memcpy(&head, nlmsg_data(reply), sizeof(head));
	found->type = head.rtm_type;
	found->dst_len = head.rtm_dst_len;
	if (attrs[RTA_OIF])
		found->ifindex = (int)nla_get_u32(attrs[RTA_OIF]);
	else if (attrs[RTA_MULTIPATH])
		found->ifindex = first_hop(attrs[RTA_MULTIPATH]);
}

/* What the kernel says of an address to which no route leads, or one that refuses. */
static bool is_no_route(int r)
{
	return r == -ENETUNREACH || r == -EHOSTUNREACH || r == -EACCES || r == -EINVAL || r == -EAGAIN;
}

int netlink_route_find(struct nl_sock *sock, const struct net_address *dst, int ifindex, struct net_route_found *ret)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = nlmsg_alloc_simple(RTM_GETROUTE, NLM_F_REQUEST);
	struct rtmsg head = {
		.rtm_family = (unsigned char)dst->family,
		.rtm_dst_len = (unsigned char)net_address_bits(dst),
		.rtm_flags = RTM_F_FIB_MATCH, /* Linux 4.13: the route itself, not what came of it */
	};

	*ret = (struct net_route_found){ 0 };
	if (!msg || nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) < 0 ||
	    nla_put(msg, RTA_DST, (int)net_address_len(dst), dst->bytes) < 0 ||
	    (ifindex && nla_put_u32(msg, RTA_OIF, (uint32_t)ifindex) < 0))
		return -ENOMEM;

	int r = netlink_call(sock, msg, take_route, ret);

	if (is_no_route(r)) {
		*ret = (struct net_route_found){ 0 };
		return 0;
	}
	return r;
}
