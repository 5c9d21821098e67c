/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"

/* What the tests of this folder share. They mount, so they need root. */

#define NEED_ROOT()                 \
	do {                        \
		if (geteuid() != 0) \
			skip();     \
	} while (0)

/* A range that no user of a usual host has. */
#define TEST_ROOT_UID 1700000

struct scratch {
	char path[64];
	int fd;
	int n_fds;    /* open descriptors, */
	int n_mounts; /* and mounts, when the test began */
	void **state; /* cmocka's: the folder's path, for scratch_teardown() */
};

static inline int count_fds(void)
{
	_cleanup_dir_ DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

static inline int count_mounts(void)
{
	_cleanup_free_ char *text = NULL;
	int n = 0;

	assert_true(fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 24, &text) > 0);
	for (const char *s = text; (s = strchr(s, '\n')); s++)
		n++;
	return n;
}

static inline _unused_ void scratch_begin(struct scratch *s, void **state)
{
	s->n_fds = count_fds();
	s->n_mounts = count_mounts();
	strcpy(s->path, "/tmp/ctctl-unit-XXXXXX");
	assert_non_null(mkdtemp(s->path));
	s->state = state;
	*state = strdup(s->path);
	assert_non_null(*state);
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(s->fd >= 0);
	/* A guest's root has to get through to its mount point. */
	assert_int_equal(fchmod(s->fd, 0755), 0);
}

/* Nothing may be left: no descriptor, no mount. Removal does not cross into a mount that a failed test left. */
static inline _unused_ void scratch_end(struct scratch *s)
{
	close(s->fd);
	assert_int_equal(count_mounts(), s->n_mounts);
	assert_int_equal(count_fds(), s->n_fds);
	assert_int_equal(path_remove_tree_at(AT_FDCWD, s->path), 0);
	free(*s->state);
	*s->state = NULL;
}

/* After a test that failed in the middle: unmounts what it mounted in its folder, and removes the folder. */
static inline _unused_ int scratch_teardown(void **state)
{
	_cleanup_free_ char *path = *state;

	*state = NULL;
	while (path) {
		_cleanup_free_ char *table = NULL;
		ssize_t n = fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 24, &table);
		char *point = n > 0 ? strstr(table, path) : NULL;

		/* A line may name the folder as the source, behind the mount point. */
		if (!point)
			break;
		*strchrnul(point, ' ') = '\0';
		if (umount2(point, MNT_DETACH) < 0)
			break;
	}
	if (path && path_remove_tree_at(AT_FDCWD, path) < 0)
		print_message("left behind: %s\n", path);
	return 0;
}

#define STORAGE_TEST(f) cmocka_unit_test_teardown(f, scratch_teardown)

static inline _unused_ void make_file(int dir_fd, const char *name, const char *data, mode_t mode, uid_t uid)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fd_write_all(fd, data, strlen(data)), 0);
	assert_int_equal(fchown(fd, uid, uid), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static inline _unused_ void make_dir(int dir_fd, const char *name)
{
	assert_int_equal(mkdirat(dir_fd, name, 0755), 0);
}

/* The tree of a tiny guest. */
static inline _unused_ void make_tree(int dir_fd, const char *name)
{
	make_dir(dir_fd, name);

	_cleanup_fd_ int tree = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_CLOEXEC);

	assert_true(tree >= 0);
	make_dir(tree, "etc");
	make_dir(tree, "etc/conf.d");
	make_dir(tree, "root");
	make_file(tree, "etc/hosts", "localhost\n", 0644, 0);
	make_file(tree, "etc/web", "www-data\n", 0600, 33);
	make_file(tree, "su", "setuid\n", 04755, 0);
}

static inline _unused_ uid_t uid_of(int dir_fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	return st.st_uid;
}

/* A user namespace whose ids 0 to 65535 are TEST_ROOT_UID and following of the host. Held open by the descriptor alone. */
static inline _unused_ int make_userns(void)
{
	static const char map[] = "0 1700000 65536\n";
	int gate[2];
	char c;

	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);

	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWUSER) == 0 && write(gate[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(gate[0], &c, 1), 1);
	close(gate[0]);
	close(gate[1]);

	_cleanup_free_ char *uid_map = str_printf("/proc/%d/uid_map", pid);
	_cleanup_free_ char *gid_map = str_printf("/proc/%d/gid_map", pid);
	_cleanup_free_ char *ns = str_printf("/proc/%d/ns/user", pid);

	assert_int_equal(fd_write_file_at(AT_FDCWD, uid_map, map), 0);
	assert_int_equal(fd_write_file_at(AT_FDCWD, gid_map, map), 0);

	int fd = open(ns, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return fd;
}

/*
 * Runs `body` as the guest's root inside the root, in namespaces of its own, as the guest's init does. Returns what it returned:
 * 0 to 255.
 */
static inline _unused_ int run_in_guest(int userns_fd, int root_fd, const char *point, int (*body)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setns(userns_fd, CLONE_NEWUSER) < 0 || setgid(0) < 0 || setuid(0) < 0 || unshare(CLONE_NEWNS) < 0)
			_exit(201);
		if (move_mount(root_fd, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			_exit(202);
		if (chroot(point) < 0 || chdir("/") < 0)
			_exit(203);
		_exit(body());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Does `work` in a child that a fault point kills (CTCTL_FAULT_KILL), or in which it makes a step fail (CTCTL_FAULT_FAIL). */
static inline _unused_ void try_with_fault(const char *variable, const char *point, int (*work)(void *context), void *context)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		setenv(variable, point, 1);
		_exit(work(context) < 0 ? 77 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (strcmp(variable, "CTCTL_FAULT_KILL") == 0)
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	else
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 77);
}
