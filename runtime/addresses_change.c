/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/addresses.h"
#include "runtime/addresses_priv.h"

/* The mark of a change that is not finished, see addresses.h. */
static int mark_name(const char *uuid, char room[ADDRESS_OWNER_ROOM])
{
	int n = snprintf(room, ADDRESS_OWNER_ROOM, ".changing-%s", uuid);

	return n < 0 || n >= ADDRESS_OWNER_ROOM || strchr(uuid, '/') ? -EINVAL : 0;
}

int address_begin_change(const struct node *node, const char *uuid, struct err *err)
{
	char mark[ADDRESS_OWNER_ROOM];
	_cleanup_fd_ int registry = address_registry_open(node, 0, err);

	if (registry < 0)
		return registry;
	if (mark_name(uuid, mark) < 0)
		return err_set(err, EINVAL, "addresses of '%.80s': expected a uuid", uuid);

	/* What is taken next is synced with this folder, and this with it. */
	_cleanup_fd_ int fd = openat(registry, mark, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? err_sys(err, errno, "make '%s/%s'", node->addresses_dir, mark) : 0;
}

int address_end_change(const struct node *node, const char *uuid, struct err *err)
{
	char mark[ADDRESS_OWNER_ROOM];
	_cleanup_fd_ int registry = address_registry_open(node, 0, err);

	if (registry < 0)
		return registry;
	if (mark_name(uuid, mark) == 0 && unlinkat(registry, mark, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '%s/%s'", node->addresses_dir, mark);
	return 0;
}

/* Entries that are the guest's by its configuration. */
struct kept {
	char name[ADDRESS_NAME_ROOM];
	struct address_owner owner;
};

struct keeping {
	int fd;
	const char *uuid;
	struct kept *list;
	size_t n;
	size_t n_released;
};

static void keeping_free(struct keeping *k)
{
	free(k->list);
}

static int keep_list(struct keeping *k, const char *text, bool is_prefix, const char *interface, struct err *err)
{
	_cleanup_free_ struct net_address *addresses = NULL;
	size_t n = 0;
	int r = interface_parse_addresses(text, &addresses, &n, err);
	struct kept *list = r < 0 ? NULL : reallocarray(k->list, k->n + n + 1, sizeof(*list));

	if (!list)
		return r < 0 ? r : err_oom(err);
	k->list = list;
	for (size_t i = 0; r == 0 && i < n; i++) {
		address_name(&addresses[i], is_prefix, list[k->n].name);
		r = address_owner_init(k->uuid, interface, &list[k->n++].owner, err);
	}
	return r;
}

static bool is_kept(const struct keeping *k, const char *name, const struct address_owner *owner)
{
	for (size_t i = 0; i < k->n; i++) {
		if (strcmp(k->list[i].name, name) == 0 && strcmp(k->list[i].owner.text, owner->text) == 0)
			return true;
	}
	return false;
}

static int release_unless_kept(void *context, const char *name)
{
	struct keeping *k = context;
	struct address_owner is;

	if (!address_read_owner_of(k->fd, name, k->uuid, &is) || is_kept(k, name, &is))
		return 0;
	if (unlinkat(k->fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	k->n_released++;
	return 0;
}

static int keep_only(struct keeping *k, const struct guest_interface *interfaces, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = keep_list(k, interfaces[i].ip, false, interfaces[i].name, err);
		if (r == 0)
			r = keep_list(k, interfaces[i].route, true, interfaces[i].name, err);
	}
	if (r < 0)
		return r;
	r = address_registry_each(k->fd, release_unless_kept, k);
	return r < 0 ? err_sys(err, -r, "give back addresses of '%s'", k->uuid) : 0;
}

int address_settle_change(const struct node *node, const char *uuid, const struct guest_interface *interfaces, size_t n,
			  struct err *err)
{
	char mark[ADDRESS_OWNER_ROOM];
	_cleanup_fd_ int registry = address_registry_open(node, 0, err);
	_cleanup_(keeping_free) struct keeping keeping = { .fd = registry, .uuid = uuid };

	if (registry < 0)
		return registry;
	if (mark_name(uuid, mark) < 0 || !path_exists_at(registry, mark))
		return 0;

	int r = keep_only(&keeping, interfaces, n, err);

	if (r == 0)
		r = address_end_change(node, uuid, err);
	return r < 0 ? r : keeping.n_released > 0;
}
