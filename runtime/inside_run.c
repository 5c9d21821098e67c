/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "runtime/guest_priv.h"
#include "runtime/inside.h"
#include "runtime/join.h"

/* What is done inside takes milliseconds; a guest that holds it up for so long does so on purpose, or hangs. */
#define WORK_TIMEOUT_MS 30000

int inside_run(const struct guest *guest, const struct guest_run *run, int (*work)(void *context, struct err *err), void *context,
	       struct err *err)
{
	_cleanup_fd_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_free_ char *cgroup = guest_run_cgroup(guest);
	struct join_spec join = {
		.run = run,
		.cgroup = cgroup,
		.work = work,
		.work_context = context,
		.stdio = { null_fd, null_fd, null_fd },
		.signal_fd = -1,
	};

	if (!cgroup)
		return err_oom(err);
	if (null_fd < 0)
		return err_sys(err, errno, "open '/dev/null'");

	return join_work(&join, WORK_TIMEOUT_MS, err);
}
