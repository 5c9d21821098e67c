/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctctl-monitor NAME BOOT INIT_PID CTCTL PREFIX: the one process that stays with a running guest.
 *
 * It is the parent of the guest's init and the other end of its console, and does nothing else, so that it is small and need not
 * change: when the init ends, it becomes `CTCTL __exited`, which cleans up and starts again if the guest asked for that, in the
 * version that is there then; that of the installed ctctl where CTCTL is gone.
 *
 * It runs as the host's root in the host's namespaces. What it reads comes from the guest (bytes of a terminal) and from ctctl
 * (packets on a socket in a folder of root's).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/container/monitor_fds.h"
#include "runtime/monitor/console.h"

/* A guest that reboots in a loop costs the host one start a second, not all of a processor. */
#define REBOOT_INTERVAL_MS 1000

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Serves the console until the init has ended. */
static void serve(struct console *console)
{
	for (;;) {
		struct pollfd set[1 + CONSOLE_POLL_MAX];
		int n = console_poll_set(console, set + 1);

		set[0] = (struct pollfd){ .fd = MONITOR_FD_INIT, .events = POLLIN };
		if (poll(set, (nfds_t)n + 1, -1) < 0)
			continue;
		if (set[0].revents)
			return;
		console_handle(console, set + 1, n);
	}
}

/*
 * Its wait(2) status. That of an init that is not our child (its first monitor was killed) is not to be had: it counts as a
 * power-off.
 */
static int reap(pid_t init)
{
	int status = 0;

	while (waitpid(init, &status, 0) < 0) {
		if (errno != EINTR)
			return 0;
	}
	return status;
}

static void wait_interval(long long started)
{
	long long left = started + REBOOT_INTERVAL_MS - now_ms();

	while (left > 0) {
		poll(NULL, 0, (int)left);
		left = started + REBOOT_INTERVAL_MS - now_ms();
	}
}

static void hand_over(char **argv, int status, int log_fd)
{
	char text[16];
	char *const next[] = { (char *)"ctctl", (char *)"--prefix", argv[5], (char *)"__exited", argv[1], argv[2], text, NULL };
	char *const env[] = { NULL };
	/* What started the guest may be a build that is gone by now. */
	const char *const programs[] = { argv[4], CTCTL_SBINDIR "/ctctl" };

	snprintf(text, sizeof(text), "%d", status);
	/* What goes wrong from here on is said in the console's log. */
	if (log_fd >= 0)
		dup2(log_fd, STDERR_FILENO);
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		execve(programs[i], next, env);
		dprintf(STDERR_FILENO, "ctctl-monitor: cannot run %s: %s\n", programs[i], strerror(errno));
	}
}

int main(int argc, char **argv)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2 };
	struct console console;
	long long started = now_ms();

	if (argc != 6)
		return 2;
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	for (int fd = MONITOR_FD_FIRST; fd < MONITOR_FD_END; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	close_range(MONITOR_FD_END, ~0U, 0);

	console_init(&console, fcntl(MONITOR_FD_MASTER, F_GETFD) < 0 ? -1 : MONITOR_FD_MASTER, MONITOR_FD_SOCKET,
		     MONITOR_FD_LOG_DIR);
	serve(&console);
	console_drain(&console);

	int status = reap((pid_t)strtol(argv[3], NULL, 10));

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGHUP)
		wait_interval(started);
	hand_over(argv, status, console.log_fd);
	return 1;
}
