/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/policy_priv.h"

#define MTU_LEAST_IPV6 1280 /* RFC 8200, 5 */

#define BIT(mode) (1U << NET_MODE_##mode)

#define SEEN (BIT(ROUTED) | BIT(BRIDGE) | BIT(NAT))

/*
 * Which modes a parameter makes sense in, and why, where it is not plain. A disconnected interface keeps what it is set to until
 * it is connected again.
 */
static const struct {
	const char *key;
	unsigned int modes;
	const char *why;
} meant_for[] = {
	{ "route", BIT(ROUTED), "" },
	{ "gateway", BIT(BRIDGE) | BIT(NAT) | BIT(MACVLAN),
	  ", where it is always the host: " NET_ROUTED_GATEWAY4 " and " NET_ROUTED_GATEWAY6 },
	{ "net-pool", SEEN, "" },
	{ "bridge", BIT(BRIDGE), "" },
	{ "vlan", BIT(BRIDGE), "" },
	{ "parent", BIT(MACVLAN), "" },
	{ "publish", BIT(NAT), "" },
	{ "rules", SEEN, ", whose packets the host does not see" },
	{ "rate-in", SEEN, ", whose packets the host does not see" },
	{ "rate-out", SEEN, ", whose packets the host does not see" },
	{ "burst", SEEN, ", whose packets the host does not see" },
	{ "packets", SEEN, ", whose packets the host does not see" },
	{ "connections", SEEN, ", whose packets the host does not see" },
	{ "quota", SEEN, ", whose packets the host does not see" },
};

static int check_meaning(const struct guest_interface *iface, struct err *err)
{
	for (size_t i = 0; iface->net != NET_MODE_NONE && i < ARRAY_SIZE(meant_for); i++) {
		const char *key = meant_for[i].key;
		_cleanup_free_ char *text = param_get(iface, interface_param_find(key));

		if (!text)
			return err_oom(err);
		if (*text && !(meant_for[i].modes >> iface->net & 1))
			return err_exit(
				err, EXIT_INVALID, EINVAL,
				"%s '%.80s': expected none with net=%s%s: leave it out (--%s \"\"), or choose another --net", key,
				text, net_mode_word(iface->net), meant_for[i].why, key);
	}
	return 0;
}

static int check_routed(const struct guest_interface *iface, struct err *err)
{
	if (iface->ip || iface->net_pool)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"net 'routed': needs an address: --ip ADDRESS, or --net-pool POOL to take one from");
}

static int check_bridge(const struct guest_interface *iface, struct err *err)
{
	if (!iface->bridge && !iface->net_pool)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"net 'bridge': needs a bridge of the host: --bridge BRIDGE, or --net-pool POOL that names one");
	if (!iface->ip && !iface->net_pool && iface->filter == NET_FILTER_FULL)
		return err_exit(
			err, EXIT_INVALID, EINVAL,
			"net 'bridge': without an address the filter lets nothing out: --ip ADDRESS/PREFIX, or --filter mac if "
			"the guest finds its address itself");
	return 0;
}

static int check_nat(const struct guest_interface *iface, struct err *err)
{
	if (iface->net_pool)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL, "net 'nat': needs a pool, whose bridge it is on: --net-pool default");
}

static int check_macvlan(const struct guest_interface *iface, struct err *err)
{
	if (!iface->parent)
		return err_exit(err, EXIT_INVALID, EINVAL, "net 'macvlan': needs an interface of the host: --parent INTERFACE");
	if (iface->filter != NET_FILTER_NONE)
		return err_exit(
			err, EXIT_INVALID, EINVAL,
			"net 'macvlan': the host cannot filter what such a guest sends: say that it need not with --filter none, "
			"or take --net routed or bridge");
	return 0;
}

static int check_mode(const struct guest_interface *iface, struct err *err)
{
	switch ((enum net_mode)iface->net) {
	case NET_MODE_ROUTED:
		return check_routed(iface, err);
	case NET_MODE_BRIDGE:
		return check_bridge(iface, err);
	case NET_MODE_NAT:
		return check_nat(iface, err);
	case NET_MODE_MACVLAN:
		return check_macvlan(iface, err);
	case NET_MODE_NONE:
		return 0;
	case NET_MODE_UNSET:
		break;
	}
	return err_exit(err, EXIT_INVALID, EINVAL, "net is missing: expected routed, bridge, nat, macvlan or none");
}

/* An interface's addresses as data, for what is checked of them. */
struct addresses {
	struct net_address *own, *gateways, *prefixes;
	size_t n_own, n_gateways, n_prefixes;
};

static void addresses_free(struct addresses *a)
{
	free(a->own);
	free(a->gateways);
	free(a->prefixes);
}

static int addresses_read(const struct guest_interface *iface, struct addresses *ret, struct err *err)
{
	int r = interface_parse_addresses(iface->ip, &ret->own, &ret->n_own, err);

	if (r == 0)
		r = interface_parse_addresses(iface->gateway, &ret->gateways, &ret->n_gateways, err);
	return r < 0 ? r : interface_parse_addresses(iface->route, &ret->prefixes, &ret->n_prefixes, err);
}

static int check_ipv6(const struct guest_interface *iface, const struct net_address *list, size_t n, struct err *err)
{
	char room[NET_ADDRESS_ROOM];

	for (size_t i = 0; i < n; i++) {
		if (list[i].family != AF_INET6)
			continue;
		net_address_format(&list[i], true, room);
		if (!net_has_ipv6())
			return err_exit(
				err, EXIT_UNSUPPORTED, EAFNOSUPPORT,
				"'%s': this host has no IPv6, or it is switched off (see sysctl net.ipv6.conf.all.disable_ipv6)",
				room);
		if (iface->mtu > 0 && iface->mtu < MTU_LEAST_IPV6)
			return err_exit(err, EXIT_INVALID, EINVAL, "mtu '%u': expected at least %d, which IPv6 needs for '%s'",
					(unsigned int)iface->mtu, MTU_LEAST_IPV6, room);
	}
	return 0;
}

/* On a network with others, an address says what the network is. A pool's addresses do, and nat's are its bridge's. */
static int check_prefixes(const struct guest_interface *iface, const struct addresses *a, struct err *err)
{
	char room[NET_ADDRESS_ROOM];

	if ((iface->net != NET_MODE_BRIDGE && iface->net != NET_MODE_MACVLAN) || iface->net_pool)
		return 0;
	for (size_t i = 0; i < a->n_own; i++) {
		if (a->own[i].prefix != net_address_bits(&a->own[i]))
			continue;
		net_address_format(&a->own[i], false, room);
		return err_exit(err, EXIT_INVALID, EINVAL, "ip '%s': expected the prefix of its network, too: %s/%d", room, room,
				a->own[i].family == AF_INET ? 24 : 64);
	}
	return 0;
}

static bool is_link_local(const struct net_address *a)
{
	return a->family == AF_INET6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/*
 * Is it in the network of one of the interface's addresses? What comes from a pool has its prefix from there, and a link-local
 * one is on every link that has IPv6.
 */
static bool is_reached(const struct guest_interface *iface, const struct addresses *a, const struct net_address *gateway)
{
	for (size_t i = 0; i < a->n_own; i++) {
		if (a->own[i].family == gateway->family && (iface->net_pool || is_link_local(gateway)))
			return true;
		if (net_address_covers(&a->own[i], gateway))
			return true;
	}
	/* The addresses of a pool come later. */
	return a->n_own == 0 && iface->net_pool;
}

static int refuse_gateway(const struct addresses *a, const struct net_address *gateway, struct err *err)
{
	const char *family = gateway->family == AF_INET ? "IPv4" : "IPv6";
	char room[NET_ADDRESS_ROOM];
	bool has_family = false;

	for (size_t i = 0; i < a->n_own; i++)
		has_family |= a->own[i].family == gateway->family;
	net_address_format(gateway, false, room);
	if (!has_family)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"gateway '%s': the interface has no %s address: give it one, or leave this gateway out", room,
				family);
	return err_exit(err, EXIT_INVALID, EINVAL,
			"gateway '%s': expected one in the network of an address of the interface: --ip ADDRESS/PREFIX", room);
}

static int check_gateways(const struct guest_interface *iface, const struct addresses *a, struct err *err)
{
	char room[NET_ADDRESS_ROOM];

	for (size_t i = 0; iface->net != NET_MODE_NONE && i < a->n_gateways; i++) {
		net_address_format(&a->gateways[i], false, room);
		for (size_t k = 0; k < i; k++) {
			if (a->gateways[k].family == a->gateways[i].family)
				return err_exit(err, EXIT_INVALID, EINVAL, "gateway '%s': expected at most one of each family",
						iface->gateway);
		}
		if (!is_reached(iface, a, &a->gateways[i]))
			return refuse_gateway(a, &a->gateways[i], err);
	}
	return 0;
}

/* Machines that are the guest's, and not everybody's: all addresses, or loopback, multicast and link-local ones. */
static int check_routes(const struct addresses *a, struct err *err)
{
	char room[NET_ADDRESS_ROOM];

	for (size_t i = 0; i < a->n_prefixes; i++) {
		struct net_address first = a->prefixes[i];

		first.prefix = net_address_bits(&first);
		if (a->prefixes[i].prefix > 0 && net_address_is_host(&first))
			continue;
		net_address_format(&a->prefixes[i], true, room);
		return err_exit(
			err, EXIT_INVALID, EINVAL,
			"route '%s': expected a network that is the guest's: not all addresses, nor loopback, multicast or "
			"link-local ones",
			room);
	}
	return 0;
}

static int check_addresses(const struct guest_interface *iface, struct err *err)
{
	_cleanup_(addresses_free) struct addresses a = { 0 };
	int r = addresses_read(iface, &a, err);

	if (r == 0)
		r = check_ipv6(iface, a.own, a.n_own, err);
	if (r == 0)
		r = check_ipv6(iface, a.prefixes, a.n_prefixes, err);
	if (r == 0)
		r = check_routes(&a, err);
	if (r == 0)
		r = check_prefixes(iface, &a, err);
	return r < 0 ? r : check_gateways(iface, &a, err);
}

static int check_interface(const struct guest_interface *iface, struct err *err)
{
	int r = check_mode(iface, err);

	if (r == 0)
		r = check_meaning(iface, err);
	return r < 0 ? r : check_addresses(iface, err);
}

/* Entries of `a` from `from` on that are `address`. */
static bool has_address(const struct addresses *a, size_t from, const struct net_address *address)
{
	for (size_t i = from; i < a->n_own; i++) {
		if (a->own[i].family == address->family && net_address_equal(&a->own[i], address))
			return true;
	}
	return false;
}

/* No address twice, neither in `a` nor in both. */
static int compare_addresses(const struct guest_interface *x, const struct addresses *a, const struct guest_interface *y,
			     const struct addresses *b, struct err *err)
{
	char room[NET_ADDRESS_ROOM];

	for (size_t i = 0; i < a->n_own; i++) {
		if (!has_address(b, x == y ? i + 1 : 0, &a->own[i]))
			continue;
		net_address_format(&a->own[i], false, room);
		return err_exit(err, EXIT_INVALID, EINVAL, "ip '%s': is twice in the guest, on %s%s%s: leave one out", room,
				x->name, x == y ? "" : " and ", x == y ? "" : y->name);
	}
	return 0;
}

static int compare(const struct guest_interface *x, const struct guest_interface *y, struct err *err)
{
	_cleanup_(addresses_free) struct addresses a = { 0 }, b = { 0 };
	int r = addresses_read(x, &a, err);

	if (r == 0)
		r = addresses_read(y, &b, err);
	if (r == 0)
		r = compare_addresses(x, &a, y, &b, err);
	if (r == 0 && x != y && x->mac && y->mac && strcmp(x->mac, y->mac) == 0)
		return err_exit(err, EXIT_INVALID, EINVAL, "mac '%s': is twice in the guest, on %s and %s", x->mac, x->name,
				y->name);
	/* It would answer from the second one's addresses by the first one's route, and the filter there knows only its own. */
	if (r == 0 && x != y && x->net == NET_MODE_ROUTED && y->net == NET_MODE_ROUTED)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"net 'routed': %s is routed already: give that more addresses, --ip A,B", x->name);
	return r;
}

/* Do two take the same packets for themselves? An address of 0 is all of them. */
static bool is_same_port(const struct net_publish *a, const struct net_publish *b)
{
	bool same_address = !a->listen.family || !b->listen.family ||
			    (a->listen.family == b->listen.family && net_address_equal(&a->listen, &b->listen));

	return same_address && a->protocol == b->protocol && a->host_port == b->host_port;
}

static int compare_publish(const struct guest_interface *x, const struct guest_interface *y, struct err *err)
{
	_cleanup_free_ struct net_publish *a = NULL, *b = NULL;
	size_t n_a, n_b;
	int r = interface_parse_publish(x->publish, &a, &n_a, err);

	if (r == 0)
		r = interface_parse_publish(y->publish, &b, &n_b, err);
	for (size_t i = 0; r == 0 && i < n_a; i++) {
		for (size_t k = x == y ? i + 1 : 0; k < n_b; k++) {
			if (is_same_port(&a[i], &b[k]))
				return err_exit(err, EXIT_INVALID, EINVAL,
						"publish: port %u of the host is twice in the guest, on %s%s%s: choose another",
						a[i].host_port, x->name, x == y ? "" : " and ", x == y ? "" : y->name);
		}
	}
	return r;
}

int policy_check_network(const struct guest_config *config, struct err *err)
{
	const struct guest_interface *all = config->interfaces;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->n_interfaces; i++) {
		r = check_interface(&all[i], err);
		if (r < 0)
			return err_wrap(err, "%s", all[i].name);
		for (size_t k = i; r == 0 && k < config->n_interfaces; k++) {
			r = compare(&all[i], &all[k], err);
			if (r == 0)
				r = compare_publish(&all[i], &all[k], err);
		}
	}
	return r;
}

int policy_check_links(const struct node *node, const struct guest_config *config, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->n_interfaces; i++) {
		const struct guest_interface *iface = &config->interfaces[i];

		/* The node's own is made when a guest needs it. */
		if (iface->net == NET_MODE_BRIDGE && iface->bridge && strcmp(iface->bridge, node->bridge) != 0)
			r = net_bridge_check(iface->bridge, err);
		else if (iface->net == NET_MODE_MACVLAN)
			r = net_parent_check(iface->parent, err);
		if (r < 0)
			return err_wrap(err, "%s", iface->name);
	}
	return r;
}
