/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/sync.h"

enum stage { MOUNTED = 3, READY = 4 };

static int expect_mounted(int fd, struct err *err)
{
	return sync_expect(fd, MOUNTED, "the child", "mounted", NULL, NULL, err);
}

static void make_pair(int fds[2])
{
	assert_int_equal(sync_pair(fds), 0);
	assert_int_equal(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(fcntl(fds[1], F_GETFD), FD_CLOEXEC);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void test_value_and_descriptor(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	int64_t value = 0;
	int fds[2], got = -1;

	make_pair(fds);
	assert_int_equal(sync_send(fds[0], MOUNTED, -77, s->fd), 0);
	assert_ok(sync_expect(fds[1], MOUNTED, "the child", "mounted", &value, &got, &err), &err);
	assert_int_equal(value, -77);
	assert_true(path_exists_at(got, "."));
	close(got);
	close_pair(fds);
}

static void test_an_unasked_descriptor_is_closed(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	int fds[2];

	make_pair(fds);
	assert_int_equal(sync_send(fds[0], MOUNTED, 0, s->fd), 0);
	assert_int_equal(sync_send(fds[0], READY, 0, s->fd), 0);
	assert_ok(expect_mounted(fds[1], &err), &err);
	assert_int_equal(expect_mounted(fds[1], &err), -EPROTO);
	close_pair(fds);
}

static void test_a_missing_descriptor(void **state)
{
	struct err err = ERR_INIT;
	int fds[2], got = -1;

	(void)state;
	make_pair(fds);
	assert_int_equal(sync_send(fds[0], MOUNTED, 0, -1), 0);
	assert_int_equal(sync_expect(fds[1], MOUNTED, "the child", "mounted", NULL, &got, &err), -EPROTO);
	assert_err_has(&err, "the child sent no descriptor with 'mounted'");
	assert_int_equal(got, -1);
	close_pair(fds);
}

static void test_the_error_travels_whole(void **state)
{
	struct err why = ERR_INIT, err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(err_exit(&why, EXIT_MOUNT, EROFS, "mount '/proc': no"), -EROFS);
	sync_send_error(fds[0], READY, &why);
	assert_int_equal(expect_mounted(fds[1], &err), -EROFS);
	assert_memory_equal(&err, &why, sizeof(err));
	close_pair(fds);
}

/* An error without its errno, or with an unterminated text, is still an error with a text. */
static void test_a_broken_error(void **state)
{
	struct err why = ERR_INIT, err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);
	memset(why.msg, 'x', sizeof(why.msg));
	why.code = -5;
	sync_send_error(fds[0], MOUNTED, &why);
	assert_int_equal(expect_mounted(fds[1], &err), -EPROTO);
	assert_int_equal(strnlen(err.msg, sizeof(err.msg)), sizeof(err.msg) - 1);
	assert_int_equal(err_wrap(&err, "start"), -EPROTO);
	close_pair(fds);
}

static void test_the_wrong_stage(void **state)
{
	struct err err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(sync_send(fds[0], READY, 0, -1), 0);
	assert_int_equal(expect_mounted(fds[1], &err), -EPROTO);
	assert_err_has(&err, "the child sent stage 4 before 'mounted'");
	close_pair(fds);
}

static void test_the_wrong_size(void **state)
{
	static const size_t sizes[] = { 1, sizeof(struct sync_msg) - 1, sizeof(struct sync_msg) + 1, 4000 };
	const struct scratch *s = *state;
	static const char bytes[4000] = { MOUNTED };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct err err = ERR_INIT;
		int fds[2];

		make_pair(fds);
		assert_int_equal(fd_send(fds[0], bytes, sizes[i], &s->fd, 1), 0);
		assert_true(expect_mounted(fds[1], &err) < 0);
		assert_err_has(&err, "the child");
		close_pair(fds);
	}
}

static void test_a_peer_that_ends(void **state)
{
	struct err err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);

	pid_t pid = fork_child();

	if (pid == 0) {
		close(fds[1]);
		raise(SIGKILL);
	}
	close(fds[0]);
	assert_int_equal(expect_mounted(fds[1], &err), -EPIPE);
	assert_err_has(&err, "the child ended unexpectedly before 'mounted'");
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	assert_int_equal(sync_send(fds[1], READY, 0, -1), -EPIPE);
	sync_send_error(fds[1], READY, &err);
	close(fds[1]);
}

/* What a peer said before it ended counts, and only then its end. */
static void test_last_words(void **state)
{
	struct err err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(sync_send(fds[0], MOUNTED, 0, -1), 0);
	close(fds[0]);
	assert_ok(expect_mounted(fds[1], &err), &err);
	assert_int_equal(expect_mounted(fds[1], &err), -EPIPE);
	close(fds[1]);
}

/* It ended with a message of ours unread: the kernel then reports a reset. */
static void test_a_peer_that_ends_deaf(void **state)
{
	struct err err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);
	assert_int_equal(sync_send(fds[1], MOUNTED, 0, -1), 0);
	close(fds[0]);
	assert_int_equal(expect_mounted(fds[1], &err), -EPIPE);
	assert_err_has(&err, "ended unexpectedly");
	close(fds[1]);
}

/* As above, but it has said why: that is not lost by the reset. */
static void test_last_words_of_the_deaf(void **state)
{
	struct err why = ERR_INIT, err = ERR_INIT;
	int fds[2];

	(void)state;
	assert_int_equal(err_exit(&why, EXIT_MOUNT, EROFS, "mount '/proc': no"), -EROFS);
	make_pair(fds);
	assert_int_equal(sync_send(fds[1], MOUNTED, 0, -1), 0);
	sync_send_error(fds[0], READY, &why);
	close(fds[0]);
	assert_int_equal(expect_mounted(fds[1], &err), -EROFS);
	assert_memory_equal(&err, &why, sizeof(err));
	assert_int_equal(expect_mounted(fds[1], &err), -EPIPE);
	close(fds[1]);

	make_pair(fds);
	assert_int_equal(sync_send(fds[1], MOUNTED, 0, -1), 0);
	sync_send_error(fds[0], READY, &why);
	close(fds[0]);
	assert_int_equal(sync_expect_end(fds[1], "the child", &err), -EROFS);
	close(fds[1]);
}

/* A step of ours that failed because the peer was gone is told with the peer's reason. */
static void test_the_peers_reason_is_preferred(void **state)
{
	struct err why = ERR_INIT, err = ERR_INIT;
	int fds[2];

	(void)state;
	assert_int_equal(err_exit(&why, EXIT_MOUNT, EROFS, "mount '/proc': no"), -EROFS);
	make_pair(fds);
	assert_int_equal(err_set(&err, ENOENT, "open its namespace"), -ENOENT);
	/* It lives, and has said nothing, or nothing of a failure. */
	assert_int_equal(sync_prefer_peer(fds[1], "the child", &err), -ENOENT);
	assert_string_equal(err.msg, "open its namespace");
	assert_int_equal(sync_send(fds[0], MOUNTED, 0, -1), 0);
	assert_int_equal(sync_prefer_peer(fds[1], "the child", &err), -ENOENT);
	assert_string_equal(err.msg, "open its namespace");

	assert_int_equal(sync_send(fds[1], MOUNTED, 0, -1), 0);
	sync_send_error(fds[0], READY, &why);
	close(fds[0]);
	assert_int_equal(sync_prefer_peer(fds[1], "the child", &err), -EROFS);
	assert_memory_equal(&err, &why, sizeof(err));
	close(fds[1]);
}

static void test_the_peers_end_is_mentioned(void **state)
{
	struct err err = ERR_INIT;
	int fds[2];

	(void)state;
	make_pair(fds);
	close(fds[0]);
	assert_int_equal(err_set(&err, ENOENT, "open its namespace"), -ENOENT);
	assert_int_equal(sync_prefer_peer(fds[1], "the child", &err), -ENOENT);
	assert_string_equal(err.msg, "the child ended unexpectedly: open its namespace");
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_value_and_descriptor),
		SCRATCH_TEST(test_an_unasked_descriptor_is_closed),
		SCRATCH_TEST(test_a_missing_descriptor),
		SCRATCH_TEST(test_the_error_travels_whole),
		SCRATCH_TEST(test_a_broken_error),
		SCRATCH_TEST(test_the_wrong_stage),
		SCRATCH_TEST(test_the_wrong_size),
		SCRATCH_TEST(test_a_peer_that_ends),
		SCRATCH_TEST(test_last_words),
		SCRATCH_TEST(test_a_peer_that_ends_deaf),
		SCRATCH_TEST(test_last_words_of_the_deaf),
		SCRATCH_TEST(test_the_peers_reason_is_preferred),
		SCRATCH_TEST(test_the_peers_end_is_mentioned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
