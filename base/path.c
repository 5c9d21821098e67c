/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/path.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/entries.h"

static int open_resolved(int dir_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY)),
		.mode = flags & (O_CREAT | __O_TMPFILE) ? mode : 0,
		.resolve = resolve,
	};

	/* -EAGAIN: a rename raced with the walk (openat2(2)); the guest can force a few of these, not endless ones. */
	for (int tries = 0; tries < 100; tries++) {
		long fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int path_open_in(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(dir_fd, path, flags, mode, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int path_open_dir(int dir_fd, const char *path, int flags)
{
	int fd = openat(dir_fd, path, flags | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int path_make_dirs(const char *path, mode_t mode)
{
	_cleanup_free_ char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	if (!*copy)
		return -ENOENT;
	for (char *slash = strchr(copy + 1, '/');; slash = strchr(slash + 1, '/')) {
		if (slash)
			*slash = '\0';
		if (mkdir(copy, mode) < 0 && errno != EEXIST)
			return -errno;
		if (!slash)
			break;
		*slash = '/';
	}

	_cleanup_fd_ int fd = path_open_dir(AT_FDCWD, path, O_PATH);

	return fd < 0 ? fd : 0;
}

int path_make_dir_at(int dir_fd, const char *name, mode_t mode)
{
	if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
		return -errno;
	return path_open_dir(dir_fd, name, O_RDONLY | O_NOFOLLOW);
}

bool path_exists_at(int dir_fd, const char *name)
{
	return faccessat(dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct path_fd path_of_fd(int fd)
{
	struct path_fd p;

	snprintf(p.s, sizeof(p.s), "/proc/self/fd/%d", fd);
	return p;
}

/*
 * Removal walks with one descriptor: it descends by openat() and climbs by "..", whose identity is compared with what was noted
 * on the way down, so that neither depth nor a folder moved meanwhile can lead it astray.
 */
struct climb {
	dev_t dev;
	ino_t ino;
	char name[NAME_MAX + 1];
};

struct removal {
	int dir_fd; /* the folder being emptied */
	dev_t dev;
	struct climb *stack;
	size_t depth;
	size_t room;
};

/* Not into a mount, which by its device number can be the same file system: -EXDEV. */
static int open_to_remove(int dir_fd, const char *name)
{
	return open_resolved(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS);
}

static int removal_descend(struct removal *rm, const char *name)
{
	_cleanup_fd_ int fd = open_to_remove(rm->dir_fd, name);
	struct stat parent, child;

	if (fd < 0)
		return fd;
	if (fstat(rm->dir_fd, &parent) < 0 || fstat(fd, &child) < 0)
		return -errno;
	if (child.st_dev != rm->dev)
		return -EXDEV;
	if (rm->depth == rm->room) {
		size_t room = rm->room ? rm->room * 2 : 16;
		struct climb *bigger = reallocarray(rm->stack, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		rm->stack = bigger;
		rm->room = room;
	}

	struct climb *c = &rm->stack[rm->depth++];

	c->dev = parent.st_dev;
	c->ino = parent.st_ino;
	snprintf(c->name, sizeof(c->name), "%s", name);
	close(rm->dir_fd);
	rm->dir_fd = TAKE_FD(fd);
	return 0;
}

static int removal_climb(struct removal *rm)
{
	const struct climb *c = &rm->stack[rm->depth - 1];
	_cleanup_fd_ int fd = openat(rm->dir_fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != c->dev || st.st_ino != c->ino)
		return -ESTALE;
	if (unlinkat(fd, c->name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	close(rm->dir_fd);
	rm->dir_fd = TAKE_FD(fd);
	rm->depth--;
	return 0;
}

/* Removes one entry, or descends into it: 1 then. What another process removed meanwhile is removed. */
static int removal_entry(struct removal *rm, const char *name)
{
	if (unlinkat(rm->dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (unlinkat(rm->dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	/* EBUSY: something is mounted on it, which descending finds out. */
	if (errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY)
		return -errno;

	int r = removal_descend(rm, name);

	return r < 0 && r != -ENOENT ? r : r == 0;
}

/* Empties the current folder of files. 1 if it descended into a folder, 0 if it is empty now. */
static int removal_sweep(struct removal *rm)
{
	_cleanup_dir_ DIR *dir = entries_open(rm->dir_fd);
	const struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = entries_next(dir))) {
		int r = removal_entry(rm, e->d_name);

		if (r != 0)
			return r;
	}
	return -errno;
}

static int removal_run(struct removal *rm)
{
	for (;;) {
		int r = removal_sweep(rm);

		if (r < 0)
			return r;
		if (r == 1)
			continue;
		if (rm->depth == 0)
			return 0;
		r = removal_climb(rm);
		if (r < 0)
			return r;
	}
}

static int remove_tree(int dir_fd, const char *name)
{
	struct stat st;

	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;

	struct removal rm = { .dir_fd = open_to_remove(dir_fd, name) };

	if (rm.dir_fd < 0)
		return rm.dir_fd == -ENOENT ? 0 : rm.dir_fd;

	int r = fstat(rm.dir_fd, &st) < 0 ? -errno : 0;

	rm.dev = st.st_dev;
	if (r == 0)
		r = removal_run(&rm);
	free(rm.stack);
	close(rm.dir_fd);
	if (r == 0 && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		r = -errno;
	return r;
}

int path_remove_tree_at(int dir_fd, const char *name)
{
	const char *slash = strrchr(name, '/');

	if (!slash)
		return remove_tree(dir_fd, name);

	/* On the way to its folder mounts may be crossed, but not into the tree. */
	_cleanup_free_ char *above = strndup(name, (size_t)(slash - name + 1));
	_cleanup_fd_ int parent = above ? path_open_dir(dir_fd, above, O_PATH) : -ENOMEM;

	if (parent < 0)
		return parent == -ENOENT ? 0 : parent;
	return slash[1] ? remove_tree(parent, slash + 1) : -EINVAL;
}

int path_empty_but(int dir_fd, const char *keep)
{
	_cleanup_dir_ DIR *dir = entries_open(dir_fd);
	const struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = entries_next(dir))) {
		int r = strcmp(e->d_name, keep) == 0 ? 0 : remove_tree(dir_fd, e->d_name);

		if (r < 0)
			return r;
	}
	return -errno;
}
