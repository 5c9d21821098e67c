/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/nl_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

int netlink_errno(int nle)
{
	switch (nle < 0 ? -nle : nle) {
	case NLE_EXIST:
		return EEXIST;
	case NLE_OBJ_NOTFOUND:
	case NLE_NODEV:
		return ENODEV;
	case NLE_PERM:
	case NLE_NOACCESS:
		return EPERM;
	case NLE_NOMEM:
		return ENOMEM;
	case NLE_BUSY:
		return EBUSY;
	case NLE_OPNOTSUPP:
		return EOPNOTSUPP;
	case NLE_INVAL:
	case NLE_RANGE:
		return EINVAL;
	default:
		return EIO;
	}
}

int netlink_err(struct err *err, int nle, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_exit(err, EXIT_NETWORK, netlink_errno(nle), "%s: %s", what, nl_geterror(nle));
}

int netlink_open(struct nl_sock **ret, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = nl_socket_alloc();

	if (!sock)
		return err_oom(err);

	int nle = nl_connect(sock, NETLINK_ROUTE);

	if (nle < 0)
		return netlink_err(err, nle, "open a netlink socket");
	*ret = TAKE_PTR(sock);
	return 0;
}

/* The kernel would cut nothing and refuse with ERANGE or EINVAL, without the name (dev_valid_name(), net/core/dev.c). */
int netlink_check_name(const char *name, struct err *err)
{
	size_t len = strlen(name);
	bool ok = len > 0 && len < IFNAMSIZ && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;

	for (const char *c = name; ok && *c; c++)
		ok = *c > ' ' && *c < 0x7f && !strchr("/:%", *c);
	if (ok)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"interface name '%.80s': expected 1 to %d printable characters without blank, '/', ':' and '%%'", name,
			IFNAMSIZ - 1);
}

int netlink_get_link(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err)
{
	int nle = rtnl_link_get_kernel(sock, 0, name, ret);

	return nle < 0 ? netlink_err(err, nle, "interface '%s'", name) : 0;
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

int netlink_add_address(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address, struct err *err)
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
	/* Usable at once: duplicate address detection would hold it back for a second, and addresses are given out by ctctl. */
	if (address->family == AF_INET6)
		rtnl_addr_set_flags(addr, IFA_F_NODAD);

	int nle = rtnl_addr_add(sock, addr, 0);

	if (nle < 0 && netlink_errno(nle) != EEXIST)
		return netlink_err(err, nle, "add an address to the interface '%s'", name);
	return 0;
}
