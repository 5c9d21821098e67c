/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/nl_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "netns/link.h"

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

int netlink_err_sys(struct err *err, int r, const char *fmt, ...)
{
	char what[256];
	va_list ap;
	enum exit_code status = r == -EOPNOTSUPP ? EXIT_UNSUPPORTED : EXIT_NETWORK;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_exit(err, status, -r, "%s: %s", what, strerror(-r));
}

int netlink_err_no_ipv6(struct err *err, const struct net_address *address)
{
	char text[NET_ADDRESS_ROOM];

	net_address_format(address, false, text);
	return err_exit(
		err, EXIT_UNSUPPORTED, EAFNOSUPPORT,
		"address %s: there is no IPv6 here: switch it on (ipv6.disable, net.ipv6.conf.all.disable_ipv6), give the "
		"interface an MTU of at least 1280, or use IPv4 only",
		text);
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

int netlink_check_name(const char *name, struct err *err)
{
	return net_check_link_name("interface name", name, err);
}

int netlink_get_link(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err)
{
	int nle = rtnl_link_get_kernel(sock, 0, name, ret);

	if (nle < 0 && netlink_errno(nle) == ENODEV)
		return err_exit(err, EXIT_NETWORK, ENODEV, "interface '%s' does not exist", name);
	return nle < 0 ? netlink_err(err, nle, "interface '%s'", name) : 0;
}
