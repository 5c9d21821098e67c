/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/str.h"
#include "runtime/addresses.h"
#include "runtime/addresses_priv.h"
#include "runtime/net_pool_priv.h"

/* One call of address_give_interface(). */
struct giving {
	const struct node *node;
	const char *uuid;
	struct guest_interface *io;
	struct net_pool room;
	const struct net_pool *pool; /* NULL: none */
	struct address_wire wire;
};

static int open_pool(struct giving *g, struct err *err)
{
	struct guest_interface *io = g->io;
	const char *name = io->net_pool ? io->net_pool : io->net == NET_MODE_NAT ? NET_POOL_DEFAULT : NULL;
	int r = name ? net_pool_open(g->node, name, &g->room, err) : 0;

	if (r < 0 || !name)
		return r;
	if (io->net == NET_MODE_UNSET)
		io->net = g->room.net;
	if (io->net != g->room.net)
		return err_exit(err, EXIT_INVALID, EINVAL, "net-pool '%s': its guests are %s, and '%s' is %s: take another pool",
				name, net_mode_word(g->room.net), io->name, net_mode_word((enum net_mode)io->net));
	g->pool = &g->room;
	return 0;
}

/* Those that the interface has not yet: of a running guest's own, its neighbours would say that they are in use. */
static int keep_new(const struct giving *g, struct net_address *list, size_t *io_n, bool is_prefix, struct err *err)
{
	struct address_owner owner, is;
	char name[ADDRESS_NAME_ROOM];
	size_t n = 0;
	int r = address_owner_init(g->uuid, g->io->name, &owner, err);
	_cleanup_fd_ int fd = r < 0 ? r : address_registry_open(g->node, 0, err);

	if (fd < 0)
		return fd;
	for (size_t i = 0; i < *io_n; i++) {
		address_name(&list[i], is_prefix, name);
		if (!address_read_owner(fd, name, &is) || strcmp(is.text, owner.text) != 0)
			list[n++] = list[i];
	}
	*io_n = n;
	return 0;
}

static void give_back(const struct giving *g, const struct net_address *list, size_t n, bool is_prefix)
{
	struct err why = ERR_INIT;

	if (address_release(g->node, list, n, is_prefix, g->uuid, g->io->name, &why) < 0)
		log_warning(g->node->log, "after an error: %s", why.msg);
}

static int ask(struct giving *g, const struct net_address *list, size_t n, struct err *err)
{
	char shown[NET_ADDRESS_ROOM];
	size_t which = 0;
	int r = n > 0 ? address_probe(&g->wire, list, n, &which, err) : 0;

	if (r <= 0)
		return r;
	net_address_format(&list[which], false, shown);
	return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE,
			"address '%s' is in use by this host, or by another machine on the network: take another one", shown);
}

/* What was taken, and not before. */
struct taken {
	struct net_address *list;
	size_t n;
};

static void taken_free(struct taken *taken)
{
	free(taken->list);
}

static int take_given(struct giving *g, struct taken *ret, struct err *err)
{
	int r = interface_parse_addresses(g->io->ip, &ret->list, &ret->n, err);

	for (size_t i = 0; r == 0 && i < ret->n; i++)
		r = g->pool ? net_pool_check_address(g->pool, &ret->list[i], err)
			    : net_pool_check_gateways(g->node, &ret->list[i], err);
	if (r == 0)
		r = keep_new(g, ret->list, &ret->n, false, err);
	if (r == 0)
		r = address_take(g->node, ret->list, ret->n, false, g->uuid, g->io->name, err);
	if (r < 0)
		return r;
	r = ask(g, ret->list, ret->n, err);
	if (r == 0)
		r = fault_point("address.asked", err);
	if (r < 0)
		give_back(g, ret->list, ret->n, false);
	return r;
}

static int take_routes(struct giving *g, struct taken *ret, struct err *err)
{
	int r = interface_parse_addresses(g->io->route, &ret->list, &ret->n, err);

	if (r == 0)
		r = keep_new(g, ret->list, &ret->n, true, err);
	return r < 0 ? r : address_take(g->node, ret->list, ret->n, true, g->uuid, g->io->name, err);
}

static int write_down(struct guest_interface *io, const struct net_address *list, size_t n, struct err *err)
{
	struct strbuf text = { 0 };
	char room[NET_ADDRESS_ROOM];

	for (size_t i = 0; i < n; i++) {
		net_address_format(&list[i], list[i].prefix < net_address_bits(&list[i]), room);
		strbuf_addf(&text, "%s%s", i > 0 ? ", " : "", room);
	}

	_cleanup_free_ char *ip = strbuf_take(&text);

	return ip ? param_set(io, interface_param_find("ip"), ip, err) : err_oom(err);
}

static int lease(struct giving *g, struct err *err)
{
	struct net_address list[2];
	size_t n = 0;
	int r = address_lease(g->node, g->pool, g->uuid, g->io->name, address_probe, &g->wire, list, &n, err);

	if (r < 0)
		return r;
	r = write_down(g->io, list, n, err);
	if (r < 0)
		give_back(g, list, n, false);
	return r;
}

int address_give_interface(const struct node *node, const char *uuid, struct guest_interface *io, struct err *err)
{
	struct giving g = { .node = node, .uuid = uuid, .io = io };
	_cleanup_(taken_free) struct taken routes = { 0 }, given = { 0 };
	int r = open_pool(&g, err);

	if (r < 0 || io->net == NET_MODE_NONE || io->net == NET_MODE_UNSET)
		return r;
	address_wire_of(node, io, g.pool, &g.wire);
	r = take_routes(&g, &routes, err);
	if (r < 0)
		return r;
	if (!str_is_empty(io->ip))
		r = take_given(&g, &given, err);
	else if (g.pool)
		r = lease(&g, err);
	if (r < 0)
		give_back(&g, routes.list, routes.n, true);
	return r;
}
