/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "runtime/container/cgroup.h"
#include "runtime/guest_priv.h"
#include "runtime/operations.h"
#include "storage/pool.h"

struct cgroup_limits guest_limits(const struct guest_config *config)
{
	return (struct cgroup_limits){
		.memory_bytes = config->memory,
		.cpu_milli = config->cpus,
		.cpu_weight = config->cpu_weight,
		.pids_max = config->pids,
	};
}

static int apply_cgroup(struct guest *guest, const struct guest_config *old, struct err *err)
{
	_cleanup_free_ char *path = guest_cgroup_path(guest);
	struct cgroup_limits want = guest_limits(&guest->config);
	struct cgroup_limits have = { 0 };
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r <= 0)
		return r;
	if (!path)
		return err_oom(err);
	if (old)
		have = guest_limits(old);
	return cgroup_set_limits(path, old ? &have : NULL, &want, err);
}

int guest_apply_live(struct guest *guest, const struct guest_config *old, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = 0;

	if (!old || old->disk != guest->config.disk) {
		r = pool_open(guest->node->pools_dir, guest->config.pool, &pool, err);
		if (r == 0)
			r = area_set_limit(pool, guest->config.uuid, guest->config.disk, err);
	}
	if (r == 0)
		r = fault_point("set.disk", err);
	return r < 0 ? r : apply_cgroup(guest, old, err);
}
