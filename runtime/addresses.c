/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/addresses.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/str.h"
#include "runtime/addresses_priv.h"

/* One call of address_take(). */
struct taking {
	const struct node *node;
	int fd;
	struct address_owner owner;
	bool is_prefix;
	bool may_move; /* from another interface of the guest */
	bool *was_made;
};

static bool is_network(const struct taking *t, const struct net_address *address)
{
	return t->is_prefix && address->prefix < net_address_bits(address);
}

/* "address '192.0.2.10'", "prefix '2001:db8:5::/64'" */
static const char *word_for(const struct taking *t, const struct net_address *address)
{
	return is_network(t, address) ? "prefix" : "address";
}

/* As users write it. */
static void show(const char *name, char room[ADDRESS_NAME_ROOM])
{
	snprintf(room, ADDRESS_NAME_ROOM, "%s", name);

	char *bar = strchr(room, '_');

	if (bar)
		*bar = '/';
}

static bool is_ours(const struct taking *t, const struct address_owner *owner)
{
	size_t len = strcspn(t->owner.text, "/") + 1;

	return strncmp(t->owner.text, owner->text, len) == 0;
}

static int refuse_taken(const struct taking *t, const struct net_address *address, const char *name, struct err *err)
{
	char shown[ADDRESS_NAME_ROOM], who[ADDRESS_WHO_ROOM];
	struct address_owner owner;

	show(name, shown);
	if (!address_read_owner(t->fd, name, &owner))
		return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE, "%s '%s' is in use: take another one, or try again",
				word_for(t, address), shown);
	if (is_ours(t, &owner))
		return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE, "%s '%s' is the guest's own '%s' already",
				word_for(t, address), shown, strchr(owner.text, '/') + 1);
	address_describe_owner(t->node, &owner, who);
	return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE, "%s '%s' is in use by %s: take another one", word_for(t, address),
			shown, who);
}

static int check_cover(const struct taking *t, const struct net_address *address, const char *name, struct err *err)
{
	char cover[ADDRESS_NAME_ROOM], shown[ADDRESS_NAME_ROOM], whole[ADDRESS_NAME_ROOM], who[ADDRESS_WHO_ROOM];
	struct net_address all = *address;
	struct address_owner owner;

	if (!is_network(t, address))
		all.prefix = net_address_bits(&all);
	if (!address_find_cover(t->fd, &all, &t->owner, cover, &owner))
		return 0;
	show(name, shown);
	show(cover, whole);
	address_describe_owner(t->node, &owner, who);
	return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE, "%s '%s' is in '%s', which is routed to %s: take another one",
			word_for(t, address), shown, whole, who);
}

struct search {
	const struct taking *taking;
	const struct net_address *network;
	char name[ADDRESS_NAME_ROOM];
	struct address_owner owner;
};

static int find_inside(void *context, const char *name)
{
	struct search *s = context;
	struct net_address address;

	if (address_from_name(name, &address) == 0 || !net_address_covers(s->network, &address))
		return 0;
	/* One that somebody gives back at this moment is free. */
	if (address.prefix < s->network->prefix || !address_read_owner(s->taking->fd, name, &s->owner) ||
	    is_ours(s->taking, &s->owner))
		return 0;
	return str_copy(s->name, sizeof(s->name), name) < 0 ? 0 : 1;
}

static int check_inside(const struct taking *t, const struct net_address *network, const char *name, struct err *err)
{
	struct search s = { .taking = t, .network = network };
	char shown[ADDRESS_NAME_ROOM], part[ADDRESS_NAME_ROOM], who[ADDRESS_WHO_ROOM];
	int r = address_registry_each(t->fd, find_inside, &s);

	if (r < 0)
		return err_sys(err, -r, "read '%s'", t->node->addresses_dir);
	if (r == 0)
		return 0;
	show(name, shown);
	show(s.name, part);
	address_describe_owner(t->node, &s.owner, who);
	return err_exit(err, EXIT_ADDRESS_IN_USE, EADDRINUSE,
			"prefix '%s' has '%s' in it, which is in use by %s: take another one", shown, part, who);
}

/* From one interface of a guest to another, in one step. The name of the new entry is the guest's, so nobody else writes it. */
static int move_entry(const struct taking *t, const char *name, struct err *err)
{
	_cleanup_free_ char *temporary = str_printf(".%.*s", (int)strcspn(t->owner.text, "/"), t->owner.text);
	int r;

	if (!temporary)
		return err_oom(err);
	unlinkat(t->fd, temporary, 0);
	r = address_claim(t->fd, temporary, &t->owner);
	if (r == 0 && renameat(t->fd, temporary, t->fd, name) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "give '%s' to '%s'", name, t->owner.text) : 0;
}

/* 1 if it is ours now and was not before, 0 if it was. */
static int take_one(const struct taking *t, const struct net_address *address, struct err *err)
{
	char name[ADDRESS_NAME_ROOM];
	struct address_owner owner;

	address_name(address, t->is_prefix, name);

	int r = address_claim(t->fd, name, &t->owner);

	if (r == 0)
		return 1;
	if (r != -EEXIST)
		return err_sys(err, -r, "take %s '%s'", word_for(t, address), name);
	if (!address_read_owner(t->fd, name, &owner) || !is_ours(t, &owner))
		return refuse_taken(t, address, name, err);
	if (strcmp(owner.text, t->owner.text) == 0)
		return 0;
	return t->may_move ? move_entry(t, name, err) : refuse_taken(t, address, name, err);
}

/* After it was taken: of two who take what overlaps at once, at least one sees the other. */
static int check_overlap(const struct taking *t, const struct net_address *address, struct err *err)
{
	struct net_address network = *address;
	char name[ADDRESS_NAME_ROOM];

	address_name(address, t->is_prefix, name);

	int r = check_cover(t, address, name, err);

	if (r < 0 || !is_network(t, address))
		return r;
	net_address_network(&network);
	return check_inside(t, &network, name, err);
}

static void undo(const struct taking *t, const struct net_address *addresses, size_t n)
{
	char name[ADDRESS_NAME_ROOM];

	for (size_t i = 0; i < n; i++) {
		if (!t->was_made[i])
			continue;
		address_name(&addresses[i], t->is_prefix, name);
		address_unclaim(t->fd, name, &t->owner);
	}
}

static int take_all(const struct taking *t, const struct net_address *addresses, size_t n, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < n; i++) {
		r = take_one(t, &addresses[i], err);
		t->was_made[i] = r == 1;
		if (r == 1)
			r = check_overlap(t, &addresses[i], err);
	}
	if (r >= 0)
		r = fault_point("address.linked", err);
	/* On the disk before a guest has them: after a power cut, nobody else may get them. */
	if (r == 0 && fsync(t->fd) < 0)
		r = err_sys(err, errno, "sync '%s'", t->node->addresses_dir);
	return r < 0 ? r : fault_point("address.synced", err);
}

static int take(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, bool may_move,
		const struct address_owner *owner, struct err *err)
{
	_cleanup_free_ bool *was_made = calloc(n, sizeof(*was_made));
	_cleanup_fd_ int fd = was_made ? address_registry_open(node, is_prefix ? LOCK_EX : LOCK_SH, err) : err_oom(err);

	if (fd < 0)
		return fd;

	struct taking t = { node, fd, *owner, is_prefix, may_move, was_made };
	int r = take_all(&t, addresses, n, err);

	if (r < 0)
		undo(&t, addresses, n);
	return r;
}

int address_take(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		 const char *interface, struct err *err)
{
	struct address_owner owner;
	int r = n > 0 ? address_owner_init(uuid, interface, &owner, err) : 0;

	return r < 0 || n == 0 ? r : take(node, addresses, n, is_prefix, false, &owner, err);
}

int address_check(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		  const char *interface, struct err *err)
{
	struct address_owner owner, is;
	char name[ADDRESS_NAME_ROOM];
	int r = n > 0 ? address_owner_init(uuid, interface, &owner, err) : 0;
	_cleanup_fd_ int fd = r < 0 || n == 0 ? -EBADF : address_registry_open(node, 0, err);

	if (r < 0 || n == 0)
		return r;
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < n; i++) {
		address_name(&addresses[i], is_prefix, name);
		if (!address_read_owner(fd, name, &is) || strcmp(is.text, owner.text) != 0)
			return take(node, addresses, n, is_prefix, true, &owner, err);
	}
	return 0;
}

int address_release(const struct node *node, const struct net_address *addresses, size_t n, bool is_prefix, const char *uuid,
		    const char *interface, struct err *err)
{
	struct address_owner owner;
	char name[ADDRESS_NAME_ROOM];
	int r = n > 0 ? address_owner_init(uuid, interface, &owner, err) : 0;
	_cleanup_fd_ int fd = r < 0 || n == 0 ? -EBADF : address_registry_open(node, 0, err);

	if (r < 0 || n == 0)
		return r;
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < n; i++) {
		address_name(&addresses[i], is_prefix, name);
		r = address_unclaim(fd, name, &owner);
		if (r < 0)
			return err_sys(err, -r, "give back '%s'", name);
	}
	return 0;
}

struct releasing {
	int fd;
	const char *uuid;
	size_t n;
};

static int release_if_its(void *context, const char *name)
{
	struct releasing *rel = context;
	struct address_owner is;

	if (!address_read_owner_of(rel->fd, name, rel->uuid, &is))
		return 0;
	if (unlinkat(rel->fd, name, 0) < 0 && errno != ENOENT)
		return -errno;
	rel->n++;
	return 0;
}

int address_release_all_of(const struct node *node, const char *uuid, struct err *err)
{
	_cleanup_fd_ int fd = address_registry_open(node, 0, err);

	if (fd < 0)
		return fd;
	if (!*uuid)
		return 0;

	_cleanup_free_ char *temporary = str_printf(".%s", uuid); /* of a move that was interrupted */
	struct releasing rel = { .fd = fd, .uuid = uuid };
	int r = temporary ? address_registry_each(fd, release_if_its, &rel) : -ENOMEM;

	if (r == 0 && unlinkat(fd, temporary, 0) < 0 && errno != ENOENT)
		r = -errno;
	/* Before the guest's own folder goes: after a power cut, none may be left that nobody would give back. */
	if (r == 0 && rel.n > 0 && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "give back the addresses of '%s'", uuid) : address_end_change(node, uuid, err);
}
