/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/addresses.h"
#include "runtime/addresses_priv.h"
#include "runtime/net_pool_priv.h"

/* So many that others on the wire answer for are passed over: one who answers for all of them is not a reason to ask for ever. */
#define USED_MAX 1024
/* Random addresses that are tried, before one is looked for that is free. */
#define RANDOM_TRIES 64

struct lease {
	const struct node *node;
	const struct net_pool *pool;
	int fd; /* of the registry, without a lock */
	struct address_owner owner;
	address_probe_fn is_used;
	void *context;
	size_t n_used;
	net_number next[2]; /* index at which the search of a family goes on */
	net_number seen[2]; /* how many it has looked at, one after the other */
	int n_random;	    /* and before that, in IPv6 */
};

/* Only a hint: a wrong or a missing one makes the next search longer, not wrong. */
static net_number read_hint(const struct lease *l)
{
	net_number size = net_pool_size(l->pool, AF_INET);
	_cleanup_free_ char *text = NULL;
	uint64_t index = 0;
	char name[NET_POOL_HINT_ROOM];

	net_pool_hint_name(l->pool, name);
	if (size == 0 || fd_read_file_at(l->fd, name, 32, &text) < 0 ||
	    str_to_u64(str_trim(text), (uint64_t)size - 1, &index) < 0)
		return 0;
	return index;
}

static void write_hint(const struct lease *l)
{
	char name[NET_POOL_HINT_ROOM], text[STR_NUMBER_ROOM];
	struct err ignored = ERR_INIT;
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", (uint64_t)l->next[0]);

	net_pool_hint_name(l->pool, name);
	if (fd_replace_file_at(l->fd, name, text, (size_t)n, false, &ignored) < 0)
		return;
}

static int random_below(net_number size, net_number *ret, struct err *err)
{
	net_number n;

	if (getrandom(&n, sizeof(n), 0) != (ssize_t)sizeof(n))
		return err_sys(err, errno, "get random bytes");
	*ret = n % size; /* the tiny bias does not matter: nothing is secret */
	return 0;
}

static int refuse_full(const struct lease *l, int family, struct err *err)
{
	uint64_t total = net_pool_count4(l->pool);
	bool is_default = strcmp(l->pool->name, NET_POOL_DEFAULT) == 0;
	char taken[STR_NUMBER_ROOM + 16] = "those of its ranges are taken", others[STR_NUMBER_ROOM + 40] = "";

	if (family == AF_INET)
		snprintf(taken, sizeof(taken), "all %" PRIu64 " are taken", total);
	if (l->n_used > 0)
		snprintf(others, sizeof(others), ", %zu of them by others on the network", l->n_used);
	return err_exit(err, EXIT_RESOURCES, EADDRNOTAVAIL, "pool '%s' has no free %s address: %s%s: %s", l->pool->name,
			net_pool_family_word(family), taken, others,
			is_default ? "make the network of bridge-address larger in ctctl.conf, or make a pool"
				   : "add a range to its file, or make another pool");
}

/* Takes a candidate unless it is somebody's, or in a prefix of somebody's. 1 if it is ours now. */
static int claim(const struct lease *l, const struct net_address *candidate, struct err *err)
{
	char name[ADDRESS_NAME_ROOM], cover[ADDRESS_NAME_ROOM];
	struct address_owner other;
	int r;

	address_name(candidate, false, name);
	r = address_claim(l->fd, name, &l->owner);
	if (r == -EEXIST)
		return 0;
	if (r == 0 && !address_find_cover(l->fd, candidate, &l->owner, cover, &other))
		return 1;
	if (r == 0)
		r = address_unclaim(l->fd, name, &l->owner);
	return r < 0 ? err_sys(err, -r, "take '%s' of pool '%s'", name, l->pool->name) : 0;
}

/* IPv4 addresses go round; those of IPv6 are random, so that nobody finds one by knowing another. */
static int next_candidate(struct lease *l, int family, net_number size, struct net_address *ret, struct err *err)
{
	size_t f = net_family_index(family);
	int r = 0;

	if (family == AF_INET6 && l->n_random < RANDOM_TRIES) {
		l->n_random++;
		r = random_below(size, &l->next[f], err);
	} else {
		l->seen[f]++;
	}
	*ret = net_pool_at(l->pool, family, l->next[f]);
	l->next[f] = (l->next[f] + 1) % size;
	return r;
}

/* The next free one of a family, from where the search was. */
static int find(struct lease *l, int family, struct net_address *ret, struct err *err)
{
	net_number size = net_pool_size(l->pool, family);
	net_number *seen = &l->seen[net_family_index(family)];
	struct net_address candidate;

	while (*seen < size && *seen < NET_POOL_RANGE_MAX) {
		int r = next_candidate(l, family, size, &candidate, err);

		if (r == 0 && net_pool_is_free_to_give(l->pool, &candidate))
			r = claim(l, &candidate, err);
		if (r == 1)
			*ret = candidate;
		if (r != 0)
			return r < 0 ? r : 0;
	}
	return refuse_full(l, family, err);
}

static void give_back(const struct lease *l, struct net_address *address)
{
	char name[ADDRESS_NAME_ROOM];

	if (!address->family)
		return;
	address_name(address, false, name);
	address_unclaim(l->fd, name, &l->owner);
	*address = (struct net_address){ 0 };
}

/* Whoever removes a pool holds the lock alone, and sees either our addresses, or we see that it is gone. */
static int check_pool(const struct lease *l, struct err *err)
{
	_cleanup_free_ char *file = str_printf("%s/%s.conf", l->node->netpools_dir, l->pool->name);

	if (!file)
		return err_oom(err);
	if (strcmp(l->pool->name, NET_POOL_DEFAULT) == 0 || path_exists_at(AT_FDCWD, file))
		return 0;
	return err_exit(err, EXIT_NO_POOL, ENOENT, "the pool of addresses '%s' was removed", l->pool->name);
}

/* On a host without IPv6 the default pool, which nobody has asked for IPv6, gives IPv4 alone. */
static bool gives_family(const struct net_pool *pool, int family)
{
	if (family == AF_INET6 && strcmp(pool->name, NET_POOL_DEFAULT) == 0 && !net_has_ipv6())
		return false;
	return net_pool_has_family(pool, family);
}

/* One of each family that is missing, under the lock, and on the disk. */
static int find_missing(struct lease *l, struct net_address found[2], struct err *err)
{
	static const int families[2] = { AF_INET, AF_INET6 };
	_cleanup_fd_ int lock = address_registry_open(l->node, LOCK_SH, err);
	int r = lock < 0 ? lock : check_pool(l, err);

	for (size_t f = 0; r == 0 && f < 2; f++) {
		if (!found[f].family && gives_family(l->pool, families[f]))
			r = find(l, families[f], &found[f], err);
	}
	if (r == 0)
		r = fault_point("address.linked", err);
	if (r == 0 && fsync(l->fd) < 0)
		r = err_sys(err, errno, "sync '%s'", l->node->addresses_dir);
	return r < 0 ? r : fault_point("address.synced", err);
}

/* Gives back one that somebody outside has. 1 if there was one. */
static int ask(struct lease *l, struct net_address found[2], struct err *err)
{
	struct net_address candidates[2];
	size_t n = 0, which = 0;

	for (size_t f = 0; f < 2; f++) {
		if (found[f].family)
			candidates[n++] = found[f];
	}

	int r = l->is_used ? l->is_used(l->context, candidates, n, &which, err) : 0;

	if (r <= 0)
		return r;
	give_back(l, &found[net_family_index(candidates[which].family)]);
	if (++l->n_used < USED_MAX)
		return 1;
	return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE,
			"pool '%s': others on the network answered for all of %d addresses that were tried: look who does",
			l->pool->name, USED_MAX);
}

static int lease_all(struct lease *l, struct net_address found[2], struct err *err)
{
	int r;

	do {
		r = find_missing(l, found, err);
		if (r == 0)
			r = ask(l, found, err);
	} while (r == 1);
	if (r == 0)
		r = fault_point("address.asked", err);
	for (size_t f = 0; r < 0 && f < 2; f++)
		give_back(l, &found[f]);
	return r;
}

static void return_found(const struct net_pool *pool, const struct net_address found[2], struct net_address ret[2], size_t *ret_n)
{
	*ret_n = 0;
	for (size_t f = 0; f < 2; f++) {
		if (!found[f].family)
			continue;
		ret[*ret_n] = found[f];
		if (pool->networks[f].family)
			ret[*ret_n].prefix = pool->networks[f].prefix;
		++*ret_n;
	}
}

int address_lease(const struct node *node, const struct net_pool *pool, const char *uuid, const char *interface,
		  address_probe_fn is_used, void *context, struct net_address ret[2], size_t *ret_n, struct err *err)
{
	struct lease l = { .node = node, .pool = pool, .fd = -EBADF, .is_used = is_used, .context = context };
	struct net_address found[2] = { 0 };
	int r = address_owner_init(uuid, interface, &l.owner, err);
	_cleanup_fd_ int fd = r < 0 ? r : address_registry_open(node, 0, err);

	if (fd < 0)
		return fd;
	l.fd = fd;
	l.next[0] = read_hint(&l);
	r = lease_all(&l, found, err);
	if (r < 0)
		return r;
	if (net_pool_has_family(pool, AF_INET))
		write_hint(&l);
	return_found(pool, found, ret, ret_n);
	return 0;
}

struct counting {
	const struct net_pool *pool;
	struct net_pool_usage *usage;
};

static int count(void *context, const char *name)
{
	struct counting *counting = context;
	struct net_address address;

	if (address_from_name(name, &address) != 1 || !net_pool_has(counting->pool, &address) ||
	    !net_pool_is_free_to_give(counting->pool, &address))
		return 0;
	if (address.family == AF_INET)
		counting->usage->taken4++;
	else
		counting->usage->taken6++;
	return 0;
}

int net_pool_get_usage(const struct node *node, const struct net_pool *pool, struct net_pool_usage *ret, struct err *err)
{
	_cleanup_fd_ int fd = address_registry_open(node, 0, err);
	struct counting counting = { .pool = pool, .usage = ret };

	if (fd < 0)
		return fd;
	*ret = (struct net_pool_usage){ .total4 = net_pool_count4(pool) };

	int r = address_registry_each(fd, count, &counting);

	return r < 0 ? err_sys(err, -r, "read '%s'", node->addresses_dir) : 0;
}
