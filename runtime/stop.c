/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/proc.h"
#include "runtime/container/cgroup.h"
#include "runtime/exec.h"
#include "runtime/guest_priv.h"
#include "runtime/init_kind.h"
#include "runtime/lifecycle.h"
#include "runtime/operations.h"

/* For what is killed to be gone: the kernel has to free its memory. Past it, something hangs in the kernel. */
#define KILL_TIMEOUT_MS 30000

/* For a monitor to notice and to end. It waits for nothing but the lock that was just released. */
#define MONITOR_TIMEOUT_MS 5000

/*
 * Runs the shutdown command in a process of its own, so that a guest in which it hangs cannot hold us. Returns its pidfd or a
 * negative errno.
 */
static int ask_by_command(const struct guest *guest, const struct init_kind *kind)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* Not our terminal or output: what runs there is the guest's own program. */
		int null = open("/dev/null", O_RDWR | O_CLOEXEC);

		for (int i = 0; i < 3; i++) {
			if (dup2(null, i) < 0)
				_exit(EXIT_FAILED);
		}

		struct exec_spec exec = { .argv = kind->stop_argv };
		struct err err = ERR_INIT;
		int status = 0;

		/* Neither it nor the lock, which lives as long as any copy of its descriptor, outlives a ctctl that is killed. */
		close(guest->lock_fd);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(guest_exec(guest->node, guest->name, &exec, &status, &err) < 0 || status != 0);
	}
	return pid < 0 ? -errno : pid;
}

static void ask_init(const struct guest *guest, int pidfd, pid_t *ret_helper)
{
	const struct init_kind *kind = init_kind_find(guest->config.init);

	*ret_helper = 0;
	if (kind->stop_argv)
		*ret_helper = ask_by_command(guest, kind);
	else if (proc_kill_pidfd(pidfd, kind->stop_signal) < 0)
		return; /* it ended meanwhile: the wait that follows sees that */
}

static void end_helper(pid_t helper)
{
	if (helper <= 0)
		return;
	kill(helper, SIGKILL);
	while (waitpid(helper, NULL, 0) < 0 && errno == EINTR)
		continue;
}

/* Returns 1 if it had to be killed. */
static int end_init(const struct guest *guest, int pidfd, const struct guest_stop_spec *spec, struct err *err)
{
	uint64_t timeout_ms = spec->timeout_s >= 0 ? (uint64_t)spec->timeout_s * 1000 : guest->config.stop_timeout * 1000;
	int r = -ETIMEDOUT;

	if (!spec->kill && timeout_ms > 0) {
		pid_t helper;

		ask_init(guest, pidfd, &helper);
		r = proc_wait_pidfd(pidfd, (int)timeout_ms);
		end_helper(helper);
	}
	if (r == 0)
		return 0;
	if (r != -ETIMEDOUT)
		return err_sys(err, -r, "wait for guest '%s'", guest->name);
	/* All processes of its PID namespace die with it (pid_namespaces(7)). */
	r = proc_kill_pidfd(pidfd, SIGKILL);
	if (r < 0 && r != -ESRCH)
		return err_sys(err, -r, "kill guest '%s'", guest->name);
	r = proc_wait_pidfd(pidfd, KILL_TIMEOUT_MS);
	if (r < 0)
		return err_exit(err, EXIT_NOT_STOPPED, -r,
				"guest '%s' was killed but has not ended after %d s: a process hangs in the kernel", guest->name,
				KILL_TIMEOUT_MS / 1000);
	return 1;
}

int guest_stop_locked(struct guest *guest, const struct guest_stop_spec *spec, bool *ret_killed, struct err *err)
{
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r <= 0)
		return r < 0 ? r : guest_cleanup_ended(guest, err);

	_cleanup_fd_ int pidfd = proc_open(&run.init);

	if (pidfd < 0 && pidfd != -ESRCH)
		return err_sys(err, -pidfd, "open guest '%s'", guest->name);
	r = fault_point("stop.ask", err);
	if (r == 0 && pidfd >= 0)
		r = end_init(guest, pidfd, spec, err);
	if (r < 0)
		return r;
	if (ret_killed)
		*ret_killed = r == 1 && !spec->kill;
	r = fault_point("stop.ended", err);
	return r < 0 ? r : guest_cleanup_run(guest, err);
}

int guest_open_monitor(const struct guest *guest)
{
	struct err ignored = ERR_INIT;
	struct guest_run run;

	return state_read(guest->run_fd, &run, &ignored) == 1 ? proc_open(&run.monitor) : -EBADF;
}

void guest_release_to_monitor(struct guest *guest, int monitor_fd)
{
	fd_close(&guest->lock_fd);
	if (monitor_fd >= 0 && proc_wait_pidfd(monitor_fd, MONITOR_TIMEOUT_MS) < 0)
		log_warning(guest->node->log, "guest '%s' was ended, but its monitor has not", guest->name);
}

int guest_stop(const struct node *node, const char *name, const struct guest_stop_spec *spec, bool *ret_killed, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_run run;
	int r = guest_open_locked(node, name, spec->kill ? "kill" : "stop", false, &guest, err);

	if (ret_killed)
		*ret_killed = false;
	if (r < 0)
		return r;
	r = guest_get_run(guest, &run, err);
	if (r == 0)
		r = guest_check_not_suspended(guest, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_exit(err, EXIT_NOT_RUNNING, ESRCH, "guest '%s' is not running", name);

	_cleanup_fd_ int monitor = guest_open_monitor(guest);

	r = guest_stop_locked(guest, spec, ret_killed, err);
	if (r == 0)
		guest_release_to_monitor(guest, monitor);
	return r;
}

int guest_restart(const struct node *node, const char *name, const struct guest_stop_spec *spec, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	int r = guest_open_locked(node, name, "restart", false, &guest, err);

	if (r == 0)
		r = guest_check_not_suspended(guest, err);
	if (r < 0)
		return r;

	_cleanup_fd_ int monitor = guest_open_monitor(guest);

	r = guest_stop_locked(guest, spec, NULL, err);
	if (r < 0)
		return r;
	r = guest_start_locked(guest, err);
	guest_release_to_monitor(guest, monitor);
	return r;
}

/* 1 if it is in the journal that the guest is to be started again; 0 if another operation is, which has to be settled first. */
static int note_reboot(const struct guest *guest, const char *boot, struct err *err)
{
	int r = journal_begin(guest->run_fd, OP_REBOOT, boot, false, err);

	return r == -EBUSY ? 0 : r < 0 ? r : 1;
}

/* Cleans up, and starts it again if it has rebooted. */
static int settle_exited(struct guest *guest, const char *boot, bool is_reboot, struct err *err)
{
	int noted = is_reboot ? note_reboot(guest, boot, err) : 0;
	bool is_gone = false;
	int r = noted < 0 ? noted : guest_settle(guest, &is_gone, err);

	if (r < 0 || !is_reboot || is_gone || guest->was_restarted)
		return r;
	if (noted == 0)
		return guest_start_locked(guest, err);
	return err_exit(err, EXIT_FAILED, ECHILD, "guest '%s' has rebooted and is stopped", guest->name);
}

int guest_exited(const struct node *node, const char *name, const char *boot, int status, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	bool is_reboot = WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP;
	struct guest_run run;
	int r = guest_acquire(node, name, is_reboot ? VERB_REBOOT : VERB_EXIT, true, &guest, err);

	if (r == -ENOENT)
		return 0; /* destroyed meanwhile */
	if (r == 0)
		r = state_read(guest->run_fd, &run, err);
	/* Whoever had the lock before us (stop, restart) has cleaned up already, or started it anew. */
	if (r <= 0 || strcmp(run.boot, boot) != 0 || proc_is_alive(&run.init))
		return r < 0 ? r : 0;
	return settle_exited(guest, boot, is_reboot, err);
}
