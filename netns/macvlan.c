/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

static int fill(struct rtnl_link *link, const struct net_macvlan_spec *spec, int parent)
{
	_cleanup_(cleanup_nl_addr) struct nl_addr *mac = nl_addr_build(AF_LLC, spec->mac, sizeof(spec->mac));

	if (!mac)
		return -ENOMEM;
	rtnl_link_set_name(link, spec->guest_name);
	rtnl_link_set_ns_fd(link, spec->guest_netns_fd);
	rtnl_link_set_link(link, parent);
	rtnl_link_set_addr(link, mac);
	if (spec->mtu)
		rtnl_link_set_mtu(link, spec->mtu);
	return rtnl_link_macvlan_set_mode(link, MACVLAN_MODE_BRIDGE) < 0 ? -ENOMEM : 0;
}

static int find_parent(struct nl_sock *sock, const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *parent = NULL;
	int r = netlink_get_link(sock, name, &parent, err);

	if (r < 0)
		return err_wrap(err, "macvlan parent");
	/* The guest's interface could not come up, which would be told long after this. */
	if (!(rtnl_link_get_flags(parent) & IFF_UP))
		return err_exit(err, EXIT_NETWORK, ENETDOWN, "macvlan parent: interface '%s' is down: bring it up first", name);
	return rtnl_link_get_ifindex(parent);
}

static int describe(const struct net_macvlan_spec *spec, int r, struct err *err)
{
	switch (r) {
	case -EOPNOTSUPP:
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"the kernel has no macvlan: load its module or use another mode");
	case -EBUSY:
		return err_exit(err, EXIT_NETWORK, EBUSY,
				"interface '%s' is in use by a bridge or the like: expected one that macvlan can have",
				spec->parent);
	case -EEXIST:
		return err_exit(err, EXIT_NETWORK, EEXIST, "the guest has an interface '%s' already: choose another name",
				spec->guest_name);
	default:
		return netlink_err_sys(err, r, "create the macvlan '%s' on '%s'", spec->guest_name, spec->parent);
	}
}

int net_macvlan_create(const struct net_macvlan_spec *spec, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = NULL;

	if (netlink_check_name(spec->guest_name, err) < 0 || netlink_check_name(spec->parent, err) < 0)
		return -err->code;

	int r = netlink_open(&sock, err);
	int parent = r < 0 ? r : find_parent(sock, spec->parent, err);

	if (parent < 0)
		return parent;
	link = rtnl_link_macvlan_alloc();
	if (!link || fill(link, spec, parent) < 0 || rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg) < 0)
		return err_oom(err);
	r = netlink_call(sock, msg, NULL, NULL);
	return r < 0 ? describe(spec, r, err) : 0;
}
