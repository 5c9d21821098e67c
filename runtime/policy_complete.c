/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/net_pool.h"
#include "runtime/policy.h"

/* What makes no sense without a connection was not meant to be kept for later by who says nothing of one. */
static int check_unconnected(const struct guest_interface *iface, struct err *err)
{
	const char *key = iface->gateway ? "gateway" : iface->route ? "route" : iface->publish ? "publish" : NULL;

	if (!key || iface->net != NET_MODE_NONE)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"%s is set, but the interface is not connected (default-net): say how with --net", key);
}

static int derive_mode(const struct node *node, struct guest_interface *iface, struct err *err)
{
	struct net_pool pool;

	if (iface->parent) {
		iface->net = NET_MODE_MACVLAN;
	} else if (iface->bridge) {
		iface->net = NET_MODE_BRIDGE;
	} else if (iface->net_pool) {
		int r = net_pool_open(node, iface->net_pool, &pool, err);

		if (r < 0)
			return r;
		iface->net = pool.net;
	} else {
		iface->net = iface->ip ? NET_MODE_ROUTED : node->default_net;
	}
	return check_unconnected(iface, err);
}

/* The pool that every nat interface without one is in says nothing about one that is nat no more. */
static void forget_default_pool(struct guest_interface *iface)
{
	bool is_default = iface->net_pool && strcmp(iface->net_pool, NET_POOL_DEFAULT) == 0;

	if (!is_default || iface->net == NET_MODE_NAT || iface->net == NET_MODE_NONE || iface->net == NET_MODE_UNSET)
		return;
	free(iface->net_pool);
	iface->net_pool = NULL;
}

int policy_complete_interface(const struct node *node, struct guest_interface *iface, struct err *err)
{
	int r = iface->net == NET_MODE_UNSET ? derive_mode(node, iface, err) : 0;

	if (r < 0)
		return r;
	forget_default_pool(iface);
	if (iface->net == NET_MODE_NAT && !iface->net_pool)
		return str_replace(&iface->net_pool, NET_POOL_DEFAULT, err);
	if (iface->net == NET_MODE_BRIDGE && !iface->net_pool && !iface->bridge)
		return str_replace(&iface->bridge, node->bridge, err);
	return 0;
}
