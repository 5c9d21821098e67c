/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Removing a group and what a guest made below it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/*
 * Removes the groups directly below `dir` that are empty and counts them. 0 if none is left, 1 with the name in `ret` of one that
 * has something in it, or a negative errno.
 */
static int remove_empty_children(int dir, char *ret, size_t room, int *ret_removed)
{
	_cleanup_dir_ DIR *d = entries_open(dir);
	const struct dirent *e;

	if (!d)
		return -errno;
	*ret_removed = 0;
	while ((e = entries_next(d))) {
		if (e->d_type != DT_DIR)
			continue;
		if (unlinkat(dir, e->d_name, AT_REMOVEDIR) == 0 || errno == ENOENT) {
			++*ret_removed;
			continue;
		}
		if (errno != EBUSY && errno != ENOTEMPTY)
			return -errno;
		return str_copy(ret, room, e->d_name) < 0 ? -ENAMETOOLONG : 1;
	}
	return 0;
}

/*
 * A guest may have made groups as deep as it liked: this holds one descriptor at a time and no stack. It goes down where
 * something is left and up where nothing is. A group that could not be removed though nothing was below it has processes: -EBUSY.
 */
static int remove_below(int top)
{
	_cleanup_fd_ int cur = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];
	bool went_down = false;
	uint64_t depth = 0;
	int removed = 0;

	if (cur < 0)
		return -errno;
	for (;;) {
		int r = remove_empty_children(cur, name, sizeof(name), &removed);

		if (r < 0)
			return r;
		if (r == 0 && depth == 0)
			return 0;
		if (r == 0 && went_down && removed == 0)
			return -EBUSY;
		went_down = r == 1;
		depth += went_down ? 1 : (uint64_t)-1;

		int next = openat(cur, went_down ? name : "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (next < 0)
			return -errno;
		fd_close(&cur);
		cur = next;
	}
}

static int remove_group(const struct cgroup_hierarchy *h, const char *path)
{
	_cleanup_free_ char *full = str_printf("%s/%s", h->mount, path);

	if (!full)
		return -ENOMEM;
	/* Nearly always there is nothing below it. */
	if (rmdir(full) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -errno;

	_cleanup_fd_ int dir = cgroup_open_group(h, path);
	int r = dir < 0 ? dir : remove_below(dir);

	if (r == 0 && rmdir(full) < 0)
		r = -errno;
	return r == -ENOENT ? 0 : r;
}

int cgroup_map_destroy(const struct cgroup_map *map, const char *path, struct err *err)
{
	int first = 0;

	/* What can go, goes; the first trouble is reported. v1 before v2, so that what is left can still be killed. */
	for (int i = map->n - 1; i >= 0; i--) {
		int r = remove_group(&map->h[i], path);

		if (r == 0 || first < 0)
			continue;
		if (r == -EBUSY)
			first = err_exit(err, EXIT_NOT_STOPPED, EBUSY,
					 "the cgroup '%s' still has processes in the hierarchy '%s': end them first", path,
					 cgroup_hierarchy_name(&map->h[i]));
		else
			first = err_sys(err, -r, "remove the cgroup '%s' of the hierarchy '%s'", path,
					cgroup_hierarchy_name(&map->h[i]));
	}
	return first;
}

int cgroup_destroy(const char *path, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_destroy(&map, path, err);
}
