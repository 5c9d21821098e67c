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

static int make_group(const struct ct_spec *spec, struct err *err)
{
	int r = cgroup_create(&spec->cgroup, err);

	if (r == 0)
		r = fault_point("start.cgroup", err);
	return r < 0 ? r : cgroup_delegate(spec->cgroup.path, (uid_t)spec->ids_first, (gid_t)spec->ids_first, err);
}

int ct_open_monitors(const char *path, struct cgroup_join *ret, struct err *err)
{
	struct cgroup_spec monitors = { .path = path, .allow_all_devices = true };
	int r = cgroup_join_open(path, ret, err);

	if (r != -ENOENT)
		return r;
	r = cgroup_create(&monitors, err);
	return r < 0 ? r : cgroup_join_open(path, ret, err);
}

static pid_t clone_monitor(const struct ct_spec *spec, const struct cgroup_join *guest_group, int fds[2], struct err *err)
{
	_cleanup_(cgroup_join_close) struct cgroup_join monitors = CGROUP_JOIN_INIT;
	int r = ct_open_monitors(spec->nursery_cgroup ? spec->nursery_cgroup : spec->monitors_cgroup, &monitors, err);

	if (r < 0)
		return r;

	pid_t pid = proc_clone(0, monitors.v2_fd, NULL);

	if (pid == 0) {
		/* A lock lives as long as any copy of its descriptor: only ctctl's counts. */
		close(spec->lock_fd);
		close(fds[0]);
		r = cgroup_join_self(&monitors);
		if (r == 0)
			ct_supervise(spec, fds[1], guest_group);
		if (err_sys(err, -r, "join the monitors' control groups") < 0)
			sync_send_error(fds[1], CT_STARTED, err);
		_exit(EXIT_FAILED);
	}
	return pid < 0 ? err_sys(err, -pid, "clone the monitor") : pid;
}

static int conduct(const struct ct_spec *spec, int fd, pid_t monitor, struct err *err)
{
	int r = let_proceed(spec, fd, monitor, err);

	/* A monitor that failed meanwhile has left its reason for us to read. */
	return r < 0 ? sync_prefer_peer(fd, "the monitor", err)
		     : sync_expect(fd, CT_STARTED, "the monitor", "started", NULL, NULL, err);
}

int ct_launch(const struct ct_spec *spec, struct err *err)
{
	_cleanup_(cgroup_join_close) struct cgroup_join guest_group = CGROUP_JOIN_INIT;
	int fds[2];
	int r = make_group(spec, err);

	if (r == 0)
		r = cgroup_join_open(spec->cgroup.path, &guest_group, err);
	if (r < 0)
		return r;
	r = sync_pair(fds);
	if (r < 0)
		return err_sys(err, -r, "make a socket pair");

	pid_t monitor = clone_monitor(spec, &guest_group, fds, err);

	close(fds[1]);
	r = monitor < 0 ? monitor : conduct(spec, fds[0], monitor, err);
	/* After a failure it sees the end of file, ends the guest, and is gone before we clean up. */
	close(fds[0]);
	if (r < 0 && monitor > 0)
		waitpid(monitor, NULL, 0);
	return r;
}
