/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

static int set_peer(struct rtnl_link *link, const struct net_veth_spec *spec, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
	_cleanup_(cleanup_nl_addr) struct nl_addr *mac = nl_addr_build(AF_LLC, spec->mac, sizeof(spec->mac));

	if (!mac)
		return err_oom(err);
	rtnl_link_set_name(peer, spec->guest_name);
	rtnl_link_set_ns_fd(peer, spec->guest_netns_fd);
	rtnl_link_set_addr(peer, mac);
	if (spec->mtu)
		rtnl_link_set_mtu(peer, spec->mtu);
	return 0;
}

static int set_master(struct nl_sock *sock, struct rtnl_link *link, const char *bridge, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *master = NULL;
	int r = netlink_get_link(sock, bridge, &master, err);

	if (r < 0)
		return err_wrap(err, "bridge");
	if (!rtnl_link_is_bridge(master))
		return err_exit(err, EXIT_NETWORK, EINVAL, "interface '%s' is no bridge: choose another name", bridge);
	rtnl_link_set_master(link, rtnl_link_get_ifindex(master));
	return 0;
}

static int set_host_end(struct nl_sock *sock, struct rtnl_link *link, const struct net_veth_spec *spec, struct err *err)
{
	int r = 0;

	rtnl_link_set_name(link, spec->host_name);
	if (spec->mtu)
		rtnl_link_set_mtu(link, spec->mtu);
	if (!spec->is_closed)
		rtnl_link_set_flags(link, IFF_UP);
	if (!spec->is_closed && spec->bridge)
		r = set_master(sock, link, spec->bridge, err);
	return r;
}

/* One message makes both ends, each in its namespace, and has the host's end up and on the bridge: nothing to undo on failure. */
int net_veth_create(const struct net_veth_spec *spec, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;

	if (netlink_check_name(spec->host_name, err) < 0 || netlink_check_name(spec->guest_name, err) < 0)
		return -err->code;

	int r = netlink_open(&sock, err);

	if (r < 0)
		return r;
	link = rtnl_link_veth_alloc();
	if (!link)
		return err_oom(err);
	r = set_peer(link, spec, err);
	if (r == 0)
		r = set_host_end(sock, link, spec, err);
	if (r < 0)
		return r;

	int nle = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);

	if (nle < 0)
		return netlink_err(err, nle, "create the interface '%s' with '%s' in the guest", spec->host_name,
				   spec->guest_name);
	return 0;
}
