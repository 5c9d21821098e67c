/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/nl_priv.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "netns/sysctl_priv.h"

/* A request and its answers, with the kernel's errno kept: libnl maps it to fewer numbers of its own. */
struct exchange {
	netlink_reply_fn on_reply;
	void *context;
	bool is_over;
	int r;
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct exchange *x = arg;

	if (x->on_reply)
		x->on_reply(x->context, nlmsg_hdr(msg));
	return NL_OK;
}

static int on_ack(struct nl_msg *msg _unused_, void *arg)
{
	struct exchange *x = arg;

	x->is_over = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from _unused_, struct nlmsgerr *reply, void *arg)
{
	struct exchange *x = arg;

	x->is_over = true;
	x->r = reply->error;
	return NL_STOP;
}

int netlink_call(struct nl_sock *sock, struct nl_msg *msg, netlink_reply_fn on_reply, void *context)
{
	_cleanup_(cleanup_nl_cb) struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	struct exchange x = { .on_reply = on_reply, .context = context };

	if (!cb)
		return -ENOMEM;
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &x);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, &x);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_ack, &x); /* of a dump */
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &x);

	int nle = nl_send_auto(sock, msg);

	while (nle >= 0 && !x.is_over)
		nle = nl_recvmsgs(sock, cb);
	if (x.is_over)
		return x.r;
	return -netlink_errno(nle);
}

struct nl_msg *netlink_link_request(int type, int family, int ifindex)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST);
	struct ifinfomsg head = { .ifi_family = (unsigned char)family, .ifi_index = ifindex };

	if (msg && nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

int netlink_set_gen_mode(struct nl_sock *sock, int ifindex, const char *name, uint8_t mode, struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = netlink_link_request(RTM_SETLINK, AF_UNSPEC, ifindex);
	struct nlattr *spec = msg ? nla_nest_start(msg, IFLA_AF_SPEC) : NULL;
	struct nlattr *inet6 = spec ? nla_nest_start(msg, AF_INET6) : NULL;

	if (!inet6 || nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, mode) < 0)
		return err_oom(err);
	nla_nest_end(msg, inet6);
	nla_nest_end(msg, spec);

	int r = netlink_call(sock, msg, NULL, NULL);

	if (r < 0 && r != -EAFNOSUPPORT)
		return netlink_err_sys(err, r, "choose how the interface '%s' makes its IPv6 address", name);
	return 0;
}

int netlink_no_own_address(const char *name, struct err *err)
{
	static const char setting[] = "ipv6/conf/%s/addr_gen_mode";

	return sysctl_get(setting, name) < 0 ? 0 : sysctl_set(setting, name, "1", err); /* ip-sysctl.rst: none */
}

int netlink_set_up(struct nl_sock *sock, int ifindex, const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *which = rtnl_link_alloc();
	_cleanup_(cleanup_link) struct rtnl_link *change = rtnl_link_alloc();

	if (!which || !change)
		return err_oom(err);
	rtnl_link_set_ifindex(which, ifindex);
	rtnl_link_set_flags(change, IFF_UP);

	int nle = rtnl_link_change(sock, which, change, 0);

	return nle < 0 ? netlink_err(err, nle, "bring up the interface '%s'", name) : 0;
}

static int addr_alloc(int ifindex, const struct net_address *address, struct rtnl_addr **ret, struct err *err)
{
	_cleanup_(cleanup_addr) struct rtnl_addr *addr = rtnl_addr_alloc();
	_cleanup_(cleanup_nl_addr) struct nl_addr *local = nl_addr_build(address->family, address->bytes,
									 net_address_len(address));

	if (!addr || !local)
		return err_oom(err);
	nl_addr_set_prefixlen(local, (int)address->prefix);
	rtnl_addr_set_ifindex(addr, ifindex);
	if (rtnl_addr_set_local(addr, local) < 0)
		return err_oom(err);
	*ret = TAKE_PTR(addr);
	return 0;
}

/*
 * Of a network with a route to it, an address gets the broadcast address that every tool gives it: systemd-networkd takes one
 * without for another address, tries to add its own, and fails (252: ERANGE).
 */
static int set_broadcast(struct rtnl_addr *addr, const struct net_address *address)
{
	struct net_address last = *address;

	net_address_last(&last);

	_cleanup_(cleanup_nl_addr) struct nl_addr *broadcast = nl_addr_build(AF_INET, last.bytes, net_address_len(&last));

	return broadcast && rtnl_addr_set_broadcast(addr, broadcast) == 0 ? 0 : -ENOMEM;
}

int netlink_add_address(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address, unsigned int how,
			struct err *err)
{
	_cleanup_(cleanup_addr) struct rtnl_addr *addr = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = NULL;
	unsigned int flags = how & NETLINK_ADDRESS_NO_ROUTE ? IFA_F_NOPREFIXROUTE : 0;
	char text[NET_ADDRESS_ROOM];
	int r = addr_alloc(ifindex, address, &addr, err);

	if (r < 0)
		return r;
	/* Usable at once: duplicate address detection would hold it back for a second, and addresses are given out by ctctl. */
	if (address->family == AF_INET6)
		flags |= IFA_F_NODAD;
	rtnl_addr_set_flags(addr, flags);
	if (address->family == AF_INET && address->prefix < 31 && how == 0 && set_broadcast(addr, address) < 0)
		return err_oom(err);
	if (how & NETLINK_ADDRESS_LINK_SCOPE)
		rtnl_addr_set_scope(addr, RT_SCOPE_LINK);
	if (rtnl_addr_build_add_request(addr, 0, &msg) < 0)
		return err_oom(err);
	r = netlink_call(sock, msg, NULL, NULL);
	if (r == 0 || r == -EEXIST)
		return 0;
	net_address_format(address, true, text);
	return netlink_err_sys(err, r, "add the address %s to the interface '%s'", text, name);
}

int netlink_delete_address(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address,
			   struct err *err)
{
	_cleanup_(cleanup_addr) struct rtnl_addr *addr = NULL;
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = NULL;
	char text[NET_ADDRESS_ROOM];
	int r = addr_alloc(ifindex, address, &addr, err);

	if (r < 0)
		return r;
	if (rtnl_addr_build_delete_request(addr, 0, &msg) < 0)
		return err_oom(err);
	r = netlink_call(sock, msg, NULL, NULL);
	if (r == 0 || r == -EADDRNOTAVAIL)
		return 0;
	net_address_format(address, true, text);
	return netlink_err_sys(err, r, "remove the address %s from the interface '%s'", text, name);
}
