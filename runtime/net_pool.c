/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/net_pool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/addresses_priv.h"
#include "runtime/guest.h"
#include "runtime/net_pool_priv.h"

#define SUFFIX ".conf"

int net_pool_open_folder(const struct node *node, int lock, struct err *err)
{
	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, node->netpools_dir, O_RDONLY);
	int r = 0;

	if (fd == -ENOENT) {
		r = path_make_dirs(node->netpools_dir, 0700);
		fd = r < 0 ? r : path_open_dir(AT_FDCWD, node->netpools_dir, O_RDONLY);
	}
	if (fd < 0)
		return err_sys(err, -fd, "open '%s'", node->netpools_dir);
	do {
		r = lock ? flock(fd, lock) : 0;
	} while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(err, errno, "lock '%s'", node->netpools_dir) : TAKE_FD(fd);
}

static int open_in(const struct node *node, int folder, const char *name, struct net_pool *ret, struct err *err)
{
	int r = str_check_name("pool", name, err);

	if (r == 0 && strcmp(name, NET_POOL_DEFAULT) == 0)
		return net_pool_make_default(node, ret, err);
	if (r == 0)
		r = net_pool_read(folder, node->netpools_dir, name, ret, err);
	if (r == -ENOENT)
		return err_exit(err, EXIT_NO_POOL, ENOENT, "no pool of addresses '%s': see ctctl net pool list", name);
	return r;
}

int net_pool_open(const struct node *node, const char *name, struct net_pool *ret, struct err *err)
{
	_cleanup_fd_ int folder = net_pool_open_folder(node, 0, err);

	return folder < 0 ? folder : open_in(node, folder, name, ret, err);
}

/* NULL-terminated, sorted. */
struct names {
	char **list;
	size_t n;
};

static void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
}

static int add_name(struct names *names, const char *name, size_t len)
{
	char **list = reallocarray(names->list, names->n + 1, sizeof(*list));

	if (!list)
		return -ENOMEM;
	names->list = list;
	list[names->n] = strndup(name, len);
	return list[names->n] ? (names->n++, 0) : -ENOMEM;
}

static int add_if_pool(void *context, const char *file)
{
	size_t len = strlen(file);
	char name[sizeof(((struct net_pool *)NULL)->name)];
	struct err ignored = ERR_INIT;

	if (len <= strlen(SUFFIX) || len - strlen(SUFFIX) >= sizeof(name) || strcmp(file + len - strlen(SUFFIX), SUFFIX) != 0)
		return 0;
	len -= strlen(SUFFIX);
	snprintf(name, sizeof(name), "%.*s", (int)len, file);
	/* A file of that name is nobody's: the pool is made of ctctl.conf. */
	if (strcmp(name, NET_POOL_DEFAULT) == 0 || str_check_name("pool", name, &ignored) < 0)
		return 0;
	return add_name(context, name, len);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(int folder, struct names *ret)
{
	int r = add_name(ret, NET_POOL_DEFAULT, strlen(NET_POOL_DEFAULT));

	if (r == 0)
		r = address_registry_each(folder, add_if_pool, ret);
	if (r == 0)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_name);
	return r;
}

static int each_in(const struct node *node, int folder, int (*each)(void *context, const struct net_pool *pool), void *context,
		   struct err *err)
{
	_cleanup_(names_free) struct names names = { 0 };
	int r = list_names(folder, &names);

	if (r < 0)
		return err_sys(err, -r, "read '%s'", node->netpools_dir);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		struct net_pool pool;

		r = open_in(node, folder, names.list[i], &pool, err);
		if (r == 0)
			r = each(context, &pool);
	}
	return r < 0 ? r : 0;
}

int net_pool_each(const struct node *node, int (*each)(void *context, const struct net_pool *pool), void *context,
		  struct err *err)
{
	_cleanup_fd_ int folder = net_pool_open_folder(node, 0, err);

	return folder < 0 ? folder : each_in(node, folder, each, context, err);
}

struct clash {
	const struct net_pool *pool;
	struct err *err;
};

static bool do_ranges_meet(const struct net_pool *a, const struct net_pool *b, char room[NET_ADDRESS_ROOM])
{
	for (size_t i = 0; i < a->n_ranges; i++) {
		for (size_t j = 0; j < b->n_ranges; j++) {
			const struct net_address *x = a->ranges[i], *y = b->ranges[j];

			if (!net_pool_ranges_meet(x, y))
				continue;
			net_address_format(net_address_compare(&x[0], &y[0]) > 0 ? &x[0] : &y[0], false, room);
			return true;
		}
	}
	return false;
}

/* On two bridges of ctctl's own, the host would not know where an address is. */
static bool do_networks_meet(const struct net_pool *a, const struct net_pool *b, char room[NET_ADDRESS_ROOM])
{
	if (a->net != NET_MODE_NAT || b->net != NET_MODE_NAT)
		return false;
	for (size_t f = 0; f < 2; f++) {
		const struct net_address *x = &a->networks[f], *y = &b->networks[f];

		if (!x->family || !y->family || (!net_address_covers(x, y) && !net_address_covers(y, x)))
			continue;
		net_address_format(x->prefix > y->prefix ? x : y, true, room);
		return true;
	}
	return false;
}

static int check_clash(void *context, const struct net_pool *other)
{
	struct clash *clash = context;
	char room[NET_ADDRESS_ROOM];

	if (do_ranges_meet(clash->pool, other, room))
		return err_exit(clash->err, EXIT_ADDRESS_IN_USE, EADDRINUSE,
				"pool '%s': '%s' is in the pool '%s', too: give it other ranges", clash->pool->name, room,
				other->name);
	/* Their guests would be neighbours, with the rules of the one that was there first. */
	if (clash->pool->net == NET_MODE_NAT && other->net == NET_MODE_NAT && strcmp(clash->pool->bridge, other->bridge) == 0)
		return err_exit(clash->err, EXIT_ADDRESS_IN_USE, EBUSY,
				"pool '%s': the bridge '%s' is that of pool '%s': give it another one, or none, then it gets one",
				clash->pool->name, other->bridge, other->name);
	if (do_networks_meet(clash->pool, other, room))
		return err_exit(clash->err, EXIT_ADDRESS_IN_USE, EADDRINUSE,
				"pool '%s': '%s' is the network of pool '%s' and its bridge '%s', too: give it another one",
				clash->pool->name, room, other->name, other->bridge);
	return 0;
}

/* A bridge that is not ctctl's to make is there, and one that is, is at least nothing else. */
static int check_bridge(const struct node *node, const struct net_pool *pool, struct err *err)
{
	struct err why = ERR_INIT;
	int r = 0;

	if (pool->net != NET_MODE_ROUTED && strcmp(pool->bridge, node->bridge) != 0)
		r = net_bridge_check(pool->bridge, &why);
	if (r == 0 || (r == -ENODEV && pool->net == NET_MODE_NAT))
		return 0;
	*err = why;
	return err_wrap(err, "pool '%s'", pool->name);
}

int net_pool_create(const struct node *node, const struct net_pool_spec *spec, struct err *err)
{
	struct net_pool pool;
	int r = net_pool_from_spec(node, spec, &pool, err);
	_cleanup_fd_ int folder = r < 0 ? r : net_pool_open_folder(node, LOCK_EX, err);
	_cleanup_free_ char *file = str_printf("%s" SUFFIX, spec->name);
	struct clash clash = { .pool = &pool, .err = err };

	if (folder < 0)
		return folder;
	if (!file)
		return err_oom(err);
	if (strcmp(pool.name, NET_POOL_DEFAULT) == 0)
		return err_exit(err, EXIT_EXISTS, EEXIST,
				"pool '%s' is there already: bridge-address and bridge-address6 in ctctl.conf say what it has",
				pool.name);
	if (path_exists_at(folder, file))
		return err_exit(err, EXIT_EXISTS, EEXIST, "pool '%s' exists", pool.name);
	r = check_bridge(node, &pool, err);
	if (r == 0)
		r = each_in(node, folder, check_clash, &clash, err);
	return r < 0 ? r : net_pool_write(folder, &pool, err);
}

/* Whose configuration names a pool. */
struct member {
	const struct node *node;
	const char *pool;
	char guest[64]; /* "": nobody's */
};

static int find_member(void *context, const char *name)
{
	struct member *m = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err ignored = ERR_INIT;

	/* One that cannot be read cannot be started either. */
	if (guest_open(m->node, name, &guest, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < guest->config.n_interfaces; i++) {
		const char *pool = guest->config.interfaces[i].net_pool;

		if (pool && strcmp(pool, m->pool) == 0)
			return str_copy(m->guest, sizeof(m->guest), name) < 0 ? 0 : -EEXIST;
	}
	return 0;
}

/* It may have typed addresses, which are in the network and in no range. Without the pool it would not start any more. */
static int check_members(const struct node *node, const struct net_pool *pool, struct err *err)
{
	struct member m = { .node = node, .pool = pool->name };
	int r = guest_each(node, find_member, &m, err);

	if (!*m.guest)
		return r;
	return err_exit(err, EXIT_ADDRESS_IN_USE, EBUSY, "pool '%s': guest '%s' has it as its net-pool: set another one first",
			pool->name, m.guest);
}

/* Those who lease from it hold the registry's lock, too, and look whether it is there. */
static int remove_unused(const struct node *node, int folder, const struct net_pool *pool, const char *file, struct err *err)
{
	_cleanup_fd_ int registry = address_registry_open(node, LOCK_EX, err);
	char hint[NET_POOL_HINT_ROOM];
	struct net_pool_usage usage;
	int r = registry < 0 ? registry : net_pool_get_usage(node, pool, &usage, err);

	if (r < 0)
		return r;
	if (usage.taken4 + usage.taken6 > 0)
		return err_exit(err, EXIT_ADDRESS_IN_USE, EBUSY,
				"pool '%s': %" PRIu64
				" of its addresses are taken: destroy those guests or give them others first",
				pool->name, usage.taken4 + usage.taken6);
	r = check_members(node, pool, err);
	if (r < 0)
		return r;
	if (unlinkat(folder, file, 0) < 0 || fsync(folder) < 0)
		return err_sys(err, errno, "remove '%s/%s'", node->netpools_dir, file);
	net_pool_hint_name(pool, hint);
	unlinkat(registry, hint, 0);
	return 0;
}

int net_pool_remove(const struct node *node, const char *name, struct err *err)
{
	_cleanup_fd_ int folder = net_pool_open_folder(node, LOCK_EX, err);
	_cleanup_free_ char *file = str_printf("%s" SUFFIX, name);
	struct net_pool pool;
	int r = folder < 0 ? folder : open_in(node, folder, name, &pool, err);

	if (r < 0)
		return r;
	if (!file)
		return err_oom(err);
	if (strcmp(name, NET_POOL_DEFAULT) == 0)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"pool '%s' cannot be removed: bridge-address and bridge-address6 in ctctl.conf say what it has",
				name);
	return remove_unused(node, folder, &pool, file, err);
}

int net_pool_check_gateways(const struct node *node, const struct net_address *address, struct err *err)
{
	_cleanup_fd_ int folder = net_pool_open_folder(node, 0, err);
	_cleanup_(names_free) struct names names = { 0 };
	int r = folder < 0 ? folder : list_names(folder, &names);

	if (r < 0)
		return folder < 0 ? folder : err_sys(err, -r, "read '%s'", node->netpools_dir);
	for (size_t i = 0; i < names.n; i++) {
		char shown[NET_ADDRESS_ROOM];
		struct err ignored = ERR_INIT;
		struct net_pool pool;

		/* Another's file that cannot be read is not this guest's concern. */
		if (open_in(node, folder, names.list[i], &pool, &ignored) < 0 ||
		    !net_address_equal(&pool.gateways[net_family_index(address->family)], address))
			continue;
		net_address_format(address, false, shown);
		return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE,
				"address '%s' is the gateway of pool '%s': take another one", shown, pool.name);
	}
	return 0;
}
