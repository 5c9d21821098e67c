/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/journal.h"
#include "base/proc.h"
#include "base/sync.h"
#include "runtime/container/container.h"
#include "runtime/container/launch_priv.h"

/* Notes who the monitor is, so that a recovery can end it; then lets it begin. */
static int let_proceed(const struct ct_spec *spec, int fd, pid_t monitor, struct err *err)
{
	struct proc_id id;
	char step[32];
	int r = proc_identify(monitor, &id);

	if (r < 0)
		return err_sys(err, -r, "identify the monitor");
	snprintf(step, sizeof(step), "monitor %d %" PRIu64, id.pid, id.start_ticks);
	r = journal_step(spec->run_fd, step, false, err);
	if (r == 0)
		r = fault_point("start.forked", err);
	if (r < 0)
		return r;
	r = sync_send(fd, CT_PROCEED, 0, -1);
	return r < 0 ? err_sys(err, -r, "talk to the monitor") : 0;
}

static int prepare_cgroups(const struct ct_spec *spec, pid_t monitor, struct err *err)
{
	struct cgroup_spec monitors = { .path = spec->monitors_cgroup };
	int r = cgroup_create(&spec->cgroup, err);

	if (r == 0)
		r = fault_point("start.cgroup", err);
	if (r == 0)
		r = cgroup_delegate(spec->cgroup.path, (uid_t)spec->ids_first, (gid_t)spec->ids_first, err);
	if (r < 0)
		return r;
	/* Out of the caller's session: its end must not take the monitor along. The group is there since the first start. */
	r = cgroup_attach(spec->monitors_cgroup, monitor, err);
	if (r == -ENOENT) {
		r = cgroup_create(&monitors, err);
		if (r == 0)
			r = cgroup_attach(spec->monitors_cgroup, monitor, err);
	}
	return r;
}

static int conduct(const struct ct_spec *spec, int fd, pid_t monitor, struct err *err)
{
	int64_t init = 0;
	int r = let_proceed(spec, fd, monitor, err);

	/* While the monitor clones the guest and puts its root together. */
	if (r == 0)
		r = prepare_cgroups(spec, monitor, err);
	if (r == 0)
		r = sync_expect(fd, CT_CLONED, "the monitor", "cloned", &init, NULL, err);
	if (r == 0)
		r = fault_point("start.cloned", err);
	if (r == 0)
		r = cgroup_attach(spec->cgroup.path, (pid_t)init, err);
	if (r == 0)
		r = fault_point("start.attached", err);
	if (r < 0)
		return r;
	r = sync_send(fd, CT_ATTACHED, 0, -1);
	if (r < 0 && r != -EPIPE)
		return err_sys(err, -r, "talk to the monitor");
	/* A monitor that failed meanwhile has left its reason for us to read. */
	return sync_expect(fd, CT_STARTED, "the monitor", "started", NULL, NULL, err);
}

int ct_launch(const struct ct_spec *spec, struct err *err)
{
	int fds[2];
	int r = sync_pair(fds);

	if (r < 0)
		return err_sys(err, -r, "make a socket pair");

	_cleanup_fd_ int ours = fds[0];
	pid_t monitor = fork();

	if (monitor == 0) {
		close(fds[0]);
		ct_supervise(spec, fds[1]);
	}
	close(fds[1]);
	if (monitor < 0)
		return err_sys(err, errno, "fork the monitor");
	r = conduct(spec, ours, monitor, err);
	if (r < 0) {
		/* It sees the end of file, ends the guest, and is gone before we clean up. */
		cleanup_fd(&ours);
		ours = -EBADF;
		waitpid(monitor, NULL, 0);
	}
	return r;
}
