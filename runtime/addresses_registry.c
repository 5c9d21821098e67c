/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/addresses_priv.h"
#include "runtime/guest.h"

int address_owner_init(const char *uuid, const char *interface, struct address_owner *ret, struct err *err)
{
	int n = snprintf(ret->text, sizeof(ret->text), "%s/%s", uuid, interface);

	if (!*uuid || !*interface || strchr(uuid, '/') || strchr(interface, '/') || n < 0 || (size_t)n >= sizeof(ret->text))
		return err_set(err, EINVAL, "addresses of '%.80s/%.80s': expected a uuid and an interface", uuid, interface);
	return 0;
}

static int lock_folder(int fd, int lock)
{
	int r;

	do {
		r = flock(fd, lock);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int address_registry_open(const struct node *node, int lock, struct err *err)
{
	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, node->addresses_dir, O_RDONLY);

	if (fd == -ENOENT) {
		int r = path_make_dirs(node->addresses_dir, 0700);

		fd = r < 0 ? r : path_open_dir(AT_FDCWD, node->addresses_dir, O_RDONLY);
	}
	if (fd < 0)
		return err_sys(err, -fd, "open '%s'", node->addresses_dir);

	int r = lock ? lock_folder(fd, lock) : 0;

	return r < 0 ? err_sys(err, -r, "lock '%s'", node->addresses_dir) : TAKE_FD(fd);
}

/* A prefix of the full length is its address, and the same entry. */
void address_name(const struct net_address *address, bool is_prefix, char room[ADDRESS_NAME_ROOM])
{
	struct net_address a = *address;

	is_prefix = is_prefix && a.prefix < net_address_bits(&a);
	if (is_prefix)
		net_address_network(&a);
	net_address_format(&a, is_prefix, room);

	char *slash = strchr(room, '/');

	if (slash)
		*slash = '_';
}

int address_from_name(const char *name, struct net_address *ret)
{
	char text[ADDRESS_NAME_ROOM];
	struct err ignored = ERR_INIT;

	if (!isxdigit((unsigned char)*name) && *name != ':')
		return 0;
	if (str_copy(text, sizeof(text), name) < 0)
		return 0;

	char *slash = strchr(text, '_');

	if (slash)
		*slash = '/';
	if (net_address_parse("entry", text, slash ? NET_PREFIX_REQUIRED : NET_PREFIX_NONE, ret, &ignored) < 0)
		return 0;
	return slash ? 2 : 1;
}

int address_claim(int registry_fd, const char *name, const struct address_owner *owner)
{
	return symlinkat(owner->text, registry_fd, name) < 0 ? -errno : 0;
}

bool address_read_owner(int registry_fd, const char *name, struct address_owner *ret)
{
	ssize_t n = readlinkat(registry_fd, name, ret->text, sizeof(ret->text) - 1);

	ret->text[n > 0 ? n : 0] = '\0';
	return n >= 0;
}

bool address_read_owner_of(int registry_fd, const char *name, const char *uuid, struct address_owner *ret)
{
	size_t len = strlen(uuid);

	return address_read_owner(registry_fd, name, ret) && strncmp(ret->text, uuid, len) == 0 && ret->text[len] == '/';
}

int address_unclaim(int registry_fd, const char *name, const struct address_owner *owner)
{
	struct address_owner is;

	if (!address_read_owner(registry_fd, name, &is) || strcmp(is.text, owner->text) != 0)
		return 0;
	if (unlinkat(registry_fd, name, 0) < 0)
		return errno == ENOENT ? 0 : -errno;
	return 1;
}

static bool is_same_guest(const struct address_owner *a, const struct address_owner *b)
{
	size_t len = strcspn(a->text, "/");

	return strncmp(a->text, b->text, len + 1) == 0;
}

int address_find_cover(int registry_fd, const struct net_address *address, const struct address_owner *owner,
		       char ret_name[ADDRESS_NAME_ROOM], struct address_owner *ret_owner)
{
	struct net_address network = *address;

	while (network.prefix > 1) {
		network.prefix--;
		address_name(&network, true, ret_name);
		if (address_read_owner(registry_fd, ret_name, ret_owner) && !is_same_guest(ret_owner, owner))
			return 1;
	}
	return 0;
}

int address_registry_each(int registry_fd, int (*each)(void *context, const char *name), void *context)
{
	_cleanup_dir_ DIR *dir = entries_open(registry_fd);
	const struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = entries_next(dir))) {
		if (e->d_name[0] == '.')
			continue;

		int r = each(context, e->d_name);

		if (r != 0)
			return r;
	}
	return -errno;
}

struct wanted {
	const struct node *node;
	const struct address_owner *owner;
	char *room;
};

static int describe_if_its(void *context, const char *name)
{
	struct wanted *wanted = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err ignored = ERR_INIT;
	const char *slash = strchrnul(wanted->owner->text, '/');
	size_t len = (size_t)(slash - wanted->owner->text);

	if (guest_open(wanted->node, name, &guest, &ignored) < 0 || !guest->config.uuid)
		return 0;
	if (strlen(guest->config.uuid) != len || strncmp(guest->config.uuid, wanted->owner->text, len) != 0)
		return 0;
	snprintf(wanted->room, ADDRESS_WHO_ROOM, "guest '%s' (%s)", guest->name, *slash ? slash + 1 : "?");
	return -EEXIST;
}

void address_describe_owner(const struct node *node, const struct address_owner *owner, char room[ADDRESS_WHO_ROOM])
{
	struct wanted wanted = { .node = node, .owner = owner, .room = room };
	struct err ignored = ERR_INIT;

	/* One that is being created or destroyed has no guest.conf, or not yet. */
	snprintf(room, ADDRESS_WHO_ROOM, "another guest (%s)", owner->text);
	if (guest_each(node, describe_if_its, &wanted, &ignored) < 0)
		return;
}
