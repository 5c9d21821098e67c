/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/str.h"
#include "runtime/container/cgroup.h"
#include "runtime/cpuset.h"
#include "runtime/guest_priv.h"
#include "runtime/home.h"
#include "runtime/operations.h"
#include "storage/pool.h"

_Static_assert(sizeof(((struct cgroup_disks *)NULL)->list) >= POOL_DISKS_MAX * sizeof(struct cgroup_disk),
	       "room for each disk of a pool");

static bool has_rates(const struct guest_config *config)
{
	return config->io_read || config->io_write || config->io_read_ops || config->io_write_ops;
}

static bool has_weight(const struct guest_config *config)
{
	return config->io_weight != CGROUP_WEIGHT_DEFAULT;
}

static int find_disks(struct pool *pool, enum pool_disks which, struct cgroup_disks *ret, struct err *err)
{
	struct pool_disk disks[POOL_DISKS_MAX];
	int n = pool_get_disks(pool, which, disks, err);

	for (int i = 0; i < n; i++) {
		struct cgroup_disk *d = &ret->list[i];

		d->major = disks[i].major;
		d->minor = disks[i].minor;
		d->uses_bfq = strcmp(disks[i].scheduler, "bfq") == 0;
		/* Only for messages: a longer name may be cut. */
		snprintf(d->name, sizeof(d->name), "%s", disks[i].name);
	}
	ret->n = n > 0 ? n : 0;
	return n < 0 ? n : 0;
}

int guest_limits(const struct guest_config *config, struct pool *pool, struct cgroup_limits *ret, struct err *err)
{
	int r = 0;

	*ret = (struct cgroup_limits){
		.memory_bytes = config->memory,
		.memory_high_bytes = config->memory_high,
		.memory_low_bytes = config->memory_low,
		.cpu_milli = config->cpus,
		.cpu_weight = config->cpu_weight,
		.pids_max = config->pids,
		.io_weight = config->io_weight,
		.io = { config->io_read, config->io_write, config->io_read_ops, config->io_write_ops },
	};
	if (config->cpuset)
		r = str_copy(ret->cpus, sizeof(ret->cpus), config->cpuset);
	if (r < 0)
		return err_sys(err, -r, "cpuset '%s'", config->cpuset);
	if (has_rates(config))
		r = find_disks(pool, POOL_DISKS_OWN, &ret->rate_disks, err);
	return r == 0 && has_weight(config) ? find_disks(pool, POOL_DISKS_LOWEST, &ret->weight_disks, err) : r;
}

static int check_weight(const struct guest_config *config, struct pool *pool, struct err *err)
{
	struct cgroup_limits limits = { .io_weight = config->io_weight };
	int r = find_disks(pool, POOL_DISKS_LOWEST, &limits.weight_disks, err);

	return r < 0 ? r : cgroup_check_limits(&limits, err);
}

int guest_start_limits(const struct guest *guest, struct pool *pool, struct cgroup_limits *ret, struct err *err)
{
	struct guest_config given = guest->config; /* what it points to stays the guest's */
	struct err why = ERR_INIT;

	if (given.cpuset && cpuset_check_online("cpuset", given.cpuset, &why) < 0) {
		log_warning(guest->node->log, "guest '%s' starts on all processors: %s", guest->name, why.msg);
		given.cpuset = NULL;
	}
	if (has_weight(&given) && check_weight(&given, pool, &why) < 0) {
		log_warning(guest->node->log, "guest '%s' starts with the default share of the disk: %s", guest->name, why.msg);
		given.io_weight = CGROUP_WEIGHT_DEFAULT;
	}
	return guest_limits(&given, pool, ret, err);
}

static bool limits_disks(const struct guest_config *config)
{
	return has_rates(config) || has_weight(config);
}

int guest_check_limits(const struct guest *guest, struct pool *pool, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *opened = NULL;
	struct cgroup_limits limits;
	int r = 0;

	if (!pool && limits_disks(&guest->config)) {
		r = pool_open(guest->node->pools_dir, guest->config.pool, &opened, err);
		pool = opened;
	}
	if (r == 0)
		r = guest_limits(&guest->config, pool, &limits, err);
	return r < 0 ? r : cgroup_check_limits(&limits, err);
}

int guest_protect(const struct guest *guest, struct err *err)
{
	if (guest->node->guests_unit)
		return home_protect(guest->node, err);

	_cleanup_free_ char *path = guest_run_cgroup(guest);

	return path ? cgroup_protect_parents(path, err) : err_oom(err);
}

void guest_protect_or_warn(const struct guest *guest, uint64_t low)
{
	struct err err = ERR_INIT;

	if (low > 0 && guest_protect(guest, &err) < 0)
		log_warning(guest->node->log, "guest '%s': the memory that is protected for guests is not the sum of theirs: %s",
			    guest->name, err.msg);
}

static int apply_cgroup(struct guest *guest, const struct guest_config *old, struct pool *pool, struct err *err)
{
	_cleanup_free_ char *path = guest_run_cgroup(guest);
	struct cgroup_limits want, have;
	struct err ignored = ERR_INIT;
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r <= 0)
		return r;
	if (!path)
		return err_oom(err);
	r = guest_limits(&guest->config, pool, &want, err);
	if (r == 0 && old)
		r = guest_limits(old, pool, &have, err);
	/* Nobody knows if there is a rate to be taken off; where there is no disk there is none. */
	if (r == 0 && !old && want.rate_disks.n == 0)
		(void)!find_disks(pool, POOL_DISKS_OWN, &want.rate_disks, &ignored);
	if (r == 0)
		r = cgroup_set_limits(path, old ? &have : NULL, &want, err);
	if (r == 0 && (!old || old->memory_low != guest->config.memory_low))
		r = guest_protect(guest, err);
	return r;
}

/* Is the pool needed to come from `old` to the guest's configuration? */
static bool needs_pool(const struct guest *guest, const struct guest_config *old)
{
	return !old || old->disk != guest->config.disk || limits_disks(old) || limits_disks(&guest->config);
}

int guest_apply_live(struct guest *guest, const struct guest_config *old, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = 0;

	if (needs_pool(guest, old))
		r = pool_open(guest->node->pools_dir, guest->config.pool, &pool, err);
	if (r == 0 && (!old || old->disk != guest->config.disk))
		r = area_set_limit(pool, guest->config.uuid, guest->config.disk, err);
	if (r == 0)
		r = fault_point("set.disk", err);
	return r < 0 ? r : apply_cgroup(guest, old, pool, err);
}
