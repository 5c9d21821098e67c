/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/nl_priv.h"

/*
 * Where packets would go to an address that nobody has (RFC 1112, 4: reserved; RFC 7526: taken back; IANA: not given out), so
 * that no route but the default one leads there. The second is asked if the first is refused by a route of its own, as some do
 * with all of 240.0.0.0/4. A default route of IPv6 may also be one to 2000::/3, all that is given out.
 */
static const struct net_address nowhere[][2] = {
	{ { AF_INET, { 240, 0, 0, 1 }, 32 }, { AF_INET, { 192, 88, 99, 1 }, 32 } },
	{ { AF_INET6, { 0x2d, [15] = 1 }, 128 }, { AF_INET6, { 0x3e, [15] = 1 }, 128 } },
};

int net_uplink_find(int family, char ret_name[16], struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	const char *shown = family == AF_INET6 ? "IPv6" : "IPv4";
	unsigned int longest = family == AF_INET6 ? 3 : 0;
	int r = netlink_open(&sock, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(nowhere[0]); i++) {
		struct net_route_found found;

		r = netlink_route_find(sock, &nowhere[family == AF_INET6][i], 0, &found);
		if (r < 0 && r != -EAFNOSUPPORT && r != -EOPNOTSUPP)
			return netlink_err_sys(err, r, "find the default route of %s", shown);
		if (r == 0 && found.type == RTN_UNICAST && found.dst_len <= longest &&
		    if_indextoname((unsigned int)found.ifindex, ret_name))
			return 0;
	}
	return err_exit(err, EXIT_NETWORK, ENODEV,
			"the host has no default route of %s: expected one, or `uplink = INTERFACE` in ctctl.conf", shown);
}
