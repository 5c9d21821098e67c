/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/cgroup.h"
#include "runtime/container/monitor_start.h"
#include "runtime/guest_priv.h"
#include "runtime/operations.h"

int guest_adopt(struct guest *guest, const struct guest_run *run, struct err *err)
{
	const struct node *node = guest->node;
	_cleanup_free_ char *monitors = str_printf("%s/_monitors", node->cgroup_parent);
	_cleanup_fd_ int pidfd = proc_open(&run->init);
	struct guest_run next = *run;

	if (!monitors)
		return err_oom(err);
	if (pidfd == -ESRCH)
		return 0;
	if (pidfd < 0)
		return err_sys(err, -pidfd, "open guest '%s'", guest->name);

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
	pid_t pid = monitor_spawn(&start, err);

	if (pid < 0)
		return pid;

	int r = proc_identify(pid, &next.monitor);

	if (r < 0)
		return err_sys(err, -r, "identify the new monitor of guest '%s'", guest->name);
	r = cgroup_attach(monitors, pid, err);
	if (r == 0)
		r = state_write(guest->run_fd, &next, err);
	if (r == 0)
		log_notice(node->log,
			   "guest '%s' had lost its monitor and has a new one; its console is dead until its next start",
			   guest->name);
	return r;
}
