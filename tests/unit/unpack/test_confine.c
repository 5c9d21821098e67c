/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/unpack/confine.h"

static const struct limits limits = { .max_bytes = 1 << 20, .max_files = 10 };

/*
 * Runs `attempt` confined in a fresh folder; it returns the line number of what it should not have been able to do, or 0. Cleans
 * up and judges.
 */
static void in_confinement(int (*attempt)(void))
{
	char top[] = "/tmp/test_confine.XXXXXX";
	int status = 0;

	if (geteuid() != 0)
		skip();
	assert_non_null(mkdtemp(top));

	pid_t pid = fork();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (chdir(top) < 0 || confine(&limits, &err) < 0) {
			dprintf(2, "%s\n", err.msg);
			_exit(255);
		}
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);

	struct stat st;
	_cleanup_free_ char *made = str_printf("%s/made", top);
	int made_it = made ? stat(made, &st) : -1;

	assert_int_equal(path_remove_tree_at(AT_FDCWD, top), 0);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status))
		fail_msg("line %d", WEXITSTATUS(status));
	/* What it makes as its root is root's on the disk. */
	if (made_it == 0)
		assert_int_equal(st.st_uid, 0);
}

#define MUST(condition)                         \
	do {                                    \
		if (!(condition))               \
			return __LINE__ & 0xff; \
	} while (0)

static int the_host_is_gone(void)
{
	MUST(open("/etc/passwd", O_RDONLY | O_CLOEXEC) < 0 && errno == ENOENT);
	MUST(open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0);
	MUST(open("../../../etc/passwd", O_RDONLY | O_CLOEXEC) < 0);
	MUST(fcntl(3, F_GETFD) < 0);
	return 0;
}

static int files_can_be_made(void)
{
	int fd = open("made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	MUST(fd >= 0 && fchown(fd, 65535, 65535) == 0 && fchown(fd, 0, 0) == 0 && fchmod(fd, 06755) == 0);
	MUST(fchown(fd, 65536, 0) < 0);
	MUST(mknod("fifo", S_IFIFO | 0600, 0) == 0);
	MUST(mknod("null", S_IFCHR | 0600, 0x103) < 0);
	MUST(mknod("whiteout", S_IFCHR | 0600, 0) < 0);
	/* No link is followed on this mount, whoever asks. */
	MUST(symlink("made", "link") == 0);
	MUST(open("link", O_RDONLY | O_CLOEXEC) < 0 && errno == ELOOP);
	return 0;
}

static int files_have_a_limit(void)
{
	int fd = open("made", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	MUST(fd >= 0 && ftruncate(fd, limits.max_bytes) == 0);
	MUST(ftruncate(fd, limits.max_bytes + 1) < 0 && errno == EFBIG);
	return 0;
}

static int nothing_can_be_started(void)
{
	char *const argv[] = { (char *)"x", NULL };

	MUST(execve("/x", argv, argv) < 0 && errno == ENOSYS);
	MUST(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) < 0 && errno == ENOSYS);
	MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0 && errno == ENOSYS);
	MUST(mount("none", "/", "tmpfs", 0, NULL) < 0 && errno == ENOSYS);
	MUST(syscall(SYS_setresuid, 1, 1, 1) < 0 && errno == ENOSYS);
	MUST(syscall(SYS_kill, 1, 0) < 0 && errno == ENOSYS);
	MUST(syscall(SYS_unshare, 0) < 0 && errno == ENOSYS);
	MUST(syscall(SYS_open_by_handle_at, 0, NULL, 0) < 0 && errno == ENOSYS);
	return 0;
}

static void sees_nothing_of_the_host(void **state _unused_)
{
	in_confinement(the_host_is_gone);
}

static void makes_files_and_nothing_worse(void **state _unused_)
{
	in_confinement(files_can_be_made);
}

static void cannot_fill_the_disk_with_one_file(void **state _unused_)
{
	in_confinement(files_have_a_limit);
}

static void starts_and_reaches_nothing(void **state _unused_)
{
	in_confinement(nothing_can_be_started);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sees_nothing_of_the_host),
		cmocka_unit_test(makes_files_and_nothing_worse),
		cmocka_unit_test(cannot_fill_the_disk_with_one_file),
		cmocka_unit_test(starts_and_reaches_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
