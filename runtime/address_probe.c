/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/str.h"
#include "netns/link.h"
#include "netns/wire.h"
#include "runtime/addresses.h"
#include "runtime/net_pool_priv.h"

/* Others on a network may sleep, or be behind switches; on a bridge of ctctl's own there is at most a machine of this host. */
#define WIRE_TIMEOUT_MS	  300
#define BRIDGE_TIMEOUT_MS 30

static const int families[2] = { AF_INET, AF_INET6 };

static void set_both(struct address_wire *wire, const char *link)
{
	for (size_t f = 0; link && f < ARRAY_SIZE(families); f++) {
		if (str_copy(wire->links[f], sizeof(wire->links[f]), link) < 0)
			return;
	}
}

/* What the host answers on for routed guests; without a default route there is none who could ask. */
static void set_uplinks(const struct node *node, struct address_wire *wire)
{
	struct err ignored = ERR_INIT;

	if (!str_is_empty(node->uplink)) {
		set_both(wire, node->uplink);
		return;
	}
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		if (net_uplink_find(families[f], wire->links[f], &ignored) < 0)
			wire->links[f][0] = '\0';
	}
}

void address_wire_of(const struct node *node, const struct guest_interface *iface, const struct net_pool *pool,
		     struct address_wire *ret)
{
	const char *bridge = pool && *pool->bridge ? pool->bridge : node->bridge;

	*ret = (struct address_wire){ .timeout_ms = WIRE_TIMEOUT_MS, .log = node->log };
	switch ((enum net_mode)iface->net) {
	case NET_MODE_ROUTED:
		set_uplinks(node, ret);
		break;
	case NET_MODE_BRIDGE:
		set_both(ret, iface->bridge ? iface->bridge : bridge);
		break;
	case NET_MODE_MACVLAN:
		set_both(ret, iface->parent);
		break;
	case NET_MODE_NAT:
		ret->timeout_ms = BRIDGE_TIMEOUT_MS;
		set_both(ret, bridge);
		break;
	case NET_MODE_NONE:
	case NET_MODE_UNSET:
		break;
	}
}

/* Of a network of this host; a route that prohibits is EACCES, too, but stays so (ip(7), SO_BROADCAST). */
static bool is_broadcast(int fd, const struct sockaddr *to, socklen_t len)
{
	const int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0 && connect(fd, to, len) == 0;
}

/*
 * Is it an address of this host, which would not answer itself? A connected UDP socket has as its own address that of the route
 * (connect(2) sends nothing): towards an address of this host, that address. What is broadcast to a network of this host is its
 * own, too.
 */
static bool is_own(const struct net_address *a)
{
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} to = { 0 }, from = { 0 };
	socklen_t len = a->family == AF_INET ? sizeof(to.in) : sizeof(to.in6), from_len = sizeof(from);
	_cleanup_fd_ int fd = socket(a->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	to.any.sa_family = (sa_family_t)a->family;
	if (a->family == AF_INET) {
		to.in.sin_port = htons(9);
		memcpy(&to.in.sin_addr, a->bytes, 4);
	} else {
		to.in6.sin6_port = htons(9);
		memcpy(&to.in6.sin6_addr, a->bytes, 16);
	}
	if (fd < 0)
		return false;
	if (connect(fd, &to.any, len) < 0)
		return errno == EACCES && is_broadcast(fd, &to.any, len);
	if (getsockname(fd, &from.any, &from_len) < 0)
		return false;
	return a->family == AF_INET ? memcmp(&from.in.sin_addr, a->bytes, 4) == 0
				    : memcmp(&from.in6.sin6_addr, a->bytes, 16) == 0;
}

/* Those of `candidates` whose family is asked for on this link, in one batch. */
static int ask_link(const struct address_wire *wire, size_t f, const struct net_address *candidates, size_t n, size_t *ret_index)
{
	bool is_shared = f == 0 && strcmp(wire->links[0], wire->links[1]) == 0;
	_cleanup_free_ struct net_address *batch = calloc(n, sizeof(*batch));
	_cleanup_free_ size_t *index = calloc(n, sizeof(*index));
	struct err why = ERR_INIT;
	size_t n_batch = 0, which = 0;
	uint8_t mac[6];

	for (size_t i = 0; batch && index && i < n; i++) {
		if (candidates[i].family != families[f] && !is_shared)
			continue;
		index[n_batch] = i;
		batch[n_batch++] = candidates[i];
	}
	/* A bridge that is not there yet has nobody on it, and a missing uplink is another's to complain about. */
	if (n_batch == 0 || net_link_exists(wire->links[f], &why) != 1)
		return 0;

	int r = net_probe(wire->links[f], batch, n_batch, wire->timeout_ms, &which, mac, &why);

	if (r < 0)
		log_warning(wire->log, "nobody on '%s' could be asked whether the addresses are in use: %s", wire->links[f],
			    why.msg);
	if (r == 1)
		*ret_index = index[which];
	return r == 1;
}

int address_probe(void *context, const struct net_address *candidates, size_t n, size_t *ret_index, struct err *err)
{
	const struct address_wire *wire = context;

	(void)err;
	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (!is_own(&candidates[i]))
			continue;
		*ret_index = i;
		return 1;
	}
	for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
		if (!*wire->links[f] || (f == 1 && strcmp(wire->links[0], wire->links[1]) == 0))
			continue;

		int r = ask_link(wire, f, candidates, n, ret_index);

		if (r != 0)
			return r;
	}
	return 0;
}
