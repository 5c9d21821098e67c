/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"

/*
 * A bridge that was given no address of its own takes the lowest one of its ports, and another one as guests come and go
 * (net/bridge/br_stp_if.c, br_stp_recalculate_bridge_id()): to the guests that stay, their gateway would be gone until they ask
 * for it again.
 */
static int set_own_mac(struct rtnl_link *link, struct err *err)
{
	uint8_t mac[6];

	if (getrandom(mac, sizeof(mac), 0) != (ssize_t)sizeof(mac))
		return err_sys(err, errno, "get random bytes");
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02); /* one machine's, locally administered (IEEE 802) */

	_cleanup_(cleanup_nl_addr) struct nl_addr *addr = nl_addr_build(AF_LLC, mac, sizeof(mac));

	if (!addr)
		return err_oom(err);
	rtnl_link_set_addr(link, addr);
	return 0;
}

static int bridge_create(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = rtnl_link_bridge_alloc();

	if (!link)
		return err_oom(err);
	rtnl_link_set_name(link, name);
	rtnl_link_set_flags(link, IFF_UP);

	int r = set_own_mac(link, err);

	if (r < 0)
		return r;

	int nle = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);

	if (nle < 0 && netlink_errno(nle) != EEXIST) /* another ctctl was faster */
		return netlink_err(err, nle, "create the bridge '%s'", name);
	return netlink_get_link(sock, name, ret, err);
}

static int bridge_get(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err)
{
	int r = netlink_get_link(sock, name, ret, err);

	if (r == -ENODEV)
		r = bridge_create(sock, name, ret, err);
	if (r < 0)
		return r;
	if (!rtnl_link_is_bridge(*ret))
		return err_exit(err, EXIT_NETWORK, EEXIST,
				"interface '%s' exists and is no bridge: choose another name for the bridge", name);
	return 0;
}

static int add_addresses(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *addresses, size_t n,
			 struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (addresses[i].family == AF_INET6 && !net_has_ipv6())
			return netlink_err_no_ipv6(err, &addresses[i]);

		int r = netlink_add_address(sock, ifindex, name, &addresses[i], 0, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int net_bridge_ensure(const char *name, const struct net_address *addresses, size_t n, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *bridge = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = bridge_get(sock, name, &bridge, err);
	if (r < 0)
		return r;

	int ifindex = rtnl_link_get_ifindex(bridge);

	if (!(rtnl_link_get_flags(bridge) & IFF_UP))
		r = netlink_set_up(sock, ifindex, name, err);
	return r < 0 ? r : add_addresses(sock, ifindex, name, addresses, n, err);
}

int net_bridge_check(const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *bridge = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(&sock, err);
	if (r == 0)
		r = netlink_get_link(sock, name, &bridge, err);
	if (r == -ENODEV)
		return err_exit(err, EXIT_NETWORK, ENODEV,
				"bridge '%s' does not exist: make it in the host's network configuration, or for now with "
				"`ip link add %s type bridge && ip link set %s up`",
				name, name, name);
	if (r < 0)
		return r;
	if (!rtnl_link_is_bridge(bridge))
		return err_exit(err, EXIT_NETWORK, EINVAL, "interface '%s' is no bridge: expected the name of one", name);
	return 0;
}
