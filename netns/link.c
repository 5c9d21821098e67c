/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The only file that includes libnl. Every call opens a socket of its own: the namespace of a netlink socket is that of its birth. */
#include "netns/link.h"

#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

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
#include "netns/address_priv.h"

DEFINE_CLEANUP(struct nl_sock *, cleanup_nl_sock, nl_socket_free(*p))
DEFINE_CLEANUP(struct rtnl_link *, cleanup_link, rtnl_link_put(*p))
DEFINE_CLEANUP(struct nl_addr *, cleanup_nl_addr, nl_addr_put(*p))
DEFINE_CLEANUP(struct rtnl_addr *, cleanup_addr, rtnl_addr_put(*p))
DEFINE_CLEANUP(struct rtnl_route *, cleanup_route, rtnl_route_put(*p))

#define LOOPBACK_IFINDEX 1 /* the first device of every network namespace (net/core/dev.h, LOOPBACK_IFINDEX) */

/* libnl has its own numbers; only those that a caller tells apart, or a message should spell out, are translated. */
static int errno_of_nle(int nle)
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

/* "what: why", with the exit status NETWORK. */
static _printf_(3, 4) int err_net(struct err *err, int nle, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_exit(err, EXIT_NETWORK, errno_of_nle(nle), "%s: %s", what, nl_geterror(nle));
}

static int open_socket(struct nl_sock **ret, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = nl_socket_alloc();

	if (!sock)
		return err_oom(err);

	int nle = nl_connect(sock, NETLINK_ROUTE);

	if (nle < 0)
		return err_net(err, nle, "open a netlink socket");
	*ret = TAKE_PTR(sock);
	return 0;
}

/* The kernel would cut nothing and refuse with ERANGE or EINVAL, without the name (dev_valid_name(), net/core/dev.c). */
static int check_name(const char *name, struct err *err)
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

static int get_link(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err)
{
	int nle = rtnl_link_get_kernel(sock, 0, name, ret);

	return nle < 0 ? err_net(err, nle, "interface '%s'", name) : 0;
}

static int set_peer(struct rtnl_link *link, const struct net_veth_spec *spec, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
	_cleanup_(cleanup_nl_addr) struct nl_addr *mac = nl_addr_build(AF_LLC, spec->mac, sizeof(spec->mac));

	if (!mac)
		return err_oom(err);
	rtnl_link_set_name(peer, spec->guest_name);
	rtnl_link_set_ns_fd(peer, spec->guest_netns_fd);
	rtnl_link_set_addr(peer, mac);
	if (spec->mtu)
		rtnl_link_set_mtu(peer, spec->mtu);
	return 0;
}

static int set_master(struct nl_sock *sock, struct rtnl_link *link, const char *bridge, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *master = NULL;
	int r = get_link(sock, bridge, &master, err);

	if (r < 0)
		return err_wrap(err, "bridge");
	if (!rtnl_link_is_bridge(master))
		return err_exit(err, EXIT_NETWORK, EINVAL, "interface '%s' is no bridge: choose another name", bridge);
	rtnl_link_set_master(link, rtnl_link_get_ifindex(master));
	return 0;
}

/* One message makes both ends, each in its namespace, and has the host's end up and on the bridge: nothing to undo on failure. */
int net_veth_create(const struct net_veth_spec *spec, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;

	if (check_name(spec->host_name, err) < 0 || check_name(spec->guest_name, err) < 0)
		return -err->code;

	int r = open_socket(&sock, err);

	if (r < 0)
		return r;
	link = rtnl_link_veth_alloc();
	if (!link)
		return err_oom(err);
	rtnl_link_set_name(link, spec->host_name);
	rtnl_link_set_flags(link, IFF_UP);
	if (spec->mtu)
		rtnl_link_set_mtu(link, spec->mtu);
	r = set_peer(link, spec, err);
	if (r == 0 && spec->bridge)
		r = set_master(sock, link, spec->bridge, err);
	if (r < 0)
		return r;

	int nle = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);

	if (nle < 0)
		return err_net(err, nle, "create the interface '%s' with '%s' in the guest", spec->host_name, spec->guest_name);
	return 0;
}

int net_link_delete(const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = check_name(name, err);

	if (r == 0)
		r = open_socket(&sock, err);
	if (r < 0)
		return r;
	link = rtnl_link_alloc();
	if (!link)
		return err_oom(err);
	rtnl_link_set_name(link, name);

	int nle = rtnl_link_delete(sock, link);

	if (nle < 0 && errno_of_nle(nle) != ENODEV)
		return err_net(err, nle, "remove the interface '%s'", name);
	return 0;
}

static int link_set_up(struct nl_sock *sock, int ifindex, const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *which = rtnl_link_alloc();
	_cleanup_(cleanup_link) struct rtnl_link *change = rtnl_link_alloc();

	if (!which || !change)
		return err_oom(err);
	rtnl_link_set_ifindex(which, ifindex);
	rtnl_link_set_flags(change, IFF_UP);

	int nle = rtnl_link_change(sock, which, change, 0);

	return nle < 0 ? err_net(err, nle, "bring up the interface '%s'", name) : 0;
}

/* An address that is there already is fine: asking for all of them first would cost a dump. */
static int address_add(struct nl_sock *sock, int ifindex, const char *name, const struct net_address *address, struct err *err)
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

	if (nle < 0 && errno_of_nle(nle) != EEXIST)
		return err_net(err, nle, "add an address to the interface '%s'", name);
	return 0;
}

/*
 * A bridge that was given no address of its own takes the lowest one of its ports, and another one as guests come and go (net/bridge/br_stp_if.c,
 * br_stp_recalculate_bridge_id()): to the guests that stay, their gateway would be gone until they ask for it again.
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

	if (nle < 0 && errno_of_nle(nle) != EEXIST) /* another ctctl was faster */
		return err_net(err, nle, "create the bridge '%s'", name);
	return get_link(sock, name, ret, err);
}

static int bridge_get(struct nl_sock *sock, const char *name, struct rtnl_link **ret, struct err *err)
{
	int r = get_link(sock, name, ret, err);

	if (r == -ENODEV)
		r = bridge_create(sock, name, ret, err);
	if (r < 0)
		return r;
	if (!rtnl_link_is_bridge(*ret))
		return err_exit(err, EXIT_NETWORK, EEXIST,
				"interface '%s' exists and is no bridge: choose another name for the bridge", name);
	return 0;
}

int net_bridge_ensure(const char *name, const char *address, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *bridge = NULL;
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct net_address parsed = { 0 };
	int r = check_name(name, err);

	if (r == 0 && address)
		r = net_address_parse("bridge address", address, true, &parsed, err);
	if (r == 0)
		r = open_socket(&sock, err);
	if (r == 0)
		r = bridge_get(sock, name, &bridge, err);
	if (r < 0)
		return r;

	int ifindex = rtnl_link_get_ifindex(bridge);

	if (!(rtnl_link_get_flags(bridge) & IFF_UP))
		r = link_set_up(sock, ifindex, name, err);
	if (r == 0 && address)
		r = address_add(sock, ifindex, name, &parsed, err);
	return r;
}

static int route_add_default(struct nl_sock *sock, int ifindex, const struct net_address *gateway, bool on_link, struct err *err)
{
	static const uint8_t any[16];
	_cleanup_(cleanup_route) struct rtnl_route *route = rtnl_route_alloc();
	_cleanup_(cleanup_nl_addr) struct nl_addr *dst = nl_addr_build(gateway->family, any, net_address_len(gateway));
	_cleanup_(cleanup_nl_addr) struct nl_addr *via = nl_addr_build(gateway->family, gateway->bytes, net_address_len(gateway));
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc(); /* belongs to the route once it is added */

	if (!route || !dst || !via || !hop) {
		if (hop)
			rtnl_route_nh_free(hop);
		return err_oom(err);
	}
	nl_addr_set_prefixlen(dst, 0);
	rtnl_route_nh_set_ifindex(hop, ifindex);
	rtnl_route_nh_set_gateway(hop, via);
	if (on_link)
		rtnl_route_nh_set_flags(hop, RTNH_F_ONLINK);
	rtnl_route_add_nexthop(route, hop);
	if (rtnl_route_set_dst(route, dst) < 0)
		return err_oom(err);

	int nle = rtnl_route_add(sock, route, 0);

	if (nle < 0 && errno_of_nle(nle) != EEXIST)
		return err_net(err, nle, "add the default route");
	return 0;
}

static int setup_interface(struct nl_sock *sock, const struct net_setup_spec *spec, const struct net_address *address,
			   const struct net_address *gateway, struct err *err)
{
	unsigned int ifindex = if_nametoindex(spec->name);

	if (ifindex == 0)
		return err_exit(err, EXIT_NETWORK, ENODEV, "interface '%s' is missing in the guest", spec->name);

	int r = link_set_up(sock, (int)ifindex, spec->name, err);

	if (r == 0 && spec->address)
		r = address_add(sock, (int)ifindex, spec->name, address, err);
	if (r == 0 && spec->gateway)
		r = route_add_default(sock, (int)ifindex, gateway, !net_address_covers(address, gateway), err);
	return r;
}

int net_setup_guest(const struct net_setup_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct net_address address = { 0 }, gateway = { 0 };
	int r = 0;

	if (spec->name && spec->address)
		r = net_address_parse("address", spec->address, true, &address, err);
	if (r == 0 && spec->name && spec->gateway)
		r = net_address_parse("gateway", spec->gateway, false, &gateway, err);
	if (r == 0 && spec->name && spec->gateway && address.family != gateway.family)
		return err_set(err, EINVAL, "gateway '%s': expected one of the family of the address", spec->gateway);
	if (r == 0)
		r = open_socket(&sock, err);
	if (r == 0)
		r = link_set_up(sock, LOOPBACK_IFINDEX, "lo", err);
	if (r == 0 && spec->name)
		r = setup_interface(sock, spec, &address, &gateway, err);
	return r;
}
