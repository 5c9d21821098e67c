/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/proc.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/*
 * Reads of a pid whether it has ended, and its start time: fields 3, 20 and 22 of proc_pid_stat(5). The name in field 2 may hold
 * anything, so count from its last ')'. A process whose first thread alone has exited is shown as a zombie and lives: a guest's
 * init that does that must not count as gone.
 */
static int read_stat(pid_t pid, bool *ret_ended, uint64_t *ret_start)
{
	_cleanup_free_ char *text = NULL;
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);

	ssize_t n = fd_read_file_at(AT_FDCWD, path, 4096, &text);

	if (n < 0)
		return n == -ENOENT ? -ESRCH : (int)n;

	const char *p = strrchr(text, ')');
	unsigned long long start;
	long n_threads;
	char state;

	if (!p || sscanf(p + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %llu", &state,
			 &n_threads, &start) != 3)
		return -EBADMSG;
	*ret_ended = (state == 'Z' || state == 'X') && n_threads <= 1;
	*ret_start = start;
	return 0;
}

int proc_identify(pid_t pid, struct proc_id *ret)
{
	uint64_t start;
	bool ended;
	int r = read_stat(pid, &ended, &start);

	if (r < 0)
		return r;
	*ret = (struct proc_id){ .pid = pid, .start_ticks = start };
	return 0;
}

int proc_open(const struct proc_id *id)
{
	if (id->pid <= 0)
		return -ESRCH;

	_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_open, id->pid, 0);

	if (fd < 0)
		return errno == EINVAL ? -ESRCH : -errno;

	uint64_t start;
	bool ended;
	int r = read_stat(id->pid, &ended, &start);

	if (r < 0)
		return r;
	if (start != id->start_ticks || ended)
		return -ESRCH;
	return TAKE_FD(fd);
}

bool proc_is_alive(const struct proc_id *id)
{
	uint64_t start;
	bool ended;

	return id->pid > 0 && read_stat(id->pid, &ended, &start) == 0 && start == id->start_ticks && !ended;
}

uint64_t proc_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* The kernel's own struct sigaction (include/linux/signal_types.h), not glibc's; all zero is SIG_DFL. */
struct kernel_sigaction {
	void *handler;
	unsigned long flags;
	void *restorer;
	uint64_t mask;
};

void proc_reset_signals(void)
{
	static const struct kernel_sigaction dflt;
	uint64_t none = 0;

	for (int signo = 1; signo <= 64; signo++)
		syscall(SYS_rt_sigaction, signo, &dflt, NULL, sizeof(none));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof(none));
}

pid_t proc_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd)
{
	int pidfd = -EBADF;
	struct clone_args args = {
		.flags = flags | CLONE_PIDFD | (cgroup_fd >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uintptr_t)&pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD, /* a sibling ends as its parent does (clone(2)) */
		.cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
	};
	long pid = syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	else if (pid > 0)
		close(pidfd);
	return (pid_t)pid;
}

int proc_wait_pidfd(int pidfd, int timeout_ms)
{
	uint64_t end = proc_now_ms() + (timeout_ms < 0 ? 0 : (uint64_t)timeout_ms);

	for (;;) {
		struct pollfd p = { .fd = pidfd, .events = POLLIN };
		uint64_t now = proc_now_ms();
		int left = timeout_ms < 0 ? -1 : now >= end ? 0 : (int)(end - now);
		int r = poll(&p, 1, left);

		if (r > 0)
			return 0;
		if (r == 0)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int proc_kill_pidfd(int pidfd, int signo)
{
	return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}
