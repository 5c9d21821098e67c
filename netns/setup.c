/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/link.h"

#include <errno.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "netns/nl_priv.h"
#include "netns/sysctl_priv.h"

/* The interface that is set up, as it was found. */
struct target {
	struct nl_sock *sock;
	const struct net_setup_spec *spec;
	int ifindex;
	uint8_t mac[6];
	bool has_mac;
	bool has_ipv6; /* on this interface: an MTU below 1280 takes it away (RFC 8200, 5) */
	uint8_t gen_mode;
};

static int open_target(const struct net_setup_spec *spec, struct nl_sock *sock, struct target *ret, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	int r = netlink_get_link(sock, spec->name, &link, err);

	if (r == -ENODEV)
		return err_exit(err, EXIT_NETWORK, ENODEV, "interface '%s' is missing in the guest", spec->name);
	if (r < 0)
		return r;
	*ret = (struct target){ .sock = sock, .spec = spec, .ifindex = rtnl_link_get_ifindex(link) };

	struct nl_addr *mac = rtnl_link_get_addr(link);

	if (mac && nl_addr_get_len(mac) == sizeof(ret->mac)) {
		memcpy(ret->mac, nl_addr_get_binary_addr(mac), sizeof(ret->mac));
		ret->has_mac = true;
	}
	ret->has_ipv6 = net_has_ipv6() && sysctl_get("ipv6/conf/%s/disable_ipv6", spec->name) == 0;
	if (rtnl_link_inet6_get_addr_gen_mode(link, &ret->gen_mode) < 0)
		ret->gen_mode = IN6_ADDR_GEN_MODE_NONE;
	return 0;
}

/*
 * Before the interface comes up. The link-local address is put there by us, without the duplicate address detection that the
 * kernel's own one would have to wait for: the host sends through it, and the guest needs it to ask for the host, at once. On a
 * link with nobody but the host, what the guest's own tools add later need not wait either.
 */
static int prepare_ipv6(const struct target *t, struct err *err)
{
	struct net_address link_local;
	int r = 0;

	if (!t->has_ipv6)
		return 0;
	if (!t->spec->accepts_ra)
		r = sysctl_set("ipv6/conf/%s/accept_ra", t->spec->name, "0", err);
	if (r == 0 && !t->spec->accepts_ra)
		r = sysctl_set("ipv6/conf/%s/accept_dad", t->spec->name, "0", err);
	if (r == 0 && t->gen_mode != IN6_ADDR_GEN_MODE_EUI64)
		r = netlink_set_gen_mode(t->sock, t->ifindex, t->spec->name, IN6_ADDR_GEN_MODE_EUI64, err);
	if (r < 0 || !t->has_mac)
		return r;
	net_address_link_local(t->mac, &link_local);
	return netlink_add_address(t->sock, t->ifindex, t->spec->name, &link_local, 0, err);
}

static int add_address(const struct target *t, const struct net_address *address, unsigned int how, struct err *err)
{
	if (address->family == AF_INET6 && !t->has_ipv6)
		return netlink_err_no_ipv6(err, address);
	return netlink_add_address(t->sock, t->ifindex, t->spec->name, address, how, err);
}

struct net_address net_setup_first_of(const struct net_address *network)
{
	struct net_address first = *network;

	net_address_network(&first);
	if (net_address_bits(&first) - first.prefix > 1)
		(void)net_address_next(&first);
	first.prefix = net_address_bits(&first);
	return first;
}

static int add_addresses(const struct target *t, struct err *err)
{
	const struct net_setup_spec *spec = t->spec;
	int r = 0;

	/* Others of the network are behind the gateway: without a route to it, they are not looked for on the link. */
	for (size_t i = 0; i < spec->n_addresses && r == 0; i++)
		r = add_address(t, &spec->addresses[i], spec->is_routed ? NETLINK_ADDRESS_NO_ROUTE : 0, err);
	for (size_t i = 0; i < spec->n_prefixes && r == 0; i++) {
		struct net_address first = net_setup_first_of(&spec->prefixes[i]);

		r = add_address(t, &first, NETLINK_ADDRESS_NO_ROUTE, err);
	}
	return r;
}

static bool is_on_link(const struct net_setup_spec *spec, const struct net_address *gateway)
{
	if (spec->is_routed)
		return false;
	for (size_t i = 0; i < spec->n_addresses; i++) {
		if (net_address_covers(&spec->addresses[i], gateway))
			return true;
	}
	return false;
}

static struct net_route default_route(const struct target *t, const struct net_address *gateway)
{
	return (struct net_route){
		.dst = { .family = gateway->family },
		.via = *gateway,
		.ifindex = t->ifindex,
		.is_onlink = !is_on_link(t->spec, gateway),
	};
}

static int add_gateway(const struct target *t, const struct net_address *gateway, struct err *err)
{
	struct net_route default_to = default_route(t, gateway);
	struct net_route link_to = { .dst = *gateway, .ifindex = t->ifindex };
	char text[NET_ADDRESS_ROOM];
	int r = 0;

	/* Also for an interface without the default route: the gateway asks for the guest's address in its own name. */
	if (t->spec->is_routed && gateway->family == AF_INET)
		r = netlink_route_add(t->sock, &link_to, NLM_F_APPEND);
	if ((r == 0 || r == -EEXIST) && t->spec->has_default)
		r = netlink_route_add(t->sock, &default_to, NLM_F_REPLACE);
	if (r == 0 || r == -EEXIST)
		return 0;
	net_address_format(gateway, false, text);
	return netlink_err_sys(err, r, "add the default route through %s on the interface '%s'", text, t->spec->name);
}

static int check_gateway(const struct net_setup_spec *spec, const struct net_address *gateway, struct err *err)
{
	char text[NET_ADDRESS_ROOM];

	for (size_t i = 0; i < spec->n_addresses + spec->n_prefixes; i++) {
		const struct net_address *own = i < spec->n_addresses ? &spec->addresses[i]
								      : &spec->prefixes[i - spec->n_addresses];

		if (own->family == gateway->family)
			return 0;
	}
	net_address_format(gateway, false, text);
	return err_set(err, EINVAL, "gateway '%s': interface '%s' has no address of its family", text, spec->name);
}

static int setup_target(const struct target *t, struct err *err)
{
	int r = prepare_ipv6(t, err);

	if (r == 0)
		r = netlink_set_up(t->sock, t->ifindex, t->spec->name, err);
	if (r == 0)
		r = add_addresses(t, err);
	for (size_t i = 0; i < ARRAY_SIZE(t->spec->gateways) && r == 0; i++) {
		if (t->spec->gateways[i].family)
			r = add_gateway(t, &t->spec->gateways[i], err);
	}
	return r;
}

int net_setup_loopback(struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = netlink_open(&sock, err);

	return r < 0 ? r : netlink_set_up(sock, LOOPBACK_IFINDEX, "lo", err);
}

static int open_setup(const struct net_setup_spec *spec, struct nl_sock **ret_sock, struct target *ret, struct err *err)
{
	int r = netlink_check_name(spec->name, err);

	for (size_t i = 0; i < ARRAY_SIZE(spec->gateways) && r == 0; i++) {
		if (spec->gateways[i].family)
			r = check_gateway(spec, &spec->gateways[i], err);
	}
	if (r == 0)
		r = netlink_open(ret_sock, err);
	return r < 0 ? r : open_target(spec, *ret_sock, ret, err);
}

int net_setup_guest(const struct net_setup_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct target t;
	int r = open_setup(spec, &sock, &t, err);

	return r < 0 ? r : setup_target(&t, err);
}

/* The same address with the same prefix. */
static bool has_exactly(const struct net_address *list, size_t n, const struct net_address *address)
{
	for (size_t i = 0; i < n; i++) {
		if (net_address_equal(&list[i], address) && list[i].prefix == address->prefix)
			return true;
	}
	return false;
}

static int take_off_addresses(const struct target *t, const struct net_setup_spec *old, struct err *err)
{
	const struct net_setup_spec *spec = t->spec;
	int r = 0;

	for (size_t i = 0; i < old->n_addresses && r == 0; i++) {
		if (!has_exactly(spec->addresses, spec->n_addresses, &old->addresses[i]))
			r = netlink_delete_address(t->sock, t->ifindex, spec->name, &old->addresses[i], err);
	}
	for (size_t i = 0; i < old->n_prefixes && r == 0; i++) {
		struct net_address first = net_setup_first_of(&old->prefixes[i]);

		if (!has_exactly(spec->prefixes, spec->n_prefixes, &old->prefixes[i]))
			r = netlink_delete_address(t->sock, t->ifindex, spec->name, &first, err);
	}
	return r;
}

static int take_off_gateway(const struct target *t, const struct net_address *gateway, struct err *err)
{
	struct net_route route = default_route(t, gateway);
	char text[NET_ADDRESS_ROOM];
	int r = netlink_route_delete(t->sock, &route);

	if (r == 0 || r == -ESRCH || r == -EAFNOSUPPORT)
		return 0;
	net_address_format(gateway, false, text);
	return netlink_err_sys(err, r, "remove the default route through %s", text);
}

static int take_off(const struct target *t, const struct net_setup_spec *old, struct err *err)
{
	const struct net_setup_spec *spec = t->spec;
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(old->gateways) && r == 0; i++) {
		const struct net_address *gateway = &old->gateways[i];
		bool stays = spec->has_default && has_exactly(spec->gateways, ARRAY_SIZE(spec->gateways), gateway);

		if (gateway->family && old->has_default && !stays)
			r = take_off_gateway(t, gateway, err);
	}
	return r < 0 ? r : take_off_addresses(t, old, err);
}

/*
 * The new ones come first, so that the interface is never without an address, which would cost it its routes, also those that the
 * guest made itself. And once more at the end: with the first IPv4 address of a network the kernel removes the others of it
 * (unless promote_secondaries), and one of IPv6 with another prefix is the same address until it is gone.
 */
int net_setup_change(const struct net_setup_spec *old, const struct net_setup_spec *spec, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct target t;
	int r = open_setup(spec, &sock, &t, err);

	if (r == 0)
		r = setup_target(&t, err);
	if (r < 0 || !old)
		return r;
	r = take_off(&t, old, err);
	return r < 0 ? r : setup_target(&t, err);
}
