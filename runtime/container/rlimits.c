/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/container/rlimits.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/cleanup.h"

#define MIB (1024UL * 1024)

/* The kernel's for its first process (include/asm-generic/resource.h), with systemd's for open files (NEWS 240) and locked memory (NEWS 250). */
static const struct {
	int resource;
	rlim_t soft;
	rlim_t hard;
} limits[] = {
	{ RLIMIT_CORE, 0, RLIM_INFINITY },
	{ RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_FSIZE, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_STACK, 8 * MIB, RLIM_INFINITY },
	{ RLIMIT_RSS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_LOCKS, RLIM_INFINITY, RLIM_INFINITY },
	{ RLIMIT_NOFILE, 1024, 524288 },
	{ RLIMIT_MEMLOCK, 8 * MIB, 8 * MIB },
	{ RLIMIT_NICE, 0, 0 },
	{ RLIMIT_RTPRIO, 0, 0 },
	{ RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY },
	/* The guest's own pids limit counts its processes; the per-user one stays out of its way. */
	{ RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY },
};

int rlimits_reset(struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		struct rlimit now, want = { .rlim_cur = limits[i].soft, .rlim_max = limits[i].hard };

		if (setrlimit(limits[i].resource, &want) == 0)
			continue;
		if (errno != EPERM || getrlimit(limits[i].resource, &now) < 0)
			return err_sys(err, errno, "set resource limit %d", limits[i].resource);
		want.rlim_max = now.rlim_max;
		if (want.rlim_cur > want.rlim_max)
			want.rlim_cur = want.rlim_max;
		if (setrlimit(limits[i].resource, &want) < 0)
			return err_sys(err, errno, "set resource limit %d", limits[i].resource);
	}
	return 0;
}
