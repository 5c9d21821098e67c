/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"
#include "netns/sysctl_priv.h"

static int proxy_alloc(int ifindex, const struct net_address *address, struct rtnl_neigh **ret)
{
	_cleanup_(cleanup_neigh) struct rtnl_neigh *neigh = rtnl_neigh_alloc();
	_cleanup_(cleanup_nl_addr) struct nl_addr *dst = nl_addr_build(address->family, address->bytes, net_address_len(address));

	if (!neigh || !dst || rtnl_neigh_set_dst(neigh, dst) < 0)
		return -ENOMEM;
	rtnl_neigh_set_ifindex(neigh, ifindex);
	rtnl_neigh_set_flags(neigh, NTF_PROXY);
	*ret = TAKE_PTR(neigh);
	return 0;
}

/*
 * The kernel takes up to 0.8 s for the answer of a proxy, so that the owner of the address comes first (RFC 4861, 7.2.8); of
 * ctctl's addresses there is no other owner, and it would delay the first packet to every guest. ARP needs no more than the
 * entry.
 */
static int let_answer(const char *uplink, int family, struct err *err)
{
	if (family == AF_INET)
		return sysctl_set("ipv4/neigh/%s/proxy_delay", uplink, "0", err);

	int r = sysctl_set("ipv6/conf/%s/proxy_ndp", uplink, "1", err);

	return r < 0 ? r : sysctl_set("ipv6/neigh/%s/proxy_delay", uplink, "0", err);
}

/* *ret_ifindex is 0 if there is none. */
static int open_uplink(const char *uplink, struct nl_sock **ret, int *ret_ifindex, struct err *err)
{
	int r = netlink_check_name(uplink, err);

	*ret_ifindex = (int)if_nametoindex(uplink);
	return r < 0 ? r : netlink_open(ret, err);
}

/* Has the kernel add the entry or remove it. 0, or what it answers. */
static int change_proxy(struct nl_sock *sock, int ifindex, const struct net_address *address, bool adds)
{
	_cleanup_(cleanup_neigh) struct rtnl_neigh *neigh = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = NULL;
	int r = proxy_alloc(ifindex, address, &neigh);

	if (r == 0 && adds)
		r = rtnl_neigh_build_add_request(neigh, NLM_F_CREATE, &msg);
	else if (r == 0)
		r = rtnl_neigh_build_delete_request(neigh, 0, &msg);
	return r < 0 ? -ENOMEM : netlink_call(sock, msg, NULL, NULL);
}

static int proxy_err(int r, const char *what, const char *uplink, const struct net_address *address, struct err *err)
{
	char text[NET_ADDRESS_ROOM];

	net_address_format(address, false, text);
	return netlink_err_sys(err, r, "%s for %s on the interface '%s'", what, text, uplink);
}

int net_proxy_add(const char *uplink, const struct net_address *address, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int ifindex, r = open_uplink(uplink, &sock, &ifindex, err);

	if (r < 0)
		return r;
	if (ifindex == 0)
		return err_exit(err, EXIT_NETWORK, ENODEV, "uplink '%s' does not exist: expected an interface of the host",
				uplink);
	if (address->family == AF_INET6 && !net_has_ipv6())
		return netlink_err_no_ipv6(err, address);
	r = let_answer(uplink, address->family, err);
	if (r < 0)
		return r;
	r = change_proxy(sock, ifindex, address, true);
	return r == 0 || r == -EEXIST ? 0 : proxy_err(r, "answer", uplink, address, err);
}

int net_proxy_remove(const char *uplink, const struct net_address *address, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int ifindex, r = open_uplink(uplink, &sock, &ifindex, err);

	if (r < 0)
		return r;
	if (ifindex == 0)
		return 0; /* its entries went with it */
	r = change_proxy(sock, ifindex, address, false);
	if (r == 0 || r == -ENOENT || r == -ESRCH || r == -ENODEV || r == -EAFNOSUPPORT)
		return 0;
	return proxy_err(r, "no longer answer", uplink, address, err);
}
