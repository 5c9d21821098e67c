/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

/* A port and its bridge, as they were found. */
struct port {
	struct nl_sock *sock;
	const struct net_port_spec *spec;
	int ifindex;
	int bridge_ifindex;
};

/* Behind it is nothing to be learnt, or to be looked for. The port itself is no IPv6 host: it would talk to the guest. */
static int set_flags(const struct port *p, struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = netlink_link_request(RTM_NEWLINK, AF_UNSPEC, p->ifindex);
	struct nlattr *info = msg ? nla_nest_start(msg, IFLA_LINKINFO) : NULL;

	if (!info || nla_put_string(msg, IFLA_INFO_SLAVE_KIND, "bridge") < 0)
		return err_oom(err);

	struct nlattr *data = nla_nest_start(msg, IFLA_INFO_SLAVE_DATA);

	if (!data || nla_put_u8(msg, IFLA_BRPORT_LEARNING, 0) < 0 || nla_put_u8(msg, IFLA_BRPORT_UNICAST_FLOOD, 0) < 0)
		return err_oom(err);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);

	int r = netlink_call(p->sock, msg, NULL, NULL);

	if (r < 0)
		return netlink_err_sys(err, r, "set up '%s' as a port of the bridge '%s'", p->spec->link, p->spec->bridge);
	return netlink_no_own_address(p->spec->link, err);
}

static struct nl_msg *fdb_request(const struct port *p, int type, int flags)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);
	struct ndmsg head = {
		.ndm_family = AF_BRIDGE,
		.ndm_ifindex = type == RTM_GETNEIGH ? 0 : p->ifindex,
		.ndm_flags = type == RTM_GETNEIGH ? 0 : NTF_MASTER,
		.ndm_state = type == RTM_GETNEIGH ? 0 : NUD_NOARP, /* static, and a port's: not the bridge's own (PERMANENT) */
	};

	if (msg && nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) == 0 &&
	    nla_put(msg, NDA_LLADDR, sizeof(p->spec->mac), p->spec->mac) == 0 &&
	    (type != RTM_GETNEIGH || nla_put_u32(msg, NDA_MASTER, (uint32_t)p->bridge_ifindex) == 0))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

static void take_fdb(void *context, struct nlmsghdr *reply)
{
	if (reply->nlmsg_type == RTM_NEWNEIGH && nlmsg_datalen(reply) >= (int)sizeof(struct ndmsg))
		memcpy(context, nlmsg_data(reply), sizeof(struct ndmsg));
}

/*
 * The bridge knows that MAC. If it only learnt it, from where the guest was before it moved here, or if it is at this port
 * already, it may be written over.
 */
static int check_holder(const struct port *p, struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = fdb_request(p, RTM_GETNEIGH, 0);
	struct ndmsg entry = { 0 };
	char name[IFNAMSIZ] = "another";

	if (!msg)
		return err_oom(err);

	int r = netlink_call(p->sock, msg, take_fdb, &entry);

	if (r < 0 || entry.ndm_ifindex == p->ifindex || !(entry.ndm_state & (NUD_NOARP | NUD_PERMANENT)))
		return 0;
	if_indextoname((unsigned int)entry.ndm_ifindex, name);
	return err_exit(
		err, EXIT_ADDRESS_IN_USE, EEXIST,
		"MAC address %02x:%02x:%02x:%02x:%02x:%02x: the interface '%s' of the bridge '%s' has it: choose another one",
		p->spec->mac[0], p->spec->mac[1], p->spec->mac[2], p->spec->mac[3], p->spec->mac[4], p->spec->mac[5], name,
		p->spec->bridge);
}

/* Without a VLAN in the request, the kernel makes the entry for all that the port is in. */
static int tell_bridge(const struct port *p, struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = fdb_request(p, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_EXCL);
	_cleanup_(cleanup_nl_msg) struct nl_msg *again = NULL;

	if (!msg)
		return err_oom(err);

	int r = netlink_call(p->sock, msg, NULL, NULL);

	if (r == -EEXIST) {
		r = check_holder(p, err);
		if (r < 0)
			return r;
		again = fdb_request(p, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
		if (!again)
			return err_oom(err);
		r = netlink_call(p->sock, again, NULL, NULL);
	}
	if (r < 0)
		return netlink_err_sys(err, r, "tell the bridge '%s' what is at its port '%s'", p->spec->bridge, p->spec->link);
	return 0;
}

static int join(const struct port *p, struct rtnl_link *link, struct err *err)
{
	if (rtnl_link_get_master(link) == p->bridge_ifindex)
		return 0;

	int nle = rtnl_link_enslave_ifindex(p->sock, p->bridge_ifindex, p->ifindex);

	if (nle < 0)
		return netlink_err(err, nle, "make '%s' a port of the bridge '%s'", p->spec->link, p->spec->bridge);
	return 0;
}

static int find(struct nl_sock *sock, const struct net_port_spec *spec, struct port *ret, struct rtnl_link **ret_link,
		struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *bridge = NULL;
	int r = netlink_get_link(sock, spec->bridge, &bridge, err);

	if (r < 0)
		return err_wrap(err, "bridge");
	if (!rtnl_link_is_bridge(bridge))
		return err_exit(err, EXIT_NETWORK, EINVAL, "interface '%s' is no bridge: choose another name", spec->bridge);
	r = netlink_get_link(sock, spec->link, ret_link, err);
	if (r < 0)
		return r;
	*ret = (struct port){ sock, spec, rtnl_link_get_ifindex(*ret_link), rtnl_link_get_ifindex(bridge) };
	return 0;
}

int net_port_setup(const struct net_port_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	struct port p = { .spec = spec };

	if (netlink_check_name(spec->link, err) < 0 || netlink_check_name(spec->bridge, err) < 0)
		return -err->code;

	int r = netlink_open(&sock, err);

	if (r == 0)
		r = find(sock, spec, &p, &link, err);
	if (r == 0)
		r = join(&p, link, err);
	if (r == 0)
		r = set_flags(&p, err);
	if (r == 0 && spec->vlan)
		r = netlink_set_vlan(sock, p.ifindex, p.bridge_ifindex, spec, err);
	return r < 0 ? r : tell_bridge(&p, err);
}
