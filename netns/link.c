/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

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
