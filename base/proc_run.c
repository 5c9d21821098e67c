/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"

/* Longer lines of a program are passed on in pieces. */
#define LINE_ROOM 512

struct line_reader {
	char line[LINE_ROOM];
	size_t used;
	char last[LINE_ROOM]; /* the last line that was not empty, for the error message */
};

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* Finds argv[0] in the fixed PATH; an absolute name stands for itself. NULL if it is nowhere. */
static char *find_program(const char *name)
{
	_cleanup_free_ char *dirs = strdup(PROC_PATH);
	char *rest = NULL;

	if (name[0] == '/')
		return is_program(name) ? strdup(name) : NULL;
	for (char *d = dirs ? strtok_r(dirs, ":", &rest) : NULL; d; d = strtok_r(NULL, ":", &rest)) {
		_cleanup_free_ char *path = str_printf("%s/%s", d, name);

		if (path && is_program(path))
			return TAKE_PTR(path);
	}
	return NULL;
}

static char **build_env(const char *const *extra)
{
	size_t n = 0;

	while (extra && extra[n])
		n++;

	char **env = calloc(n + 3, sizeof(*env));

	if (!env)
		return NULL;
	env[0] = (char *)"PATH=" PROC_PATH;
	env[1] = (char *)"LC_ALL=C.UTF-8";
	for (size_t i = 0; i < n; i++)
		env[i + 2] = (char *)extra[i];
	return env;
}

/* In the child: descriptors 0, 1, 2 as asked, nothing else; dies with the parent. Only async-signal-safe calls. */
static void become(const struct proc_spec *spec, const char *path, char **env, int out_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	proc_reset_signals();
	/* First out of the way: any of them may be 0, 1 or 2 itself, /dev/null and the pipe where the caller has these closed. */
	int in = fcntl(spec->stdin_fd >= 0 ? spec->stdin_fd : null, F_DUPFD_CLOEXEC, 10);
	int out = fcntl(spec->stdout_fd >= 0 ? spec->stdout_fd : out_fd, F_DUPFD_CLOEXEC, 10);
	int err = fcntl(out_fd, F_DUPFD_CLOEXEC, 10);

	if (in < 0 || out < 0 || err < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (spec->dir_fd >= 0 ? fchdir(spec->dir_fd) : chdir("/"))
		_exit(126);
	syscall(SYS_close_range, 3, ~0U, 0);
	execve(path, (char *const *)spec->argv, env);
	_exit(errno == ENOENT ? 127 : 126);
}

static void end_line(const struct proc_spec *spec, struct line_reader *lr)
{
	if (lr->used == 0)
		return;
	lr->line[lr->used] = '\0';
	lr->used = 0;
	memcpy(lr->last, lr->line, sizeof(lr->last));
	if (spec->on_line)
		spec->on_line(spec->context, lr->line);
}

/* Is there something to read, or the end, before the time is over? */
static bool wait_readable(int fd, uint64_t deadline_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n;

	do {
		uint64_t now = proc_now_ms();

		if (deadline_ms && now >= deadline_ms)
			return false;
		n = poll(&p, 1, deadline_ms ? (int)(deadline_ms - now) : -1);
	} while (n < 0 && errno == EINTR);
	return n != 0;
}

/* Returns false if the time was over first. */
static bool read_lines(const struct proc_spec *spec, int fd, struct line_reader *lr)
{
	uint64_t deadline_ms = spec->timeout_ms > 0 ? proc_now_ms() + (uint64_t)spec->timeout_ms : 0;
	bool is_in_time;
	char buf[LINE_ROOM];

	while ((is_in_time = wait_readable(fd, deadline_ms))) {
		ssize_t n = read(fd, buf, sizeof(buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\n' || buf[i] == '\r' || lr->used == sizeof(lr->line) - 1)
				end_line(spec, lr);
			if (buf[i] != '\n' && buf[i] != '\r')
				lr->line[lr->used++] = buf[i];
		}
	}
	end_line(spec, lr);
	return is_in_time;
}

/* `timeout_s`: after which it was killed, 0 if it was not. */
static int reap(pid_t pid, const char *name, int timeout_s, const struct line_reader *lr, struct err *err)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "wait for %s", name);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;

	const char *sep = lr->last[0] ? ": " : "";

	if (WIFSIGNALED(status) && timeout_s)
		return err_exit(err, EXIT_TIMEOUT, ETIMEDOUT, "%s had not ended after %d s and was killed%s%s", name, timeout_s,
				sep, lr->last);
	if (WIFSIGNALED(status))
		return err_exit(err, EXIT_FAILED, ECHILD, "%s was killed by signal %d%s%s", name, WTERMSIG(status), sep,
				lr->last);
	return err_exit(err, EXIT_FAILED, ECHILD, "%s ended with status %d%s%s", name, WEXITSTATUS(status), sep, lr->last);
}

int proc_run(const struct proc_spec *spec, const char *package, struct err *err)
{
	const char *name = spec->argv[0];
	_cleanup_free_ char *path = find_program(name);
	_cleanup_free_ char **env = build_env(spec->env);
	struct line_reader lr = { 0 };
	int fds[2], timeout_s = (spec->timeout_ms + 999) / 1000;

	if (!path)
		return err_exit(err, EXIT_UNSUPPORTED, ENOENT, "the program %s is missing: apt-get install %s", name, package);
	if (!env)
		return err_oom(err);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, errno, "make a pipe for %s", name);

	_cleanup_fd_ int out = fds[0];
	pid_t pid = fork();

	if (pid == 0)
		become(spec, path, env, fds[1]);
	close(fds[1]);
	if (pid < 0)
		return err_sys(err, errno, "start %s", name);

	/* It may have ended already, and only left something behind that holds its output: then it keeps its status. */
	if (!read_lines(spec, out, &lr))
		kill(pid, SIGKILL);
	else
		timeout_s = 0;
	return reap(pid, name, timeout_s, &lr, err);
}
