/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup.h"
#include "runtime/container/container.h"
#include "runtime/container/monitor_start.h"
#include "runtime/guest_priv.h"
#include "runtime/operations.h"

/* The group is gone if an administrator removed it while it was empty, or if the node's configuration names another by now. */
static int make_monitors_group(const char *path, struct err *err)
{
	_cleanup_(cgroup_join_close) struct cgroup_join ignored = CGROUP_JOIN_INIT;

	return ct_open_monitors(path, &ignored, err);
}

static pid_t spawn(const struct guest *guest, const struct guest_run *run, int pidfd, const char *monitors, struct err *err)
{
	const struct node *node = guest->node;
	struct monitor_start start = {
		.name = guest->name,
		.boot = run->boot,
		.helper_dir = node->helper_dir,
		.self = node->self,
		.prefix = node->prefix,
		.init = run->init.pid,
		.pidfd = pidfd,
		.master_fd = -EBADF,
		.slave_fd = -EBADF,
		.lock_fd = guest->lock_fd,
		.run_fd = guest->run_fd,
		.dir_fd = guest->dir_fd,
	};
	int r = monitor_check(&start, err);

	if (r == 0)
		r = make_monitors_group(monitors, err);
	return r < 0 ? r : monitor_spawn(&start, err);
}

static int note(const struct guest *guest, const struct guest_run *run, const char *monitors, pid_t monitor, struct err *err)
{
	struct guest_run next = *run;
	int r = proc_identify(monitor, &next.monitor);

	if (r < 0)
		return err_sys(err, -r, "identify the new monitor of guest '%s'", guest->name);
	next.console[0] = '\0';
	r = cgroup_attach(monitors, monitor, err);
	return r < 0 ? r : state_write(guest->run_fd, &next, err);
}

/* One that nobody has noted would stay beside that of the next command. As our child it keeps its pid until we wait. */
static void end_unnoted(pid_t monitor)
{
	kill(monitor, SIGKILL);
	while (waitpid(monitor, NULL, 0) < 0 && errno == EINTR)
		continue;
}

int guest_adopt(struct guest *guest, const struct guest_run *run, struct err *err)
{
	_cleanup_free_ char *monitors = str_printf("%s/_monitors", guest->node->cgroup_parent);
	_cleanup_fd_ int pidfd = proc_open(&run->init);

	if (!monitors)
		return err_oom(err);
	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0)
		return err_sys(err, -pidfd, "open guest '%s'", guest->name);

	pid_t monitor = spawn(guest, run, pidfd, monitors, err);

	if (monitor < 0)
		return monitor;

	int r = note(guest, run, monitors, monitor, err);
	if (r < 0) {
		end_unnoted(monitor);
		return r;
	}
	log_notice(guest->node->log,
		   "guest '%s' had lost its monitor and has a new one; its console is dead until its next start", guest->name);
	return 0;
}
