/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/container/monitor_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/container/container.h"
#include "runtime/container/monitor_fds.h"

int monitor_detach(struct err *err)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	proc_reset_signals();
	umask(0077);
	if (null < 0 || setsid() < 0 || chdir("/") < 0)
		return err_sys(err, errno, "detach the monitor");
	for (int i = 0; i < 3; i++) {
		if (dup2(null, i) < 0)
			return err_sys(err, errno, "detach the monitor");
	}
	if (null > 2)
		close(null);
	setpriority(PRIO_PROCESS, 0, 0);

	int r = fd_write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", "0");

	return r < 0 ? err_sys(err, -r, "reset oom_score_adj") : 0;
}

int monitor_listen(int run_fd, struct err *err)
{
	/* Bound by a path below our own run folder, which sun_path has no room for under a long prefix. */
	struct path_fd dir = path_of_fd(run_fd);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" CT_CONSOLE_SOCKET, dir.s);
	unlinkat(run_fd, CT_CONSOLE_SOCKET, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0)
		return err_sys(err, errno, "open the console's socket");
	return TAKE_FD(fd);
}

/* The descriptors first go above the places that they shall have, so that none is overwritten. A place without one is closed. */
static int place_fds(const int fds[MONITOR_N_FDS])
{
	int high[MONITOR_N_FDS];

	for (int i = 0; i < MONITOR_N_FDS; i++) {
		high[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, MONITOR_FD_FIRST + MONITOR_N_FDS);
		if (fds[i] >= 0 && high[i] < 0)
			return -errno;
	}
	for (int i = 0; i < MONITOR_N_FDS; i++) {
		if (high[i] < 0)
			close(MONITOR_FD_FIRST + i);
		else if (dup2(high[i], MONITOR_FD_FIRST + i) < 0)
			return -errno;
	}
	return 0;
}

static char *monitor_path(const struct monitor_start *start)
{
	return str_printf("%s/ctctl-monitor", start->helper_dir);
}

int monitor_check(const struct monitor_start *start, struct err *err)
{
	_cleanup_free_ char *path = monitor_path(start);

	if (!path)
		return err_oom(err);
	return access(path, X_OK) < 0 ? err_sys(err, errno, "find '%s'", path) : 0;
}

int monitor_exec(const struct monitor_start *start, int socket_fd, struct err *err)
{
	_cleanup_free_ char *path = monitor_path(start);
	_cleanup_free_ char *pid = str_printf("%d", start->init);
	char *argv[] = { (char *)"ctctl-monitor",
			 (char *)start->name,
			 (char *)start->boot,
			 pid,
			 (char *)start->self,
			 (char *)start->prefix,
			 NULL };
	char *env[] = { NULL };
	int fds[MONITOR_N_FDS];

	if (!path || !pid)
		return err_oom(err);
	fds[MONITOR_FD_INIT - MONITOR_FD_FIRST] = start->pidfd;
	fds[MONITOR_FD_MASTER - MONITOR_FD_FIRST] = start->master_fd;
	fds[MONITOR_FD_SLAVE - MONITOR_FD_FIRST] = start->slave_fd;
	fds[MONITOR_FD_SOCKET - MONITOR_FD_FIRST] = socket_fd;
	fds[MONITOR_FD_LOG_DIR - MONITOR_FD_FIRST] = start->dir_fd;

	int r = place_fds(fds);

	if (r < 0)
		return err_sys(err, -r, "place the monitor's descriptors");
	execve(path, argv, env);
	return err_sys(err, errno, "run '%s'", path);
}

pid_t monitor_spawn(const struct monitor_start *start, struct err *err)
{
	_cleanup_fd_ int socket_fd = monitor_listen(start->run_fd, err);
	int r = socket_fd < 0 ? socket_fd : monitor_check(start, err);

	if (r < 0)
		return r;

	pid_t pid = fork();

	if (pid == 0) {
		struct err lost = ERR_INIT;

		close(start->lock_fd);
		if (monitor_detach(&lost) == 0)
			(void)!monitor_exec(start, socket_fd, &lost);
		_exit(EXIT_FAILED);
	}
	return pid < 0 ? err_sys(err, errno, "fork a monitor") : pid;
}
