/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <sched.h>

#include "base/userns.h"

#define FIRST 1700000

/* What /proc/self/FILE says to a process that joins the namespace. */
static void read_inside(int userns, const char *file, char *text, size_t size)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0) {
		_cleanup_free_ char *got = NULL;
		ssize_t n = setns(userns, CLONE_NEWUSER) < 0 ? -1 : fd_read_file_at(AT_FDCWD, file, 4096, &got);

		_exit(n < 0 || fd_write_all(p[1], got, (size_t)n) < 0);
	}
	close(p[1]);

	ssize_t n = read(p[0], text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	assert_int_equal(wait_status(pid), 0);
}

static void test_maps(void **state)
{
	static const char *const files[] = { "/proc/self/uid_map", "/proc/self/gid_map" };
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();

	_cleanup_fd_ int fd = userns_create(FIRST, 65536, &err);

	assert_ok(fd, &err);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		unsigned int inside = 1, outside = 0, count = 0;
		char text[128];

		read_inside(fd, files[i], text, sizeof(text));
		assert_int_equal(sscanf(text, "%u %u %u", &inside, &outside, &count), 3);
		assert_int_equal(inside, 0);
		assert_int_equal(outside, FIRST);
		assert_int_equal(count, 65536);
	}
}

/* It lives by the descriptor: the process that it was born with is gone and reaped. */
static void test_no_process_is_left(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();

	_cleanup_fd_ int fd = userns_create(FIRST, 1, &err);

	assert_ok(fd, &err);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_ranges_that_are_none(void **state)
{
	static const uint32_t rows[][2] = { { FIRST, 0 }, { UINT32_MAX, 2 }, { UINT32_MAX - 10, 65536 } };

	(void)state;
	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_true(userns_create(rows[i][0], rows[i][1], &err) < 0);
		assert_err_has(&err, "map the ids");
		assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_maps),
		SCRATCH_TEST(test_no_process_is_left),
		SCRATCH_TEST(test_ranges_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
