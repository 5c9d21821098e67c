/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/container/container.h"
#include "runtime/state.h"

int ct_note_state(const struct ct_spec *spec, pid_t init, int console_fd, struct err *err)
{
	struct guest_run run = {
		.started_at = (uint64_t)time(NULL),
		.features = spec->features,
		.ids_first = spec->ids_first,
	};
	struct stat tty;
	int r = proc_identify(init, &run.init);

	if (r == 0 && fstat(console_fd, &tty) < 0)
		r = -errno;
	if (r == 0) {
		snprintf(run.console, sizeof(run.console), "tty[%llx:%llx]", (unsigned long long)tty.st_rdev,
			 (unsigned long long)tty.st_dev);
		r = proc_identify(getpid(), &run.monitor);
	}
	if (r == 0)
		r = str_copy(run.boot, sizeof(run.boot), spec->boot);
	if (r == 0)
		r = str_copy(run.cgroup, sizeof(run.cgroup), spec->cgroup.path);
	if (r < 0)
		return err_sys(err, -r, "note who the guest is");
	r = state_write(spec->run_fd, &run, err);
	return r < 0 ? r : fault_point("start.state", err);
}
