/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sync.h"
#include "runtime/checkpoint/criu_priv.h"
#include "runtime/container/cgroup.h"

/* Where `make deps` puts CRIU, and where Debian's package does. */
static const char *const places[] = { CTCTL_CRIU, "/usr/sbin/criu" };

#define WHAT_TO_DO "make deps-criu, in ctctl's sources, or set CTCTL_CRIU"

int criu_find_program(const char **ret, struct err *err)
{
	const char *chosen = secure_getenv("CTCTL_CRIU");

	*ret = chosen;
	if (chosen && access(chosen, X_OK) == 0)
		return 0;
	if (chosen)
		return err_exit(err, EXIT_UNSUPPORTED, ENOENT,
				"the program '%s', which CTCTL_CRIU names, cannot be run: " WHAT_TO_DO, chosen);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		*ret = places[i];
		if (access(places[i], X_OK) == 0)
			return 0;
	}
	*ret = NULL;
	return err_exit(err, EXIT_UNSUPPORTED, ENOENT, "the program criu is missing: " WHAT_TO_DO);
}

/* The ids of our children, zombies included. They come and go only by our own doing, and by that of a CRIU. */
static int list_children(pid_t **ret, size_t *ret_n)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = fd_read_file_at(AT_FDCWD, "/proc/thread-self/children", 1 << 20, &text);

	if (len < 0)
		return (int)len;

	_cleanup_free_ pid_t *pids = calloc((size_t)len / 2 + 1, sizeof(*pids));
	char *rest = NULL;
	size_t n = 0;

	if (!pids)
		return -ENOMEM;
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		uint64_t pid;

		if (str_to_u64(word, INT32_MAX, &pid) == 0)
			pids[n++] = (pid_t)pid;
	}
	*ret = TAKE_PTR(pids);
	*ret_n = n;
	return 0;
}

/* In the child: 0, 1, 2, the socket and what is inherited, each first put out of the way of the others' places. */
static int place_fds(int sock, const struct criu_request *request)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int high[CRIU_FIRST_INHERITED + CRIU_INHERITS_MAX];
	int n = 0, n_all = CRIU_FIRST_INHERITED + (int)request->n_inherits;

	for (; n < n_all; n++) {
		int from = n < CRIU_SOCKET_FD	 ? null
			   : n == CRIU_SOCKET_FD ? sock
						 : request->inherits[n - CRIU_FIRST_INHERITED].fd;

		high[n] = fcntl(from, F_DUPFD_CLOEXEC, n_all);
		if (high[n] < 0)
			return -errno;
	}
	for (n = 0; n < n_all; n++) {
		if (dup2(high[n], n) < 0)
			return -errno;
	}
	return syscall(SYS_close_range, n_all, ~0U, 0) < 0 ? -errno : 0;
}

/* In the child, which nothing ends but itself. CRIU looks for tar in PATH; no file in /etc or $HOME changes what it does. */
static void become(const char *path, int sock, const struct criu_request *request)
{
	char *const argv[] = { (char *)"criu", (char *)"--no-default-config", (char *)"swrk", (char *)"3", NULL };
	char *const env[] = { (char *)"PATH=" PROC_PATH, (char *)"LC_ALL=C.UTF-8", NULL };

	setsid();
	proc_reset_signals();
	if (request->group && cgroup_join_self(request->group) < 0)
		_exit(126);
	if (chdir("/") < 0 || place_fds(sock, request) < 0)
		_exit(126);
	execve(path, argv, env);
	_exit(126);
}

int criu_worker_start(struct criu_worker *worker, const struct criu_request *request, struct err *err)
{
	const char *path;
	int socks[2], r = criu_find_program(&path, err);

	if (r < 0)
		return r;
	if (request->n_inherits > CRIU_INHERITS_MAX)
		return err_set(err, E2BIG, "%zu descriptors for CRIU: at most %d", request->n_inherits, CRIU_INHERITS_MAX);
	r = list_children(&worker->others, &worker->n_others);
	if (r < 0)
		return err_sys(err, -r, "list our own processes");
	r = sync_pair(socks);
	if (r < 0)
		return err_sys(err, -r, "make a socket pair for CRIU");
	worker->sock = socks[0];

	_cleanup_fd_ int theirs = socks[1];
	/* Its exit signal becomes that of what it restores as its sibling (clone(2), CLONE_PARENT). */
	pid_t pid = proc_clone(0, request->group ? request->group->v2_fd : -1, &worker->pidfd);

	if (pid == 0)
		become(path, theirs, request);
	if (pid < 0)
		return err_sys(err, -pid, "start CRIU");
	worker->pid = pid;
	return 0;
}

/* Processes of a tree that is being restored may hold CRIU's end of the socket: its end is not always the end of file. */
static int wait_for_message(const struct criu_worker *worker)
{
	struct pollfd p[] = { { .fd = worker->sock, .events = POLLIN }, { .fd = worker->pidfd, .events = POLLIN } };
	int n;

	do
		n = poll(p, ARRAY_SIZE(p), -1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return p[0].revents & POLLIN ? 1 : 0;
}

ssize_t criu_worker_receive(const struct criu_worker *worker, unsigned char **ret)
{
	int r = wait_for_message(worker);
	ssize_t len;

	if (r <= 0)
		return r;
	do
		len = recv(worker->sock, NULL, 0, MSG_PEEK | MSG_TRUNC);
	while (len < 0 && errno == EINTR);
	if (len <= 0)
		return len < 0 && errno != ECONNRESET ? -errno : 0;

	_cleanup_free_ unsigned char *data = malloc((size_t)len);

	if (!data)
		return -ENOMEM;
	len = fd_recv(worker->sock, data, (size_t)len, NULL, NULL);
	if (len > 0)
		*ret = TAKE_PTR(data);
	return len;
}

int criu_worker_reap(struct criu_worker *worker, int *ret_status)
{
	*ret_status = 0;
	while (worker->pid > 0 && waitpid(worker->pid, ret_status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	worker->pid = 0;
	return 0;
}

static bool is_other(const struct criu_worker *worker, pid_t pid)
{
	for (size_t i = 0; i < worker->n_others; i++) {
		if (worker->others[i] == pid)
			return true;
	}
	return pid == worker->pid;
}

/* Kills what CRIU has made our child; with `reap`, waits for its end too. */
static void end_siblings(const struct criu_worker *worker, bool reap)
{
	_cleanup_free_ pid_t *pids = NULL;
	size_t n = 0;

	if (list_children(&pids, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (is_other(worker, pids[i]))
			continue;
		kill(pids[i], SIGKILL);
		while (reap && waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
			;
	}
}

void criu_worker_undo(struct criu_worker *worker)
{
	int status;

	/* First its siblings: let go by CRIU, they would run. They are reaped when CRIU, which traces them, is gone. */
	end_siblings(worker, false);
	if (worker->pid > 0)
		kill(worker->pid, SIGKILL);
	if (criu_worker_reap(worker, &status) == 0)
		end_siblings(worker, true);
}

void criu_worker_free(struct criu_worker *worker)
{
	int status;

	fd_close(&worker->sock);
	if (criu_worker_reap(worker, &status) == 0)
		fd_close(&worker->pidfd);
	free(worker->others);
	worker->others = NULL;
}
