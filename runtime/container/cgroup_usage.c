/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a group uses, and what this host offers. */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

static const char *value_after(const char *text, const char *key)
{
	size_t len = strlen(key);

	if (len == 0)
		return text;
	return strncmp(text, key, len) == 0 ? text + len : NULL;
}

/* The number in the first line of a file, after `key`. 0 if the host has no such counter; an error if the group is missing. */
static int read_counter(const struct cgroup_map *map, const char *path, const char *controller, const char *file_v1,
			const char *file_v2, const char *key_v2, uint64_t *ret)
{
	const struct cgroup_hierarchy *h = cgroup_map_find(map, controller);
	char text[64] = "";

	*ret = 0;
	if (!h)
		return 0;

	const char *file = h->is_v2 ? file_v2 : file_v1;
	int r = map->by_library ? cgroup_lib_get(path, controller, file, text, sizeof(text))
				: cgroup_read(h, path, file, text, sizeof(text));

	if (r < 0)
		return r;

	const char *number = value_after(text, h->is_v2 ? key_v2 : "");

	return number ? str_to_u64(number, UINT64_MAX, ret) : -EBADMSG;
}

static int read_cpu(const struct cgroup_map *map, const char *path, uint64_t *ret_usec)
{
	const struct cgroup_hierarchy *v1 = cgroup_map_find(map, "cpuacct");
	int r = read_counter(map, path, v1 ? "cpuacct" : "cpu", "cpuacct.usage", "cpu.stat", "usage_usec ", ret_usec);

	if (v1)
		*ret_usec /= 1000; /* nanoseconds */
	return r;
}

int cgroup_map_get_usage(const struct cgroup_map *map, const char *path, struct cgroup_usage *ret, struct err *err)
{
	int r = read_counter(map, path, "memory", "memory.usage_in_bytes", "memory.current", "", &ret->memory_bytes);

	if (r == 0)
		r = read_cpu(map, path, &ret->cpu_usec);
	if (r == 0)
		r = read_counter(map, path, "pids", "pids.current", "pids.current", "", &ret->n_pids);
	return r < 0 ? err_sys(err, -r, "read what the cgroup '%s' uses", path) : 0;
}

int cgroup_get_usage(const char *path, struct cgroup_usage *ret, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_get_usage(&map, path, ret, err);
}

int cgroup_probe_host(struct cgroup_host *ret, struct err *err)
{
	static const char *const asked[] = { "cpu", "cpuset", "memory", "pids", "io", "blkio", "devices", "freezer" };
	struct cgroup_map map = { 0 };
	int r = cgroup_map_host(&map, err);

	if (r < 0)
		return r;

	const struct cgroup_hierarchy *v2 = cgroup_map_v2(&map), *memory = cgroup_map_find(&map, "memory");
	size_t used = 0;

	*ret = (struct cgroup_host){ .has_v2 = v2 != NULL, .is_unified = memory && memory->is_v2 };
	if (v2)
		r = str_copy(ret->v2_mount, sizeof(ret->v2_mount), v2->mount);
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (cgroup_map_find(&map, asked[i]))
			used += (size_t)snprintf(ret->controllers + used, sizeof(ret->controllers) - used, "%s%s",
						 used ? " " : "", asked[i]);
	}
	return r;
}
