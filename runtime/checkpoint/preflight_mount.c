/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "runtime/checkpoint/preflight_priv.h"

/* Which can be mounted again as they were. An overlay is, too, if it is the guest's root. */
static const char *const saved_types[] = {
	"proc", "sysfs", "tmpfs", "ramfs", "devtmpfs", "devpts", "mqueue", "cgroup", "cgroup2", "binfmt_misc",
};

/* Longer chains of mounts, one in another, do not make sense to anybody; a guest can make them all the same. */
#define DEPTH_MAX 64

static int compare_mounts(const void *a, const void *b)
{
	const struct mount_line *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

static int compare_devices(const void *a, const void *b)
{
	const struct mount_line *const *x = a, *const *y = b;

	if ((*x)->device != (*y)->device)
		return (*x)->device < (*y)->device ? -1 : 1;
	return compare_mounts(*x, *y);
}

static struct mount_line *find_mount(const struct preflight *p, uint64_t id)
{
	struct mount_line key = { .id = id };

	return p->mounts.n == 0 ? NULL : bsearch(&key, p->mounts.data, p->mounts.n, sizeof(key), compare_mounts);
}

/* A process that has another root does not see all mounts of its namespace. */
static bool sees_all(const struct process *process)
{
	char root[8];

	return preflight_read_link(process->status.pid, "root", root, sizeof(root)) && strcmp(root, "/") == 0;
}

static void read_mounts(struct preflight *p, const struct process *process)
{
	_cleanup_free_ char *text = preflight_read(process->status.pid, "mountinfo");
	struct process *list = p->processes.data;
	char *rest = text, *line;

	if (!text)
		return;
	while ((line = proc_next_line(&rest))) {
		struct mount_line *mount = preflight_add(p, &p->mounts, sizeof(*mount));

		if (mount && !proc_parse_mount(line, mount))
			p->mounts.n--;
	}
	for (size_t i = 0; i < p->processes.n; i++)
		list[i].has_mounts |= list[i].spaces[SPACE_MNT] == process->spaces[SPACE_MNT];
}

/* A mount whose place is the same as that of the one it is in, is over it. */
static void find_covered(struct preflight *p)
{
	struct mount_line *list = p->mounts.data;

	for (size_t i = 0; i < p->mounts.n; i++) {
		struct mount_line *parent = find_mount(p, list[i].parent);

		if (parent && parent != &list[i] && *list[i].path && strcmp(parent->path, list[i].path) == 0)
			parent->is_covered = true;
	}
}

static bool is_saved(const struct mount_line *mount, uint64_t root_device)
{
	for (size_t i = 0; i < ARRAY_SIZE(saved_types); i++) {
		if (strcmp(mount->type, saved_types[i]) == 0)
			return true;
	}
	return mount->device == root_device;
}

/* The queues are files in it (mq_overview(7)): any makes CRIU refuse it, if the file system is mounted. */
static void check_queues(struct preflight *p, const struct mount_line *mount)
{
	_cleanup_free_ char *path = NULL;
	char root[32];

	snprintf(root, sizeof(root), "/proc/%d/root", p->init->status.pid);

	_cleanup_fd_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd = root_fd < 0 || !*mount->path ? -EBADF : path_open_in(root_fd, mount->path, O_RDONLY | O_DIRECTORY, 0);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct stat st;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return;
	}
	if (fstat(fd, &st) < 0 || st.st_dev != mount->device)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			preflight_found(p, PREFLIGHT_MESSAGE_QUEUE, NULL, -1, "/%s, in %s", e->d_name, mount->path);
	}
}

static void check_file_system(struct preflight *p, const struct mount_line *mount, uint64_t root_device)
{
	if (strcmp(mount->type, "mqueue") == 0)
		check_queues(p, mount);
	else if (!is_saved(mount, root_device))
		preflight_found(p, PREFLIGHT_FILE_SYSTEM, NULL, -1, "%s, mounted on %s", mount->type, mount->path);
}

static void sort_mounts(struct preflight *p)
{
	struct mount_line *list = p->mounts.data;

	qsort(list, p->mounts.n, sizeof(*list), compare_mounts);
	find_covered(p);
	for (size_t i = 0; i < p->mounts.n; i++) {
		const struct mount_line **place = preflight_add(p, &p->by_device, sizeof(place));

		if (place)
			*place = &list[i];
	}
	if (p->by_device.n > 0)
		qsort(p->by_device.data, p->by_device.n, sizeof(struct mount_line *), compare_devices);
}

void preflight_mounts(struct preflight *p)
{
	const struct process *list = p->processes.data;
	const struct mount_line *const *mounts;
	struct statx root;

	for (size_t i = 0; i < p->processes.n; i++) {
		if (!list[i].is_outside && list[i].spaces[SPACE_MNT] && !list[i].has_mounts && sees_all(&list[i]))
			read_mounts(p, &list[i]);
	}
	if (p->mounts.n == 0 || !preflight_stat(p->init->status.pid, "root", &root))
		return;
	sort_mounts(p);

	const struct mount_line *of_root = find_mount(p, root.stx_mnt_id);

	mounts = p->by_device.data;
	for (size_t i = 0; of_root && i < p->by_device.n; i++) {
		if (i == 0 || mounts[i]->device != mounts[i - 1]->device)
			check_file_system(p, mounts[i], of_root->device);
	}
}

bool preflight_stat(pid_t pid, const char *name, struct statx *ret)
{
	char path[96];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, ret) == 0 &&
	       (ret->stx_mask & STATX_MNT_ID);
}

bool preflight_is_on_gone_mount(const struct preflight *p, const struct process *process, const struct statx *st)
{
	const struct mount_line *mount = find_mount(p, st->stx_mnt_id);

	if (!process->has_mounts)
		return false;
	if (!mount)
		return true;
	for (int depth = 0; mount && depth < DEPTH_MAX; depth++) {
		const struct mount_line *parent = find_mount(p, mount->parent);

		if (mount->is_covered)
			return true;
		mount = parent == mount ? NULL : parent;
	}
	return false;
}

/* Where mounts of this device begin among by_device, or would. */
static size_t lower_bound(const struct preflight *p, uint64_t device)
{
	const struct mount_line *const *list = p->by_device.data;
	size_t low = 0, high = p->by_device.n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (list[middle]->device < device)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct mount_line *preflight_find_device(const struct preflight *p, uint64_t device, bool *ret_is_whole)
{
	const struct mount_line *const *list = p->by_device.data;
	size_t first = lower_bound(p, device), i = first;

	*ret_is_whole = false;
	while (i < p->by_device.n && list[i]->device == device && strcmp(list[i]->root, "/") != 0)
		i++;
	*ret_is_whole = i < p->by_device.n && list[i]->device == device;
	if (*ret_is_whole)
		return list[i];
	return first < p->by_device.n && list[first]->device == device ? list[first] : NULL;
}
