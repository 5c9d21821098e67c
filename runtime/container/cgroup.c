/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making a group, moving into it, giving it away. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/* What a guest's group is limited or accounted by; other controllers stay with the host. */
static const char *const wanted[] = { "cpu", "memory", "pids", "io", "cpuset" };

/* Calls `visit` with each leading part of the path: "ctctl", then "ctctl/web1". */
typedef int (*visit_fn)(const struct cgroup_hierarchy *h, const char *group);

static int for_each_level(const struct cgroup_hierarchy *h, const char *path, bool with_last, visit_fn visit)
{
	_cleanup_free_ char *part = strdup(path);

	if (!part)
		return -ENOMEM;
	for (char *slash = part; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';

		int r = visit(h, part);

		if (r < 0)
			return r;
	}
	return with_last ? visit(h, part) : 0;
}

/*
 * A slice, and the root above it, belong to systemd alone, which would undo at any time what another writes there (systemd's
 * CGROUP_DELEGATION.md, "The single-writer rule"). It makes the slice and gives it controllers; ours is what is below, a unit
 * that it delegates.
 */
bool cgroup_is_slice(const char *name, size_t len)
{
	static const char end[] = ".slice";
	const size_t end_len = sizeof(end) - 1;

	return len > end_len && memcmp(name + len - end_len, end, end_len) == 0;
}

static bool is_slice(const char *group)
{
	return cgroup_is_slice(group, strlen(group));
}

static bool is_in_slice(const char *path)
{
	return cgroup_is_slice(path, strcspn(path, "/"));
}

/* The group of a unit, directly below a slice. */
static bool is_unit(const char *group)
{
	const char *slash = strrchr(group, '/');

	return slash && cgroup_is_slice(group, (size_t)(slash - group));
}

/* A unit that is being stopped loses its group at any time: one that we made in its place would belong to no unit. */
static int make_group(const struct cgroup_hierarchy *h, const char *group)
{
	if (is_slice(group))
		return 0;
	if (is_unit(group))
		return cgroup_exists(h, group) ? 0 : -ENOENT;

	_cleanup_free_ char *full = str_printf("%s/%s", h->mount, group);

	if (!full)
		return -ENOMEM;
	return mkdir(full, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = list; (at = strstr(at, word)); at += len) {
		if ((at == list || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

/*
 * Each controller in a write of its own: one that cannot be enabled (cpu, where real-time processes run) must not take the others
 * with it, and is missed only by who asks for its limit. Nearly always all are enabled already.
 */
static int enable_controllers(const struct cgroup_hierarchy *h, const char *group)
{
	char enabled[256], value[16];
	int r = cgroup_read(h, group, "cgroup.subtree_control", enabled, sizeof(enabled));

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(wanted); i++) {
		if (!cgroup_has_controller(h, wanted[i]) || has_word(enabled, wanted[i]))
			continue;
		snprintf(value, sizeof(value), "+%s", wanted[i]);
		(void)!cgroup_write(h, group, "cgroup.subtree_control", value);
	}
	return r;
}

static int make_and_enable(const struct cgroup_hierarchy *h, const char *group)
{
	int r = make_group(h, group);

	return r < 0 || is_slice(group) ? r : enable_controllers(h, group);
}

/* v1: a group without cpus and memory nodes takes no process (ENOSPC); they start empty and come from the parent. */
static int inherit_cpuset(const struct cgroup_hierarchy *h, const char *group)
{
	static const char *const files[] = { "cpuset.cpus", "cpuset.mems" };
	const char *slash = strrchr(group, '/');
	_cleanup_free_ char *parent = slash ? strndup(group, (size_t)(slash - group)) : strdup(".");
	char value[1024];

	if (!parent)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		int r = cgroup_read(h, group, files[i], value, sizeof(value));

		if (r == 0 && value[0] == '\0') {
			r = cgroup_read(h, parent, files[i], value, sizeof(value));
			if (r == 0)
				r = cgroup_write(h, group, files[i], value);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_for_library(const struct cgroup_hierarchy *h)
{
	if (str_has_prefix(h->controllers, "name="))
		return false;
	if (!h->is_v2)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		if (cgroup_has_controller(h, wanted[i]))
			return true;
	}
	return false;
}

static int make_by_library(const struct cgroup_map *map, const char *path, struct err *err)
{
	char names[CGROUP_HIERARCHIES_MAX][32];
	const char *controllers[CGROUP_HIERARCHIES_MAX + 1] = { NULL };
	int n = 0;

	for (int i = 0; i < map->n; i++) {
		if (!is_for_library(&map->h[i]))
			continue;
		/* One controller stands for its hierarchy. */
		size_t len = strcspn(map->h[i].controllers, ",");

		snprintf(names[n], sizeof(names[n]), "%.*s", (int)len, map->h[i].controllers);
		controllers[n] = names[n];
		n++;
	}
	return n > 0 ? cgroup_lib_create(path, controllers, err) : 0;
}

/* "x.slice/y.service/web1" */
static int err_no_unit(struct err *err, const char *path)
{
	const char *unit = path + strcspn(path, "/") + 1;

	return err_exit(err, EXIT_UNSUPPORTED, ENOENT, "systemd has no cgroup for '%s': systemctl status %.*s", path,
			(int)strcspn(unit, "/"), unit);
}

static int make_groups(const struct cgroup_map *map, const char *path, struct err *err)
{
	const struct cgroup_hierarchy *v2 = cgroup_map_v2(map);
	int r = v2 && !is_in_slice(path) ? enable_controllers(v2, ".") : 0;

	/* libcgroup leaves the root's subtree_control alone, and then a nested group has no files for limits. */
	if (v2 && r == 0)
		r = for_each_level(v2, path, false, make_and_enable);
	if (r == -ENOENT && is_in_slice(path))
		return err_no_unit(err, path);
	if (r < 0)
		return err_sys(err, -r, "enable the cgroup controllers above '%s'", path);
	r = map->by_library ? make_by_library(map, path, err) : 0;
	if (r < 0)
		return r;
	for (int i = 0; i < map->n; i++) {
		const struct cgroup_hierarchy *h = &map->h[i];

		if (!map->by_library || !is_for_library(h))
			r = for_each_level(h, path, true, make_group);
		if (r == 0 && !h->is_v2 && cgroup_has_controller(h, "cpuset"))
			r = for_each_level(h, path, true, inherit_cpuset);
		if (r < 0)
			return err_sys(err, -r, "create the cgroup '%s' in the hierarchy '%s'", path, cgroup_hierarchy_name(h));
	}
	return 0;
}

static bool exists_anywhere(const struct cgroup_map *map, const char *path)
{
	for (int i = 0; i < map->n; i++) {
		if (cgroup_exists(&map->h[i], path))
			return true;
	}
	return false;
}

static int make_with_limits(const struct cgroup_map *map, const struct cgroup_spec *spec, const struct cgroup_plan *plan,
			    struct err *err)
{
	int r = make_groups(map, spec->path, err);

	if (r == 0)
		r = fault_point("cgroup.limits", err);
	if (r == 0 && !spec->allow_all_devices)
		r = cgroup_allow_devices(map, spec, err);
	return r < 0 ? r : cgroup_apply_plan(map, spec->path, plan, err);
}

int cgroup_map_create(const struct cgroup_map *map, const struct cgroup_spec *spec, struct err *err)
{
	static const struct cgroup_limits fresh = { 0 };
	bool is_old = exists_anywhere(map, spec->path);
	struct cgroup_plan plan;
	int r = cgroup_plan_limits(map, is_old ? NULL : &fresh, &spec->limits, &plan, err);

	if (r == 0)
		r = fault_point("cgroup.create", err);
	if (r < 0)
		return r;
	r = make_with_limits(map, spec, &plan, err);
	if (r < 0 && !is_old) {
		struct err ignored;

		(void)!cgroup_map_destroy(map, spec->path, &ignored);
	}
	return r;
}

/* Is the group above this one there, in every hierarchy? */
static bool is_laid_out(const struct cgroup_map *map, const char *path)
{
	const char *slash = strrchr(path, '/');
	char parent[256];

	if (!slash || (size_t)(slash - path) >= sizeof(parent))
		return false;
	snprintf(parent, sizeof(parent), "%.*s", (int)(slash - path), path);
	for (int i = 0; i < map->n; i++) {
		if (!cgroup_exists(&map->h[i], parent))
			return false;
	}
	return true;
}

int cgroup_create(const struct cgroup_spec *spec, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(spec->path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	if (r < 0)
		return r;
	/*
	 * libcgroup lays out the hierarchies for the first guest of a host's boot. After that, a guest's group is one mkdir in
	 * each: by the library it would be a quarter of the time of a whole start (1.3 ms of 5; it reads the mount table anew
	 * for each controller). In a slice it is systemd that lays them out: libcgroup would write to cgroup.subtree_control of
	 * every group from the root down.
	 */
	if (is_in_slice(spec->path) || is_laid_out(&map, spec->path))
		map.by_library = false;
	return cgroup_map_create(&map, spec, err);
}
