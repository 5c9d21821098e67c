/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Moving a process into a group, giving the group to the guest. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/*
 * Where a process goes when the group itself cannot have one: systemd's own leaf, which it makes for itself in the root of its
 * tree.
 */
#define LEAF_SYSTEMD "init.scope"
#define LEAF_OURS    "ctctl"

/*
 * v2: a group that gave controllers to its children takes no process itself (EBUSY, "no internal processes"). The guest's init
 * does that in its delegated group after it moved itself to a leaf: a process that comes later goes to a leaf too. Returns its
 * path, which the caller frees.
 */
static int find_leaf(const struct cgroup_hierarchy *v2, const char *path, char **ret)
{
	_cleanup_free_ char *leaf = str_printf("%s/%s", path, LEAF_SYSTEMD), *full = NULL;

	if (leaf && !cgroup_exists(v2, leaf)) {
		free(leaf);
		leaf = str_printf("%s/%s", path, LEAF_OURS);
		full = leaf ? str_printf("%s/%s", v2->mount, leaf) : NULL;
		if (full && mkdir(full, 0755) < 0 && errno != EEXIST)
			return -errno;
	}
	if (!leaf)
		return -ENOMEM;
	*ret = TAKE_PTR(leaf);
	return 0;
}

static int attach_to_leaf(const struct cgroup_hierarchy *v2, const char *path, const char *pid)
{
	_cleanup_free_ char *leaf = NULL;
	int r = find_leaf(v2, path, &leaf);

	return r < 0 ? r : cgroup_write(v2, leaf, "cgroup.procs", pid);
}

static int attach_one(const struct cgroup_hierarchy *h, const char *path, const char *pid)
{
	/* cgroup.procs moves the whole process; v1's tasks, which libcgroup writes, one thread. */
	int r = cgroup_write(h, path, "cgroup.procs", pid);

	return r == -EBUSY && h->is_v2 ? attach_to_leaf(h, path, pid) : r;
}

int cgroup_map_attach(const struct cgroup_map *map, const char *path, pid_t pid, struct err *err)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (int i = 0; i < map->n; i++) {
		int r = attach_one(&map->h[i], path, text);

		if (r == -ESRCH)
			return err_set(err, ESRCH, "process %d ended before it was in the cgroup '%s'", pid, path);
		if (r < 0)
			return err_sys(err, -r, "move process %d into the cgroup '%s' of the hierarchy '%s'", pid, path,
				       cgroup_hierarchy_name(&map->h[i]));
	}
	return 0;
}

int cgroup_attach(const char *path, pid_t pid, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_attach(&map, path, pid, err);
}

static int open_v2_for_join(const struct cgroup_hierarchy *v2, const char *path)
{
	_cleanup_free_ char *leaf = NULL;
	char enabled[256];
	int r = cgroup_read(v2, path, "cgroup.subtree_control", enabled, sizeof(enabled));

	if (r == 0 && enabled[0] != '\0')
		r = find_leaf(v2, path, &leaf);
	return r < 0 ? r : cgroup_open_group(v2, leaf ? leaf : path);
}

int cgroup_map_join_open(const struct cgroup_map *map, const char *path, struct cgroup_join *ret, struct err *err)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;

	for (int i = 0; i < map->n; i++) {
		const struct cgroup_hierarchy *h = &map->h[i];
		int fd = h->is_v2 ? open_v2_for_join(h, path) : cgroup_open_file(h, path, "tasks", O_WRONLY);

		if (fd < 0) {
			cgroup_join_close(&join);
			return err_sys(err, -fd, "open the cgroup '%s' of the hierarchy '%s'", path, cgroup_hierarchy_name(h));
		}
		if (h->is_v2)
			join.v2_fd = fd;
		else
			join.tasks_fds[join.n_tasks++] = fd;
	}
	*ret = join;
	return 0;
}

int cgroup_join_open(const char *path, struct cgroup_join *ret, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_join_open(&map, path, ret, err);
}

int cgroup_join_self(const struct cgroup_join *join)
{
	for (int i = 0; i < join->n_tasks; i++) {
		if (write(join->tasks_fds[i], "0", 1) != 1)
			return errno ? -errno : -EIO;
	}
	return 0;
}

void cgroup_join_close(struct cgroup_join *join)
{
	fd_close(&join->v2_fd);
	while (join->n_tasks > 0)
		fd_close(&join->tasks_fds[--join->n_tasks]);
}

/*
 * What a guest may make in its group. Groups cost the host's memory, 11 KiB each and not the guest's (measured on 6.18), and a
 * deep tree costs time under a lock of the whole host: 12 s for 3000 levels. systemd makes a hundred or two, ten deep. The files
 * are not among those that are given away.
 */
static int limit_descendants(int dir)
{
	int r = fd_write_file_at(dir, "cgroup.max.descendants", "4096");

	if (r == 0)
		r = fd_write_file_at(dir, "cgroup.max.depth", "64");
	return r == -ENOENT ? 0 : r; /* before Linux 4.14 */
}

int cgroup_give(int dir_fd, uid_t uid, gid_t gid)
{
	_cleanup_free_ char *files = NULL;
	char *save = NULL;
	/* One name per line; the limits are not among them: they belong to who set them. */
	ssize_t n = fd_read_file_at(AT_FDCWD, "/sys/kernel/cgroup/delegate", 4096, &files);

	if (n < 0)
		return (int)n;
	if (fchown(dir_fd, uid, gid) < 0)
		return -errno;
	for (char *f = strtok_r(files, "\n", &save); f; f = strtok_r(NULL, "\n", &save)) {
		/* Files of a controller that is not enabled here do not exist. */
		if (fchownat(dir_fd, f, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

int cgroup_map_delegate(const struct cgroup_map *map, const char *path, uid_t uid, gid_t gid, struct err *err)
{
	const struct cgroup_hierarchy *v2 = cgroup_map_v2(map);

	if (!v2)
		return 0;

	_cleanup_fd_ int dir = cgroup_open_group(v2, path);

	if (dir < 0)
		return err_sys(err, -dir, "open the cgroup '%s'", path);

	int r = limit_descendants(dir);

	if (r < 0)
		return err_sys(err, -r, "limit the groups below the cgroup '%s'", path);
	r = cgroup_give(dir, uid, gid);
	return r < 0 ? err_sys(err, -r, "give the cgroup '%s' and the files of /sys/kernel/cgroup/delegate in it to the guest",
			       path)
		     : 0;
}

int cgroup_delegate(const char *path, uid_t uid, gid_t gid, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_delegate(&map, path, uid, gid, err);
}
