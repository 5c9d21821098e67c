/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

int net_check_link_name(const char *what, const char *text, struct err *err)
{
	size_t len = strlen(text);
	bool ok = len > 0 && len < IFNAMSIZ && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;

	/* The kernel would refuse it without the name (dev_valid_name(), net/core/dev.c); '%' it would replace by a number. */
	for (const char *c = text; ok && *c; c++)
		ok = *c > ' ' && *c < 0x7f && !strchr("/:%", *c);
	if (ok)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"%s '%.80s': expected 1 to %d printable characters without blank, '/', ':' and '%%'", what, text,
			IFNAMSIZ - 1);
}

int net_link_delete(const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r < 0)
		return r;
	link = rtnl_link_alloc();
	if (!link)
		return err_oom(err);
	rtnl_link_set_name(link, name);

	int nle = rtnl_link_delete(sock, link);

	if (nle < 0 && netlink_errno(nle) != ENODEV)
		return netlink_err(err, nle, "remove the interface '%s'", name);
	return 0;
}

int net_link_open(const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = netlink_get_link(sock, name, &link, err);
	if (r < 0 || rtnl_link_get_flags(link) & IFF_UP)
		return r;
	return netlink_set_up(sock, rtnl_link_get_ifindex(link), name, err);
}

int net_link_exists(const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = netlink_get_link(sock, name, &link, err);
	if (r == -ENODEV)
		return 0;
	return r < 0 ? r : 1;
}

int net_parent_check(const char *name, struct err *err)
{
	int r = net_link_exists(name, err);

	if (r == 0)
		return err_exit(err, EXIT_NETWORK, ENODEV,
				"parent '%s': there is no such interface on this host: see the names in /sys/class/net", name);
	return r < 0 ? r : 0;
}
