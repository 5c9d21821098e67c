/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits: what to write where, and in which order. Disks are in cgroup_limits_io.c, writing it in cgroup_apply.c. */
#include "runtime/container/cgroup_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/* Documentation/scheduler/sched-bwc.rst: the period is 100 ms by default, a quota is at least 1 ms. */
#define CPU_PERIOD_USEC	   100000
#define CPU_QUOTA_USEC_MIN 1000
/* cgroup-v2.rst: 1 to 10000. v1: 2 to 262144, 1024 by default (kernel/sched/sched.h, MIN_SHARES). */
#define SHARES_PER_DEFAULT 1024
#define SHARES_MIN	   2

struct cgroup_setting *cgroup_plan_add(struct cgroup_planner *p, const struct cgroup_hierarchy *h, const char *controller,
				       const char *what, const char *file, const char *fmt, ...)
{
	struct cgroup_setting *s = &p->plan->s[p->plan->n++];
	va_list ap;

	*s = (struct cgroup_setting){ .h = h, .controller = controller, .file = file, .what = what };
	va_start(ap, fmt);
	vsnprintf(s->value, sizeof(s->value), fmt, ap);
	va_end(ap);
	return s;
}

int cgroup_plan_need(struct cgroup_planner *p, const char *controller, const char *what, bool is_wanted,
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

/* A number, or, where there is no limit, the word for that. */
static struct cgroup_setting *add_limit(struct cgroup_planner *p, const struct cgroup_hierarchy *h, const char *controller,
					const char *what, const char *file, uint64_t value, const char *none)
{
	if (value == CGROUP_UNLIMITED)
		return cgroup_plan_add(p, h, controller, what, file, "%s", none);
	return cgroup_plan_add(p, h, controller, what, file, "%" PRIu64, value);
}

static void plan_memory_v1(struct cgroup_planner *p, const struct cgroup_hierarchy *h, uint64_t old, uint64_t new)
{
	static const char what[] = "memory limit", memory[] = "memory.limit_in_bytes", both[] = "memory.memsw.limit_in_bytes";
	bool has_swap = cgroup_exists(h, both); /* only with the kernel's swap accounting */
	bool grows = new == CGROUP_UNLIMITED || (old != CGROUP_UNLIMITED && new > old);
	/* Memory with swap is never below memory: the kernel refuses the wrong order with EINVAL. */
	const char *const files[2] = { grows ? both : memory, grows ? memory : both };

	for (int i = 0; i < 2; i++) {
		if (files[i] == memory || has_swap)
			add_limit(p, h, "memory", what, files[i], new, "-1");
	}
}

static int plan_memory(struct cgroup_planner *p, uint64_t old, uint64_t new)
{
	static const char what[] = "memory limit";
	const struct cgroup_hierarchy *h;
	int r = cgroup_plan_need(p, "memory", what, new != CGROUP_UNLIMITED, &h);

	if (r <= 0)
		return r;
	if (!h->is_v2) {
		plan_memory_v1(p, h, old, new);
		return 0;
	}
	add_limit(p, h, "memory", what, "memory.max", new, "max");
	/* At its limit it must not fill the swap, which all share; v1 counts both. A kernel without swap lacks the file. */
	cgroup_plan_add(p, h, "memory", what, "memory.swap.max", new == CGROUP_UNLIMITED ? "max" : "0")->is_optional = true;
	return 0;
}

/* memory.high and memory.low. v1's soft limit is neither: it slows nobody down, and counts only when the whole host is short. */
static int plan_memory_v2(struct cgroup_planner *p, const char *what, const char *file, uint64_t new, const char *none)
{
	const struct cgroup_hierarchy *h;
	int r = cgroup_plan_need(p, "memory", what, new != CGROUP_UNLIMITED, &h);

	if (r > 0 && h->is_v2)
		add_limit(p, h, "memory", what, file, new, none)->is_optional = new == CGROUP_UNLIMITED;
	if (r <= 0 || h->is_v2 || new == CGROUP_UNLIMITED)
		return r < 0 ? r : 0;
	return err_exit(
		p->err, EXIT_UNSUPPORTED, EOPNOTSUPP,
		"%s: this host has the controller 'memory' in a hierarchy of version 1, which cannot do that: boot it with "
		"systemd.unified_cgroup_hierarchy=1",
		what);
}

static int plan_cpu(struct cgroup_planner *p, uint64_t milli)
{
	const struct cgroup_hierarchy *h;
	int r = cgroup_plan_need(p, "cpu", "cpu limit", milli != CGROUP_UNLIMITED, &h);

	if (r <= 0)
		return r;

	uint64_t quota = milli * (CPU_PERIOD_USEC / 1000);

	if (milli != CGROUP_UNLIMITED && (quota < CPU_QUOTA_USEC_MIN || milli > UINT32_MAX))
		return err_set(p->err, EINVAL, "cpu limit of %" PRIu64 " thousandths of a core: expected at least %d", milli,
			       CPU_QUOTA_USEC_MIN * 1000 / CPU_PERIOD_USEC);
	if (!h->is_v2 && milli == CGROUP_UNLIMITED)
		cgroup_plan_add(p, h, "cpu", "cpu limit", "cpu.cfs_quota_us", "-1");
	else if (!h->is_v2)
		cgroup_plan_add(p, h, "cpu", "cpu limit", "cpu.cfs_quota_us", "%" PRIu64, quota);
	else if (milli == CGROUP_UNLIMITED)
		cgroup_plan_add(p, h, "cpu", "cpu limit", "cpu.max", "max %d", CPU_PERIOD_USEC);
	else
		cgroup_plan_add(p, h, "cpu", "cpu limit", "cpu.max", "%" PRIu64 " %d", quota, CPU_PERIOD_USEC);
	return 0;
}

static int plan_weight(struct cgroup_planner *p, uint64_t weight)
{
	const struct cgroup_hierarchy *h;
	int r = cgroup_plan_need(p, "cpu", "cpu weight", weight != CGROUP_WEIGHT_DEFAULT, &h);

	if (r <= 0)
		return r;
	if (weight > 10000)
		return err_set(p->err, EINVAL, "cpu weight %" PRIu64 ": expected 1 to 10000", weight);

	uint64_t shares = weight * SHARES_PER_DEFAULT / CGROUP_WEIGHT_DEFAULT;

	if (h->is_v2)
		cgroup_plan_add(p, h, "cpu", "cpu weight", "cpu.weight", "%" PRIu64, weight);
	else
		cgroup_plan_add(p, h, "cpu", "cpu weight", "cpu.shares", "%" PRIu64, shares < SHARES_MIN ? SHARES_MIN : shares);
	return 0;
}

static int plan_pids(struct cgroup_planner *p, uint64_t max)
{
	const struct cgroup_hierarchy *h;
	int r = cgroup_plan_need(p, "pids", "process limit", max != CGROUP_UNLIMITED, &h);

	if (r > 0)
		add_limit(p, h, "pids", "process limit", "pids.max", max, "max");
	return r;
}

/* "" becomes what the group above has when it is written: cgroup_apply.c. */
static int plan_cpus(struct cgroup_planner *p, const char *cpus)
{
	const struct cgroup_hierarchy *h;
	int r = cgroup_plan_need(p, "cpuset", "cpuset", *cpus, &h);

	if (r > 0)
		cgroup_plan_add(p, h, "cpuset", "cpuset", "cpuset.cpus", "%s", cpus)->is_optional = !*cpus;
	return r;
}

static uint64_t weight_of(const struct cgroup_limits *l)
{
	return l->cpu_weight ? l->cpu_weight : CGROUP_WEIGHT_DEFAULT;
}

static int plan_all_memory(struct cgroup_planner *p, const struct cgroup_limits *old, const struct cgroup_limits *limits)
{
	int r = 0;

	if (!old || old->memory_bytes != limits->memory_bytes)
		r = plan_memory(p, old ? old->memory_bytes : CGROUP_UNLIMITED, limits->memory_bytes);
	if (r >= 0 && (!old || old->memory_high_bytes != limits->memory_high_bytes))
		r = plan_memory_v2(p, "memory-high", "memory.high", limits->memory_high_bytes, "max");
	if (r >= 0 && (!old || old->memory_low_bytes != limits->memory_low_bytes))
		r = plan_memory_v2(p, "memory-low", "memory.low", limits->memory_low_bytes, "0");
	return r;
}

int cgroup_plan_limits(const struct cgroup_map *map, const struct cgroup_limits *old, const struct cgroup_limits *limits,
		       struct cgroup_plan *ret, struct err *err)
{
	struct cgroup_planner p = { .map = map, .plan = ret, .err = err };

	*ret = (struct cgroup_plan){ 0 };

	int r = plan_all_memory(&p, old, limits);

	if (r >= 0 && (!old || old->cpu_milli != limits->cpu_milli))
		r = plan_cpu(&p, limits->cpu_milli);
	if (r >= 0 && (!old || weight_of(old) != weight_of(limits)))
		r = plan_weight(&p, weight_of(limits));
	if (r >= 0 && (!old || strcmp(old->cpus, limits->cpus) != 0))
		r = plan_cpus(&p, limits->cpus);
	if (r >= 0 && (!old || old->pids_max != limits->pids_max))
		r = plan_pids(&p, limits->pids_max);
	if (r >= 0)
		r = cgroup_plan_io(&p, old, limits);
	return r < 0 ? r : 0;
}

int cgroup_check_limits(const struct cgroup_limits *limits, struct err *err)
{
	static const struct cgroup_limits fresh = { 0 };
	struct cgroup_map map = { 0 };
	struct cgroup_plan plan;
	int r = cgroup_map_host(&map, err);

	return r < 0 ? r : cgroup_plan_limits(&map, &fresh, limits, &plan, err);
}
