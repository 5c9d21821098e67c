/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/repaired.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/container/cgroup_tree.h"

/* A guest may make its groups 64 deep at most (cgroup_delegate()): what is deeper is none of a guest's. */
#define DEPTH_MAX 80
#define PROCS_MAX (16 << 20)

static int option_of(int socket, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	return getsockopt(socket, level, name, &value, &size) < 0 ? -1 : value;
}

/*
 * Without the window probe of TCP_REPAIR_OFF (Linux 4.19): that is for a socket made anew, which does not know its peer's window.
 * It also puts snd_wl1 back, so that an old segment that comes late may set the window; and it would be lost, or reach a peer
 * that has asked nothing. A connection that was only read has all its numbers.
 */
static void end_repair(int socket)
{
	int off = TCP_REPAIR_OFF_NO_WP, reuse = 1;

	if (option_of(socket, IPPROTO_TCP, TCP_REPAIR) != 1)
		return;
	/* The mode ends with SO_REUSEADDR off, whatever it was before. */
	if (setsockopt(socket, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) == 0)
		(void)!setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof(reuse));
}

static void end_peeking(int socket)
{
	int none = -1;

	if (option_of(socket, SOL_SOCKET, SO_PEEK_OFF) >= 0)
		(void)!setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof(none));
}

static void mend_socket(int socket)
{
	int domain = option_of(socket, SOL_SOCKET, SO_DOMAIN);

	if (domain == AF_UNIX)
		end_peeking(socket);
	else if ((domain == AF_INET || domain == AF_INET6) && option_of(socket, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP)
		end_repair(socket);
}

/* By the text of its link, which asks no file system: a stat() of what a guest has open may wait for the guest. */
static bool is_socket(int fds, const char *name)
{
	static const char prefix[] = "socket:[";
	char text[sizeof(prefix)];
	ssize_t n = readlinkat(fds, name, text, sizeof(text));

	return n == sizeof(text) && memcmp(text, prefix, sizeof(prefix) - 1) == 0;
}

static void mend_descriptor(int pidfd, int fds, const char *name)
{
	uint64_t number;

	if (!is_socket(fds, name) || str_to_u64(name, INT32_MAX, &number) < 0)
		return;

	_cleanup_fd_ int socket = (int)syscall(SYS_pidfd_getfd, pidfd, (int)number, 0);

	if (socket >= 0)
		mend_socket(socket);
}

/* Is the pid still that of a process of this group? One that was given away anew may belong to another guest's CRIU. */
static bool is_member(int group, const char *pid)
{
	_cleanup_free_ char *list = NULL;
	size_t len = strlen(pid);

	if (fd_read_file_at(group, "cgroup.procs", PROCS_MAX, &list) < 0)
		return false;
	for (const char *line = list; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, pid, len) == 0 && line[len] == '\n')
			return true;
	}
	return false;
}

static int mend_process(int group, const char *pid)
{
	_cleanup_free_ char *path = str_printf("/proc/%s/fd", pid);
	uint64_t number;

	if (!path)
		return -ENOMEM;
	if (str_to_u64(pid, INT32_MAX, &number) < 0)
		return 0;

	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)number, 0);

	if (pidfd < 0 || !is_member(group, pid))
		return 0;

	_cleanup_dir_ DIR *fds = opendir(path);

	for (struct dirent *e; fds && (e = readdir(fds));)
		mend_descriptor(pidfd, dirfd(fds), e->d_name);
	return 0;
}

/* The list of a threaded group cannot be read: that of the group above it has its processes (cgroup-v2.rst). */
static int mend_processes(int group)
{
	_cleanup_free_ char *list = NULL;
	char *save = NULL;
	ssize_t n = fd_read_file_at(group, "cgroup.procs", PROCS_MAX, &list);
	int r = 0;

	if (n < 0)
		return n == -EOPNOTSUPP || n == -ENOENT || n == -ENODEV ? 0 : (int)n;
	for (char *pid = strtok_r(list, "\n", &save); r == 0 && pid; pid = strtok_r(NULL, "\n", &save))
		r = mend_process(group, pid);
	return r;
}

static int mend_group(int parent, const char *name, int depth);

static int mend_children(int group, int depth)
{
	_cleanup_dir_ DIR *dir = entries_open(group);
	const struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (e = entries_next(dir))) {
		if (e->d_type == DT_DIR)
			r = mend_group(group, e->d_name, depth + 1);
	}
	return r;
}

/* A group that was removed meanwhile is none. */
static int mend_group(int parent, const char *name, int depth)
{
	_cleanup_fd_ int group = path_open_beneath(parent, name, O_RDONLY | O_DIRECTORY, 0);
	int r = group < 0 ? group : mend_processes(group);

	if (r == 0 && depth < DEPTH_MAX)
		r = mend_children(group, depth);
	return r == -ENOENT || r == -ENODEV ? 0 : r;
}

int checkpoint_end_repair(const char *cgroup, struct err *err)
{
	_cleanup_free_ char *folder = NULL;
	int r = cgroup_v2_folder(cgroup, &folder, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;

	_cleanup_fd_ int top = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (top < 0)
		r = errno == ENOENT ? 0 : -errno;
	else
		r = mend_group(top, ".", 0);
	return r < 0 ? err_sys(err, -r, "mend the sockets of the processes in the cgroup '%s'", cgroup) : 0;
}
