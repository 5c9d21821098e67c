/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <net/if.h>
#include <stdlib.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/route.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "netns/address_priv.h"

/*
 * libnl, and what the files of netns/ share of it: no other file includes its headers. Every public call opens a socket of its
 * own, because the namespace of a netlink socket is that of its birth.
 */

DEFINE_CLEANUP(struct nl_sock *, cleanup_nl_sock, nl_socket_free(*p))
DEFINE_CLEANUP(struct rtnl_link *, cleanup_link, rtnl_link_put(*p))
DEFINE_CLEANUP(struct nl_addr *, cleanup_nl_addr, nl_addr_put(*p))
DEFINE_CLEANUP(struct rtnl_addr *, cleanup_addr, rtnl_addr_put(*p))
DEFINE_CLEANUP(struct rtnl_route *, cleanup_route, rtnl_route_put(*p))

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
int netlink_add_address(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address,
			struct err *err) _must_check_;
