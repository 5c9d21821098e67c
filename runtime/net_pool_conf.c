/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/ini.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/net_pool_priv.h"

int net_pool_set_net(struct net_pool *pool, const char *value, struct err *err)
{
	static const enum net_mode modes[] = { NET_MODE_ROUTED, NET_MODE_BRIDGE, NET_MODE_NAT };

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		if (strcmp(value, net_mode_word(modes[i])) == 0) {
			pool->net = modes[i];
			return 0;
		}
	}
	return err_exit(err, EXIT_INVALID, EINVAL, "net '%.80s': expected routed, bridge or nat", value);
}

int net_pool_add_range(struct net_pool *pool, const char *value, struct err *err)
{
	if (pool->n_ranges == NET_POOL_RANGES_MAX)
		return err_exit(err, EXIT_INVALID, E2BIG, "range '%.80s': expected at most %d", value, NET_POOL_RANGES_MAX);

	int r = net_pool_parse_range(value, pool->ranges[pool->n_ranges], err);

	if (r == 0)
		pool->n_ranges++;
	return r;
}

static int put_once(const char *key, const char *value, const struct net_address *address, struct net_address room[2],
		    struct err *err)
{
	struct net_address *slot = &room[net_family_index(address->family)];

	if (slot->family)
		return err_exit(err, EXIT_INVALID, EEXIST, "%s '%.80s': expected at most one of each family", key, value);
	*slot = *address;
	return 0;
}

static int read_network(struct net_pool *pool, const char *value, struct err *err)
{
	struct net_address a, first;
	int r = net_address_parse("network", value, NET_PREFIX_REQUIRED, &a, err);

	if (r < 0)
		return r;
	first = a;
	net_address_network(&first);
	if (a.prefix == 0 || !net_address_equal(&a, &first))
		return err_exit(err, EXIT_INVALID, EINVAL, "network '%.80s': expected its first address before the '/'", value);
	return put_once("network", value, &a, pool->networks, err);
}

static int read_gateway(struct net_pool *pool, const char *value, struct err *err)
{
	struct net_address a;
	int r = net_address_parse("gateway", value, NET_PREFIX_NONE, &a, err);

	return r < 0 ? r : put_once("gateway", value, &a, pool->gateways, err);
}

int net_pool_set_bridge(struct net_pool *pool, const char *value, struct err *err)
{
	int r = net_check_link_name("bridge", value, err);

	return r < 0 ? r : str_copy(pool->bridge, sizeof(pool->bridge), value);
}

static const struct key {
	const char *key;
	int (*read)(struct net_pool *pool, const char *value, struct err *err);
} keys[] = {
	{ "net", net_pool_set_net }, { "range", net_pool_add_range },	{ "network", read_network },
	{ "gateway", read_gateway }, { "bridge", net_pool_set_bridge },
};

/* Keys that this version does not know are a newer one's. */
static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	for (size_t i = 0; !*section && i < ARRAY_SIZE(keys); i++) {
		if (strcmp(key, keys[i].key) == 0)
			return keys[i].read(context, value, err);
	}
	return 0;
}

int net_pool_read(int folder_fd, const char *folder, const char *name, struct net_pool *ret, struct err *err)
{
	_cleanup_free_ char *file = str_printf("%s.conf", name), *shown = str_printf("%s/%s.conf", folder, name);
	struct net_pool pool = { 0 };

	if (!file || !shown)
		return err_oom(err);

	int r = str_copy(pool.name, sizeof(pool.name), name);

	if (r < 0)
		return err_set(err, -r, "pool '%.80s': the name is too long", name);
	r = ini_read_at(folder_fd, file, shown, on_key, &pool, err);
	if (r == 0)
		r = net_pool_check(&pool, err);
	if (r < 0 && r != -ENOENT)
		err->exit = EXIT_BAD_CONFIG;
	if (r == 0)
		*ret = pool;
	return r;
}

static void add_address(struct strbuf *text, const char *key, const struct net_address *a, bool with_prefix)
{
	char room[NET_ADDRESS_ROOM];

	if (!a->family)
		return;
	net_address_format(a, with_prefix, room);
	strbuf_addf(text, "%s = %s\n", key, room);
}

int net_pool_write(int folder_fd, const struct net_pool *pool, struct err *err)
{
	_cleanup_free_ char *file = str_printf("%s.conf", pool->name);
	char first[NET_ADDRESS_ROOM], last[NET_ADDRESS_ROOM];
	struct strbuf text = { 0 };

	strbuf_addf(
		&text,
		"# A pool of addresses of ctctl. Further lines `range = FIRST-LAST` or `range = NETWORK/PREFIX` make it larger.\n"
		"net = %s\n",
		net_mode_word(pool->net));
	for (size_t i = 0; i < pool->n_ranges; i++) {
		net_address_format(&pool->ranges[i][0], false, first);
		net_address_format(&pool->ranges[i][1], false, last);
		strbuf_addf(&text, "range = %s-%s\n", first, last);
	}
	for (size_t i = 0; i < 2; i++) {
		add_address(&text, "network", &pool->networks[i], true);
		add_address(&text, "gateway", &pool->gateways[i], false);
	}
	if (*pool->bridge)
		strbuf_addf(&text, "bridge = %s\n", pool->bridge);

	size_t len = text.len;
	_cleanup_free_ char *data = strbuf_take(&text);

	return file && data ? fd_replace_file_at(folder_fd, file, data, len, true, err) : err_oom(err);
}
