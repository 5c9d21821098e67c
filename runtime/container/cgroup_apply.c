/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits: writing what cgroup_limits.c has planned. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

static int explain(int code, const char *path, const struct cgroup_setting *s, struct err *err)
{
	if (code == EBUSY && strcmp(s->controller, "memory") == 0)
		return err_exit(err, EXIT_INVALID, EBUSY,
				"memory limit of %s bytes: '%s' uses more than that now and cannot give it back: stop something "
				"in it, or choose a higher limit",
				s->value, path);
	if (code == ENOENT && s->h->is_v2 && cgroup_exists(s->h, path))
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"%s: the controller '%s' is not enabled for the cgroup '%s': see cgroup.subtree_control of the "
				"groups above it",
				s->what, s->controller, path);
	return err_sys(err, code, "%s: write '%s' to %s of the cgroup '%s'", s->what, s->value, s->file, path);
}

/*
 * v2 takes a memory limit below the usage and kills until it fits; v1 refuses. A limit must not kill: reclaim what can be
 * reclaimed (memory.reclaim, Linux 5.19) and refuse what cannot.
 */
static int make_room(const char *path, const struct cgroup_setting *s)
{
	char text[48];
	uint64_t limit, used;

	if (!s->h->is_v2 || strcmp(s->file, "memory.max") != 0 || str_to_u64(s->value, UINT64_MAX, &limit) < 0)
		return 0;
	for (int attempt = 0; attempt < 3; attempt++) {
		if (cgroup_read(s->h, path, "memory.current", text, sizeof(text)) < 0 || str_to_u64(text, UINT64_MAX, &used) < 0)
			return 0;
		if (used <= limit)
			return 0;
		snprintf(text, sizeof(text), "%" PRIu64, used - limit);
		(void)!cgroup_write(s->h, path, "memory.reclaim", text); /* EAGAIN: less than asked for; the next look tells */
	}
	return -EBUSY;
}

/*
 * A group with processes takes no empty list, neither on v1 nor on v2 (ENOSPC): it gets what the group above has now. That is a
 * snapshot: a processor that the group above gets later comes to this one with the next start of the guest.
 */
static int set_all_cpus(const char *path, const struct cgroup_setting *s)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *parent = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	char value[1024];
	int r = parent ? cgroup_read(s->h, parent, s->h->is_v2 ? "cpuset.cpus.effective" : s->file, value, sizeof(value))
		       : -ENOMEM;

	return r < 0 ? r : cgroup_write(s->h, path, s->file, value);
}

static int write_value(const struct cgroup_map *map, const char *path, const struct cgroup_setting *s)
{
	if (strcmp(s->file, "cpuset.cpus") == 0 && !*s->value)
		return set_all_cpus(path, s);
	return map->by_library ? cgroup_lib_set(path, s->controller, s->file, s->value)
			       : cgroup_write(s->h, path, s->file, s->value);
}

static int apply(const struct cgroup_map *map, const char *path, const struct cgroup_setting *s)
{
	int r = make_room(path, s);

	if (r == 0)
		r = write_value(map, path, s);
	if (r == -ENOENT && s->is_optional && cgroup_exists(s->h, path))
		return 0;
	return r;
}

int cgroup_apply_plan(const struct cgroup_map *map, const char *path, const struct cgroup_plan *plan, struct err *err)
{
	for (int i = 0; i < plan->n; i++) {
		int r = apply(map, path, &plan->s[i]);

		if (r < 0)
			return explain(-r, path, &plan->s[i], err);
	}
	return 0;
}

int cgroup_map_set_limits(const struct cgroup_map *map, const char *path, const struct cgroup_limits *old,
			  const struct cgroup_limits *limits, struct err *err)
{
	struct cgroup_plan plan, undo;
	int r = cgroup_plan_limits(map, old, limits, &plan, err);

	if (r < 0)
		return r;
	r = cgroup_apply_plan(map, path, &plan, err);
	if (r < 0 && old) { /* all or nothing; what was not changed yet is written with the value that it has */
		struct err ignored;

		if (cgroup_plan_limits(map, limits, old, &undo, &ignored) == 0)
			(void)!cgroup_apply_plan(map, path, &undo, &ignored);
	}
	return r;
}

int cgroup_set_limits(const char *path, const struct cgroup_limits *old, const struct cgroup_limits *limits, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_set_limits(&map, path, old, limits, err);
}
