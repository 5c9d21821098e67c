/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/nursery.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup.h"

/* For CRIU to notice that nobody answers, and to put things back: all that a guest has may have to be written or read first. */
#define END_TIMEOUT_MS	120000
#define KILL_TIMEOUT_MS 30000

char *nursery_path(const struct guest *guest)
{
	return str_printf("%s/_criu-%s", guest->node->cgroup_parent, guest->name);
}

int nursery_close(const struct guest *guest, struct err *err)
{
	struct err late = ERR_INIT;
	_cleanup_free_ char *path = nursery_path(guest);
	int r = path ? 0 : err_oom(err);

	if (r == 0 && cgroup_wait_empty(path, END_TIMEOUT_MS, &late) < 0)
		r = cgroup_kill(path, KILL_TIMEOUT_MS, err);
	if (r < 0)
		return r;
	r = cgroup_destroy(path, err);
	/* A monitor that lives moves from hierarchy to hierarchy, and removes it behind itself. */
	return r == -EBUSY ? 0 : r;
}
