/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "storage/tree_priv.h"

#define LINKS ".links"

struct number_name {
	char s[24];
};

static struct number_name name_of(uint64_t number)
{
	struct number_name name;

	snprintf(name.s, sizeof(name.s), "%llu", (unsigned long long)number);
	return name;
}

bool tree_is_name(const char *name)
{
	return name[0] && strlen(name) <= NAME_MAX && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int tree_target_begin(struct tree_target *target, int dir_fd, struct err *err)
{
	int fd = path_open_dir(dir_fd, ".", O_RDONLY), r;

	*target = (struct tree_target){ .place.fd = -EBADF, .links_fd = -EBADF };
	r = fd < 0 ? fd : tree_place_begin(&target->place, fd);
	if (r == 0 && mkdirat(dir_fd, LINKS, 0700) < 0)
		r = -errno;
	if (r == 0)
		r = target->links_fd = path_open_dir(dir_fd, LINKS, O_RDONLY | O_NOFOLLOW);
	return r < 0 ? err_sys(err, -r, "make the folder '%s' in a new private area", LINKS) : 0;
}

int tree_target_finish(struct tree_target *target, int dir_fd, struct err *err)
{
	int r;

	cleanup_fd(&target->links_fd);
	target->links_fd = -EBADF;
	r = path_remove_tree_at(dir_fd, LINKS);
	return r < 0 ? err_sys(err, -r, "remove the folder '%s' of a new private area", LINKS) : 0;
}

void tree_target_free(struct tree_target *target)
{
	cleanup_fd(&target->links_fd);
	target->links_fd = -EBADF;
	tree_place_end(&target->place);
}

static int make_special(int dir_fd, const char *name, mode_t mode, dev_t device, const char *link_to)
{
	int fd;

	if (S_ISLNK(mode) ? symlinkat(link_to, dir_fd, name) < 0 : mknodat(dir_fd, name, (mode & S_IFMT) | 0600, device) < 0)
		return -errno;
	fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tree_target_make(struct tree_target *target, const char *name, mode_t mode, dev_t device, const char *link_to)
{
	int fd;

	if (!tree_is_name(name) || S_ISDIR(mode) || (mode & S_IFMT) == 0)
		return -EINVAL;
	if (!S_ISREG(mode))
		return make_special(target->place.fd, name, mode, device, link_to);
	fd = openat(target->place.fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

int tree_target_keep(struct tree_target *target, const char *name, uint64_t number)
{
	struct number_name to = name_of(number);

	if (!tree_is_name(name))
		return -EINVAL;
	return linkat(target->place.fd, name, target->links_fd, to.s, 0) < 0 ? -errno : 0;
}

int tree_target_again(struct tree_target *target, const char *name, uint64_t number)
{
	struct number_name from = name_of(number);

	if (!tree_is_name(name))
		return -EINVAL;
	return linkat(target->links_fd, from.s, target->place.fd, name, 0) < 0 ? -errno : 0;
}

int tree_target_enter(struct tree_target *target, const char *name)
{
	if (!tree_is_name(name))
		return -EINVAL;
	if (mkdirat(target->place.fd, name, 0700) < 0)
		return -errno;
	return tree_place_enter(&target->place, name);
}
