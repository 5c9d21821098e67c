/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"

/*
 * A folder of its own for each test, *state of which is a struct scratch, and a look at /proc/self/fd before and after:
 * SCRATCH_TEST(f) fails if the test leaves a descriptor behind.
 */
struct scratch {
	char path[64];
	int fd;
	int n_fds;
};

#define NEED_ROOT()                 \
	do {                        \
		if (geteuid() != 0) \
			skip();     \
	} while (0)

static inline int scratch_count_fds(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	while (dir && readdir(dir))
		n++;
	return n;
}

static inline _unused_ int scratch_setup(void **state)
{
	struct scratch *s = calloc(1, sizeof(*s));

	if (!s)
		return -1;
	s->n_fds = scratch_count_fds();
	strcpy(s->path, "/tmp/ctctl-unit-XXXXXX");
	if (!mkdtemp(s->path))
		return -1;
	s->fd = path_open_dir(AT_FDCWD, s->path, O_RDONLY);
	*state = s;
	return s->fd < 0 ? -1 : 0;
}

static inline _unused_ int scratch_teardown(void **state)
{
	struct scratch *s = *state;

	close(s->fd);

	int n_fds = scratch_count_fds();
	int removed = path_remove_tree_at(AT_FDCWD, s->path);

	if (n_fds != s->n_fds)
		print_message("%d descriptors before the test, %d after it\n", s->n_fds, n_fds);
	if (removed < 0)
		print_message("left behind: %s: %s\n", s->path, strerror(-removed));

	int r = n_fds == s->n_fds && removed == 0 ? 0 : -1;

	free(s);
	return r;
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_setup, scratch_teardown)

static inline _unused_ void put_bytes(int dir_fd, const char *name, const void *data, size_t len)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, len), 0);
}

static inline _unused_ void put_file(int dir_fd, const char *name, const char *text)
{
	put_bytes(dir_fd, name, text, strlen(text));
}

/* The file has exactly this text. */
static inline _unused_ void assert_file(int dir_fd, const char *name, const char *text)
{
	_cleanup_free_ char *is = NULL;

	assert_true(fd_read_file_at(dir_fd, name, 1 << 20, &is) >= 0);
	assert_string_equal(is, text);
}

static inline _unused_ void put_dir(int dir_fd, const char *name)
{
	assert_int_equal(mkdirat(dir_fd, name, 0700), 0);
}

/* As fork(2); the child dies with the test, also if that is killed. */
static inline _unused_ pid_t fork_child(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

/* The status of a child that this test started: what it returned, or 128 and the signal that ended it. */
static inline _unused_ int wait_status(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
