/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/inet6.h>
#include <netlink/route/link/macvlan.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/fifo.h>
#include <netlink/route/qdisc/fq_codel.h>
#include <netlink/route/qdisc/htb.h>
#include <netlink/route/qdisc/sfq.h>
#include <netlink/route/route.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "netns/address.h"
#include "netns/link.h"

/*
 * libnl, and what the files of netns/ share of it: no other file includes its headers. Every public call opens a socket of its
 * own, because the namespace of a netlink socket is that of its birth.
 */

DEFINE_CLEANUP(struct nl_sock *, cleanup_nl_sock, nl_socket_free(*p))
DEFINE_CLEANUP(struct rtnl_qdisc *, cleanup_qdisc, rtnl_qdisc_put(*p))
DEFINE_CLEANUP(struct rtnl_link *, cleanup_link, rtnl_link_put(*p))
DEFINE_CLEANUP(struct nl_msg *, cleanup_nl_msg, nlmsg_free(*p))
DEFINE_CLEANUP(struct nl_cb *, cleanup_nl_cb, nl_cb_put(*p))
DEFINE_CLEANUP(struct nl_addr *, cleanup_nl_addr, nl_addr_put(*p))
DEFINE_CLEANUP(struct rtnl_addr *, cleanup_addr, rtnl_addr_put(*p))
DEFINE_CLEANUP(struct rtnl_route *, cleanup_route, rtnl_route_put(*p))
DEFINE_CLEANUP(struct rtnl_neigh *, cleanup_neigh, rtnl_neigh_put(*p))

#define LOOPBACK_IFINDEX 1 /* the first device of every network namespace (net/core/dev.h, LOOPBACK_IFINDEX) */

/*
 * libnl has its own numbers; only those that a caller tells apart, or a message should spell out, are translated. A positive
 * errno.
 */
int netlink_errno(int nle) _must_check_;

/* "what: why", with the exit status NETWORK, of libnl's error `nle`. */
int netlink_err(struct err *err, int nle, const char *fmt, ...) _printf_(3, 4) _must_check_;

/* A socket in the network namespace of the caller; the caller frees it. */
int netlink_open(struct nl_sock **ret, struct err *err) _must_check_;

/* Is it a name that an interface can have? 0, or -EINVAL with a message that says so. */
int netlink_check_name(const char *name, struct err *err) _must_check_;

/* The interface of that name, -ENODEV if there is none; the caller puts it. */
int netlink_get_link(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err) _must_check_;

/* Brings an interface up; `name` is for messages. */
int netlink_set_up(struct nl_sock *sock, int ifindex, const char *name, struct err *err) _must_check_;

/* An address that is there already is fine: asking for all of them first would cost a dump. `name` is for messages. */
#define NETLINK_ADDRESS_NO_ROUTE   (1U << 0) /* without a route to the network of its prefix */
#define NETLINK_ADDRESS_LINK_SCOPE (1U << 1) /* IPv4: never the source of a packet to elsewhere */
int netlink_add_address(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address, unsigned int how,
			struct err *err) _must_check_;

/* A missing one is fine. */
int netlink_delete_address(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address,
			   struct err *err) _must_check_;

/*
 * How the interface makes its IPv6 link-local address when it comes up, IN6_ADDR_GEN_MODE_EUI64 for one; one without IPv6 is
 * fine. In a namespace with few routes: the kernel takes it for a change of the link, and looks through them all.
 */
int netlink_set_gen_mode(struct nl_sock *sock, int ifindex, const char *name, uint8_t mode, struct err *err) _must_check_;

/* Has it make none, by another way that costs the same however many routes there are: 5 us instead of 170 with 1000 guests. */
int netlink_no_own_address(const char *name, struct err *err) _must_check_;

/*
 * Sends a request and waits until the kernel has done it; what it answers, message by message, goes to `on_reply` (may be NULL).
 * 0 or the kernel's own negative errno, of which libnl's numbers keep only some.
 */
typedef void (*netlink_reply_fn)(void *context, struct nlmsghdr *reply);
int netlink_call(struct nl_sock *sock, struct nl_msg *msg, netlink_reply_fn on_reply, void *context) _must_check_;

/* The start of a request about one link, for what libnl-route has no words for. NULL when there is no memory. */
struct nl_msg *netlink_link_request(int type, int family, int ifindex) _must_check_;

/* Puts a port of a bridge into spec->vlan and no other one; see net_port_setup(). */
int netlink_set_vlan(struct nl_sock *sock, int port, int bridge, const struct net_port_spec *spec, struct err *err) _must_check_;

/* "what: why", with the exit status NETWORK, of a negative errno; UNSUPPORTED if the kernel does not know the request. */
int netlink_err_sys(struct err *err, int r, const char *fmt, ...) _printf_(3, 4) _must_check_;

/* The error of an address or a network of IPv6 on a host (or in a guest) without it; `address` is for the message. */
int netlink_err_no_ipv6(struct err *err, const struct net_address *address) _must_check_;

/* A route of the caller's namespace, for netlink_route_*(). */
struct net_route {
	struct net_address dst; /* a network, or a host with the full prefix */
	struct net_address via; /* family 0: on the link itself */
	int ifindex;
	bool is_onlink; /* `via` is taken to be on the link */
};

/* `flags` beside NLM_F_CREATE: NLM_F_EXCL, _REPLACE, _APPEND. 0 or a negative errno. */
int netlink_route_add(struct nl_sock *sock, const struct net_route *route, int flags) _must_check_;
/* -ESRCH: there is none. */
int netlink_route_delete(struct nl_sock *sock, const struct net_route *route) _must_check_;

/* The route that packets to an address take. */
struct net_route_found {
	uint8_t type; /* RTN_UNICAST, RTN_LOCAL, ...; 0: there is none */
	uint8_t dst_len;
	int ifindex; /* of its first next hop */
};

/* One question to the kernel, however many routes there are. `ifindex` 0: any, else only routes to that interface. */
int netlink_route_find(struct nl_sock *sock, const struct net_address *dst, int ifindex,
		       struct net_route_found *ret) _must_check_;
