/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected memory (memory.low of v2) of the groups above a guest's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

static uint64_t read_low(int dir_fd)
{
	_cleanup_free_ char *text = NULL;
	uint64_t low = 0;

	/* "max" is as good as nothing here: it is not ours, and a sum with it would protect all that is below. */
	if (fd_read_file_at(dir_fd, "memory.low", 64, &text) < 0 || str_to_u64(str_trim(text), UINT64_MAX, &low) < 0)
		return 0;
	return low;
}

static int sum_children(int dir_fd, uint64_t *ret)
{
	_cleanup_dir_ DIR *dir = entries_open(dir_fd);
	const struct dirent *e;

	if (!dir)
		return -errno;
	*ret = 0;
	while ((e = entries_next(dir))) {
		if (e->d_type != DT_DIR)
			continue;

		_cleanup_fd_ int child = openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (child >= 0)
			*ret += read_low(child);
	}
	return 0;
}

/* Under a lock, so that of two guests that start at once the later sum has both. */
static int protect(const struct cgroup_hierarchy *v2, const char *path)
{
	_cleanup_fd_ int fd = cgroup_open_group(v2, path);
	uint64_t sum = 0;
	char text[24];
	int r;

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX) < 0)
		return -errno;
	r = sum_children(fd, &sum);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%" PRIu64, sum);
	return fd_write_file_at(fd, "memory.low", text);
}

static const struct cgroup_hierarchy *find_memory_v2(const struct cgroup_map *map)
{
	const struct cgroup_hierarchy *h = cgroup_map_find(map, "memory");

	return h && h->is_v2 ? h : NULL;
}

int cgroup_map_protect_parents(const struct cgroup_map *map, const char *path, struct err *err)
{
	const struct cgroup_hierarchy *v2 = find_memory_v2(map);
	_cleanup_free_ char *part = strdup(path);
	int r = part ? 0 : -ENOMEM;

	if (!v2)
		return 0;

	/* From the lowest up: each sum is made of those below it. */
	for (char *slash; r == 0 && (slash = strrchr(part, '/'));) {
		*slash = '\0';
		r = protect(v2, part);
	}
	return r < 0 ? err_sys(err, -r, "protect memory in the cgroups above '%s'", path) : 0;
}

int cgroup_map_get_low(const struct cgroup_map *map, const char *path, uint64_t *ret_low, uint64_t *ret_sum, struct err *err)
{
	const struct cgroup_hierarchy *v2 = find_memory_v2(map);
	_cleanup_fd_ int fd = v2 ? cgroup_open_group(v2, path) : -ENOENT;
	int r = fd < 0 ? fd : sum_children(fd, ret_sum);

	if (fd == -ENOENT) {
		*ret_low = *ret_sum = 0;
		return 0;
	}
	if (r < 0)
		return err_sys(err, -r, "read the protected memory of the cgroup '%s'", path);
	*ret_low = read_low(fd);
	return 0;
}

int cgroup_protect_parents(const char *path, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_protect_parents(&map, path, err);
}

int cgroup_get_low(const char *path, uint64_t *ret_low, uint64_t *ret_sum, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_get_low(&map, path, ret_low, ret_sum, err);
}
