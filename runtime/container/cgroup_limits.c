/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits: what to write where, and in which order. */
#include "runtime/container/cgroup_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Documentation/scheduler/sched-bwc.rst: the period is 100 ms by default, a quota is at least 1 ms. */
#define CPU_PERIOD_USEC	   100000
#define CPU_QUOTA_USEC_MIN 1000
/* cgroup-v2.rst: 1 to 10000, 100 by default. v1: 2 to 262144, 1024 by default (kernel/sched/sched.h, MIN_SHARES). */
#define WEIGHT_DEFAULT	   100
#define SHARES_PER_DEFAULT 1024
#define SHARES_MIN	   2

/* Where a plan is being made. */
struct planner {
	const struct cgroup_map *map;
	struct cgroup_plan *plan;
	struct err *err;
};

static void _printf_(6, 7) add(struct planner *p, const struct cgroup_hierarchy *h, const char *controller, const char *what,
			       const char *file, const char *fmt, ...)
{
	struct cgroup_setting *s = &p->plan->s[p->plan->n++]; /* the planners below add at most CGROUP_SETTINGS_MAX */
	va_list ap;

	*s = (struct cgroup_setting){ .h = h, .controller = controller, .file = file, .what = what };
	va_start(ap, fmt);
	vsnprintf(s->value, sizeof(s->value), fmt, ap);
	va_end(ap);
}

/* 1 with *ret_h if the host can do it, 0 if it cannot and nothing is asked of it. */
static int need(struct planner *p, const char *controller, const char *what, bool is_wanted,
		const struct cgroup_hierarchy **ret_h)
{
	*ret_h = cgroup_map_find(p->map, controller);
	if (*ret_h)
		return 1;
	if (!is_wanted)
		return 0;
	return err_exit(p->err, EXIT_UNSUPPORTED, EOPNOTSUPP, "%s: this host has no cgroup controller '%s': ctctl doctor", what,
			controller);
}

static void plan_memory_v1(struct planner *p, const struct cgroup_hierarchy *h, uint64_t old, uint64_t new)
{
	static const char what[] = "memory limit", memory[] = "memory.limit_in_bytes", both[] = "memory.memsw.limit_in_bytes";
	bool has_swap = cgroup_exists(h, both); /* only with the kernel's swap accounting */
	bool grows = new == CGROUP_UNLIMITED || (old != CGROUP_UNLIMITED && new > old);
	/* Memory with swap is never below memory: the kernel refuses the wrong order with EINVAL. */
	const char *const files[2] = { grows ? both : memory, grows ? memory : both };

	for (int i = 0; i < 2; i++) {
		if (files[i] == both && !has_swap)
			continue;
		if (new == CGROUP_UNLIMITED)
			add(p, h, "memory", what, files[i], "-1");
		else
			add(p, h, "memory", what, files[i], "%" PRIu64, new);
	}
}

static int plan_memory(struct planner *p, uint64_t old, uint64_t new)
{
	const struct cgroup_hierarchy *h;
	int r = need(p, "memory", "memory limit", new != CGROUP_UNLIMITED, &h);

	if (r <= 0)
		return r;
	if (!h->is_v2)
		plan_memory_v1(p, h, old, new);
	else if (new == CGROUP_UNLIMITED)
		add(p, h, "memory", "memory limit", "memory.max", "max");
	else
		add(p, h, "memory", "memory limit", "memory.max", "%" PRIu64, new);
	return 0;
}

static int plan_cpu(struct planner *p, uint64_t milli)
{
	const struct cgroup_hierarchy *h;
	int r = need(p, "cpu", "cpu limit", milli != CGROUP_UNLIMITED, &h);

	if (r <= 0)
		return r;

	uint64_t quota = milli * (CPU_PERIOD_USEC / 1000);

	if (milli != CGROUP_UNLIMITED && (quota < CPU_QUOTA_USEC_MIN || milli > UINT32_MAX))
		return err_set(p->err, EINVAL, "cpu limit of %" PRIu64 " thousandths of a core: expected at least %d", milli,
			       CPU_QUOTA_USEC_MIN * 1000 / CPU_PERIOD_USEC);
	if (!h->is_v2 && milli == CGROUP_UNLIMITED)
		add(p, h, "cpu", "cpu limit", "cpu.cfs_quota_us", "-1");
	else if (!h->is_v2)
		add(p, h, "cpu", "cpu limit", "cpu.cfs_quota_us", "%" PRIu64, quota);
	else if (milli == CGROUP_UNLIMITED)
		add(p, h, "cpu", "cpu limit", "cpu.max", "max %d", CPU_PERIOD_USEC);
	else
		add(p, h, "cpu", "cpu limit", "cpu.max", "%" PRIu64 " %d", quota, CPU_PERIOD_USEC);
	return 0;
}

static int plan_weight(struct planner *p, uint64_t weight)
{
	const struct cgroup_hierarchy *h;
	int r = need(p, "cpu", "cpu weight", weight != WEIGHT_DEFAULT, &h);

	if (r <= 0)
		return r;
	if (weight > 10000)
		return err_set(p->err, EINVAL, "cpu weight %" PRIu64 ": expected 1 to 10000", weight);

	uint64_t shares = weight * SHARES_PER_DEFAULT / WEIGHT_DEFAULT;

	if (h->is_v2)
		add(p, h, "cpu", "cpu weight", "cpu.weight", "%" PRIu64, weight);
	else
		add(p, h, "cpu", "cpu weight", "cpu.shares", "%" PRIu64, shares < SHARES_MIN ? SHARES_MIN : shares);
	return 0;
}

static int plan_pids(struct planner *p, uint64_t max)
{
	const struct cgroup_hierarchy *h;
	int r = need(p, "pids", "process limit", max != CGROUP_UNLIMITED, &h);

	if (r <= 0)
		return r;
	if (max == CGROUP_UNLIMITED)
		add(p, h, "pids", "process limit", "pids.max", "max");
	else
		add(p, h, "pids", "process limit", "pids.max", "%" PRIu64, max);
	return 0;
}

static uint64_t weight_of(const struct cgroup_limits *l)
{
	return l->cpu_weight ? l->cpu_weight : WEIGHT_DEFAULT;
}

int cgroup_plan_limits(const struct cgroup_map *map, const struct cgroup_limits *old, const struct cgroup_limits *limits,
		       struct cgroup_plan *ret, struct err *err)
{
	struct planner p = { .map = map, .plan = ret, .err = err };
	int r = 0;

	*ret = (struct cgroup_plan){ 0 };
	if (!old || old->memory_bytes != limits->memory_bytes)
		r = plan_memory(&p, old ? old->memory_bytes : CGROUP_UNLIMITED, limits->memory_bytes);
	if (r >= 0 && (!old || old->cpu_milli != limits->cpu_milli))
		r = plan_cpu(&p, limits->cpu_milli);
	if (r >= 0 && (!old || weight_of(old) != weight_of(limits)))
		r = plan_weight(&p, weight_of(limits));
	if (r >= 0 && (!old || old->pids_max != limits->pids_max))
		r = plan_pids(&p, limits->pids_max);
	return r < 0 ? r : 0;
}

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
 * v2 takes a memory limit below the usage and kills until it fits; v1 refuses. A limit must not kill: reclaim what can be reclaimed
 * (memory.reclaim, Linux 5.19) and refuse what cannot.
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

static int apply(const struct cgroup_map *map, const char *path, const struct cgroup_setting *s)
{
	int r = make_room(path, s);

	if (r < 0)
		return r;
	return map->by_library ? cgroup_lib_set(path, s->controller, s->file, s->value)
			       : cgroup_write(s->h, path, s->file, s->value);
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
