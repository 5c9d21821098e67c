/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ending what is in a group, and removing it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

static int ms_left(uint64_t deadline)
{
	uint64_t now = proc_now_ms();

	return now >= deadline ? 0 : (int)(deadline - now);
}

int cgroup_says(int events_fd, const char *event)
{
	char text[64];
	ssize_t n = pread(events_fd, text, sizeof(text) - 1, 0);

	if (n < 0)
		return -errno;
	text[n] = '\0';
	return strstr(text, event) != NULL;
}

/* The kernel reports each change of cgroup.events as POLLPRI (cgroup-v2.rst); reading it arms the next report. */
int cgroup_wait_event(int events_fd, const char *event, uint64_t deadline)
{
	struct pollfd p = { .fd = events_fd, .events = POLLPRI };

	for (;;) {
		int r = cgroup_says(events_fd, event);

		if (r != 0)
			return r < 0 ? r : 0;
		r = poll(&p, 1, ms_left(deadline));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0) {
			r = cgroup_says(events_fd, event);
			return r < 0 ? r : (r > 0 ? 0 : -ETIMEDOUT);
		}
	}
}

static int kill_v2(const struct cgroup_hierarchy *v2, const char *path, uint64_t deadline)
{
	_cleanup_fd_ int dir = cgroup_open_group(v2, path);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;

	_cleanup_fd_ int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0)
		return -errno;
	if (cgroup_says(events, CGROUP_EMPTY) == 1)
		return 0;

	/* One write for the whole subtree, against which no fork can race (Linux 5.14). On an older kernel the sweep does it. */
	int r = fd_write_file_at(dir, "cgroup.kill", "1");

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cgroup_wait_event(events, CGROUP_EMPTY, deadline);
	return r == -ENODEV ? 0 : r; /* the group was removed */
}

/*
 * Kills one process and waits for its end. The pid is looked up again after the pidfd was opened: it may have a new owner,
 * elsewhere.
 */
static int kill_pid(int procs_dir, pid_t pid, uint64_t deadline)
{
	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	_cleanup_free_ char *list = NULL, *line = str_printf("\n%d\n", pid), *again = NULL;

	if (pidfd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (!line || fd_read_file_at(procs_dir, "cgroup.procs", 16 << 20, &list) < 0)
		return -EIO;
	again = str_printf("\n%s", list);
	if (!again || !strstr(again, line))
		return again ? 0 : -ENOMEM;

	int r = proc_kill_pidfd(pidfd, SIGKILL);

	if (r < 0)
		return r == -ESRCH ? 0 : r;
	return proc_wait_pidfd(pidfd, ms_left(deadline));
}

/*
 * What v2 has not ended: all, on a host without it; and a process that was moved into some hierarchies and not into v2 when ctctl
 * was killed.
 */
static int sweep(const struct cgroup_hierarchy *h, const char *path, uint64_t deadline)
{
	_cleanup_fd_ int dir = cgroup_open_group(h, path);

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	for (;;) {
		_cleanup_free_ char *list = NULL;
		uint64_t pid;
		ssize_t n = fd_read_file_at(dir, "cgroup.procs", 16 << 20, &list);

		if (n < 0)
			return n == -ENOENT || n == -ENODEV || n == -EOPNOTSUPP ? 0 : (int)n;
		list[strcspn(list, "\n")] = '\0';
		if (n == 0 || str_to_u64(list, INT32_MAX, &pid) < 0)
			return 0;

		int r = kill_pid(dir, (pid_t)pid, deadline);

		if (r < 0)
			return r;
		if (ms_left(deadline) == 0)
			return -ETIMEDOUT;
	}
}

/* A v1 freezer keeps even SIGKILL waiting; v2's does not. Nothing to thaw is no error. */
static void thaw(const struct cgroup_map *map, const char *path)
{
	const struct cgroup_hierarchy *h = cgroup_map_find(map, "freezer");

	if (h && !h->is_v2)
		(void)!cgroup_write(h, path, "freezer.state", "THAWED");
}

int cgroup_map_kill(const struct cgroup_map *map, const char *path, int timeout_ms, struct err *err)
{
	uint64_t deadline = proc_now_ms() + (uint64_t)timeout_ms;
	const struct cgroup_hierarchy *v2 = cgroup_map_v2(map);
	int r;

	thaw(map, path);
	r = v2 ? kill_v2(v2, path, deadline) : 0;
	for (int i = 0; r == 0 && i < map->n; i++)
		r = sweep(&map->h[i], path, deadline);
	if (r == -ETIMEDOUT)
		return err_exit(err, EXIT_TIMEOUT, ETIMEDOUT,
				"processes in the cgroup '%s' did not end within %d ms of SIGKILL: see which, and what they wait "
				"for, with ps",
				path, timeout_ms);
	return r < 0 ? err_sys(err, -r, "end the processes in the cgroup '%s'", path) : 0;
}

int cgroup_kill(const char *path, int timeout_ms, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_kill(&map, path, timeout_ms, err);
}

int cgroup_wait_empty(const char *path, int timeout_ms, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);
	_cleanup_fd_ int dir = -EBADF;

	if (r == 0)
		r = cgroup_map_host(&map, err);
	if (r < 0)
		return r;
	dir = cgroup_map_v2(&map) ? cgroup_open_group(cgroup_map_v2(&map), path) : -ENOENT;

	_cleanup_fd_ int events = dir < 0 ? -ENOENT : openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0)
		return 0;
	r = cgroup_wait_event(events, CGROUP_EMPTY, proc_now_ms() + (uint64_t)timeout_ms);
	return r < 0 && r != -ENODEV ? err_sys(err, -r, "wait for the end of what is in the cgroup '%s'", path) : 0;
}

bool cgroup_is_populated(const char *path)
{
	struct cgroup_map map = { 0 };
	struct err ignored;
	char text[64];

	if (cgroup_check_path(path, &ignored) < 0 || cgroup_map_host(&map, &ignored) < 0)
		return false;

	const struct cgroup_hierarchy *v2 = cgroup_map_v2(&map);

	if (v2) /* "populated" is the first line */
		return cgroup_read(v2, path, "cgroup.events", text, sizeof(text)) == 0 && strcmp(text, "populated 1") == 0;
	return cgroup_read(&map.h[0], path, "cgroup.procs", text, sizeof(text)) == 0 && text[0] != '\0';
}
