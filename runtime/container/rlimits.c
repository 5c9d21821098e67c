/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/container/rlimits.h"

#include <errno.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define MIB (1024UL * 1024)

/*
 * The kernel's for its first process (include/asm-generic/resource.h), with systemd's for open files (NEWS 240) and locked memory
 * (NEWS 250).
 */
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
	{ RLIMIT_MSGQUEUE, 819200, 819200 }, /* MQ_BYTES_MAX of the kernel's headers */
	{ RLIMIT_NICE, 0, 0 },
	{ RLIMIT_RTPRIO, 0, 0 },
	{ RLIMIT_RTTIME, RLIM_INFINITY, RLIM_INFINITY },
	/* The guest's own pids limit counts its processes; the per-user one stays out of its way. */
	{ RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY },
};

/* As wanted, or as near as the hard limit lets us. */
static int set_limit(int resource, rlim_t soft, rlim_t hard, struct err *err)
{
	struct rlimit now, want = { .rlim_cur = soft, .rlim_max = hard };

	if (setrlimit(resource, &want) == 0)
		return 0;
	if (errno != EPERM || getrlimit(resource, &now) < 0)
		return err_sys(err, errno, "set resource limit %d", resource);
	want.rlim_max = now.rlim_max;
	if (want.rlim_cur > want.rlim_max)
		want.rlim_cur = want.rlim_max;
	return setrlimit(resource, &want) < 0 ? err_sys(err, errno, "set resource limit %d", resource) : 0;
}

/*
 * The caller's advantages over others, real-time scheduling above all, are not the guest's. The kernel lets everybody give up a
 * privilege; a handicap (nice 10) stays, because only the host's privilege takes it off.
 */
static void reset_priorities(void)
{
	struct sched_param normal = { 0 };

	if (sched_getscheduler(0) != SCHED_OTHER)
		(void)!sched_setscheduler(0, SCHED_OTHER, &normal);
	(void)!setpriority(PRIO_PROCESS, 0, 0);
	(void)!syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 0);
}

int rlimits_reset(struct err *err)
{
	reset_priorities();
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		int r = set_limit(limits[i].resource, limits[i].soft, limits[i].hard, err);

		if (r < 0)
			return r;
	}
	return 0;
}

int rlimits_lift_shared(struct err *err)
{
	int r = set_limit(RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY, err);

	return r < 0 ? r : set_limit(RLIMIT_MSGQUEUE, RLIM_INFINITY, RLIM_INFINITY, err);
}
