/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sync.h"
#include "runtime/join_clone.h"
#include "runtime/join_priv.h"
#include "runtime/terminal.h"

/* For a process that is being executed to take note of a signal; one that is held up takes none. */
#define SIGNAL_GRACE_MS 1000

/*
 * Until there is a message, *ret_signal being 0 then, or a signal. A change of the window's size is seen to when there is a
 * terminal.
 */
static int await_message(int fd, int signal_fd, int timeout_ms, int *ret_signal, struct err *err)
{
	struct pollfd set[] = { { .fd = fd, .events = POLLIN }, { .fd = signal_fd, .events = POLLIN } };

	*ret_signal = 0;
	for (;;) {
		int n = poll(set, ARRAY_SIZE(set), timeout_ms);

		if (n < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for the command");
		if (n == 0)
			return err_exit(err, EXIT_FAILED, EINTR, "interrupted before the guest ran the command");
		if (n > 0 && set[0].revents)
			return 0;
		*ret_signal = n > 0 && set[1].revents ? terminal_next_signal(signal_fd) : 0;
		if (*ret_signal != 0 && *ret_signal != SIGWINCH)
			return 0;
	}
}

/*
 * A guest can hold its process up at every step, by a frozen group or a file system that does not answer: what the user sends to
 * end the wait ends it.
 */
static int await_ready(int fd, const struct join_spec *spec, struct joined *ret, struct err *err)
{
	int signo;
	int r = await_message(fd, spec->signal_fd, -1, &signo, err);

	if (r < 0)
		return r;
	if (signo != 0)
		return err_exit(err, EXIT_FAILED, EINTR, "interrupted by signal %d before the guest ran the command", signo);
	return sync_expect(fd, JOIN_READY, "the command's process", "ready", NULL, spec->exec->tty ? &ret->master_fd : NULL, err);
}

/* The command may run already, and we not know yet: a signal is for it. */
static int await_exec(int fd, const struct join_spec *spec, const struct joined *joined, struct err *err)
{
	int signo, timeout_ms = -1;

	for (;;) {
		int r = await_message(fd, spec->signal_fd, timeout_ms, &signo, err);

		if (r < 0)
			return r;
		if (signo == 0)
			return sync_expect_end(fd, "the command", err);
		(void)!proc_kill_pidfd(joined->pidfd, signo);
		timeout_ms = SIGNAL_GRACE_MS;
	}
}

/*
 * The group may be given a child's controllers, and so be closed to processes, at any moment: then the group to join is found
 * anew (cgroup_join_open()).
 */
static pid_t clone_child(const struct join_spec *spec, int fds[2], int init_fd, int *ret_pidfd, struct err *err)
{
	for (int tries = 0;; tries++) {
		struct join_birth birth = { .spec = spec, .group = CGROUP_JOIN_INIT, .sync_fd = fds[1], .init_fd = init_fd };
		int r = cgroup_join_open(spec->cgroup, &birth.group, err);

		if (r < 0)
			return r;

		pid_t pid = join_clone(init_fd, birth.group.v2_fd, join_child, &birth, ret_pidfd);

		cgroup_join_close(&birth.group);
		if (pid == -EBUSY && tries < 3)
			continue;
		return pid < 0 ? err_exit(err, EXIT_NOT_RUNNING, -pid, "enter the guest: %s", strerror(-pid)) : pid;
	}
}

/* The child, with our end of its socket in *ret_fd. */
static int start_child(const struct join_spec *spec, struct joined *ret, int *ret_fd, struct err *err)
{
	_cleanup_fd_ int init_fd = proc_open(&spec->run->init);
	int fds[2];

	*ret = (struct joined){ .pidfd = -EBADF, .master_fd = -EBADF };
	if (init_fd < 0)
		return err_exit(err, EXIT_NOT_RUNNING, -init_fd, "the guest is not running");
	/*
	 * From the moment that the child is in the guest's PID namespace, its processes see it: not dumpable, it shows them
	 * neither its memory nor its program nor its descriptors (ptrace(2), "Ptrace access mode checking"; the lesson of
	 * CVE-2016-9962 and CVE-2019-5736). The command that it becomes is the guest's own again.
	 */
	if (prctl(PR_SET_DUMPABLE, 0) < 0)
		return err_sys(err, errno, "hide from the guest");

	/*
	 * A session that the host's OOM killer spares must not hand that on; to give it up is always allowed, and it is ours to
	 * give.
	 */
	(void)!fd_write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");

	int r = sync_pair(fds);

	if (r < 0)
		return err_sys(err, -r, "make a socket pair");
	ret->pid = clone_child(spec, fds, init_fd, &ret->pidfd, err);
	close(fds[1]);
	*ret_fd = fds[0];
	return ret->pid < 0 ? ret->pid : 0;
}

static void end_child(struct joined *joined)
{
	if (joined->pid <= 0)
		return;
	(void)!proc_kill_pidfd(joined->pidfd, SIGKILL);
	waitpid(joined->pid, NULL, 0);
	fd_close(&joined->pidfd);
	fd_close(&joined->master_fd);
}

int join_run(const struct join_spec *spec, struct joined *ret, struct err *err)
{
	_cleanup_fd_ int fd = -EBADF;
	int r = start_child(spec, ret, &fd, err);

	if (r == 0)
		r = await_ready(fd, spec, ret, err);
	if (r == 0)
		r = await_exec(fd, spec, ret, err);
	if (r < 0)
		end_child(ret);
	return r;
}

static int await_work(int fd, int timeout_ms, struct err *err)
{
	const uint64_t end = proc_now_ms() + (uint64_t)timeout_ms;
	struct pollfd answer = { .fd = fd, .events = POLLIN };

	for (;;) {
		uint64_t now = proc_now_ms();
		int n = now >= end ? 0 : poll(&answer, 1, (int)(end - now));

		if (n > 0)
			return sync_expect(fd, JOIN_READY, "the process in the guest", "done", NULL, NULL, err);
		if (n == 0)
			return err_exit(err, EXIT_TIMEOUT, ETIMEDOUT,
					"the guest has held ctctl's work in it up for %d seconds: a file system of it hangs, or "
					"a program keeps a lock",
					timeout_ms / 1000);
		if (errno != EINTR)
			return err_sys(err, errno, "wait for the process in the guest");
	}
}

int join_work(const struct join_spec *spec, int timeout_ms, struct err *err)
{
	_cleanup_fd_ int fd = -EBADF;
	struct joined joined;
	int r = start_child(spec, &joined, &fd, err);

	if (r == 0)
		r = await_work(fd, timeout_ms, err);
	end_child(&joined);
	return r;
}
