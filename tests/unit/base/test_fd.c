/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <sys/socket.h>

static void test_read_exact(void **state)
{
	char buf[4];
	int p[2];

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(fd_write_all(p[1], "abcdef", 6), 0);
	close(p[1]);
	assert_int_equal(fd_read_exact(p[0], buf, 4), 0);
	assert_memory_equal(buf, "abcd", 4);
	assert_int_equal(fd_read_exact(p[0], buf, 4), -ENODATA);
	assert_int_equal(fd_read_exact(p[0], buf, 0), 0);
	close(p[0]);
	assert_int_equal(fd_read_exact(p[0], buf, 1), -EBADF);
}

/* A pipe takes less than asked: all of it has to arrive. */
static void test_write_all_of_much(void **state)
{
	static char much[300000];
	int p[2];
	size_t got = 0;

	(void)state;
	memset(much, 'm', sizeof(much));
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0)
		_exit(fd_write_all(p[1], much, sizeof(much)) < 0);
	close(p[1]);
	for (ssize_t n; (n = read(p[0], much, sizeof(much))) > 0;)
		got += (size_t)n;
	close(p[0]);
	assert_int_equal(wait_status(pid), 0);
	assert_int_equal(got, sizeof(much));
}

static void test_read_file_sizes(void **state)
{
	static char data[5000];
	const struct scratch *s = *state;

	memset(data, 'd', sizeof(data));
	for (size_t len = 0; len < sizeof(data); len += len < 1020 || len > 1030 ? 97 : 1) {
		_cleanup_free_ char *text = NULL;

		put_bytes(s->fd, "f", data, len);
		assert_int_equal(fd_read_file_at(s->fd, "f", len, &text), len);
		assert_int_equal(strlen(text), len);
		if (len > 0)
			assert_int_equal(fd_read_file_at(s->fd, "f", len - 1, &text), -EFBIG);
	}
}

static void test_read_file_that_is_none(void **state)
{
	const struct scratch *s = *state;
	char *text = NULL;

	put_file(s->fd, "f", "x");
	assert_int_equal(symlinkat("f", s->fd, "link"), 0);
	assert_int_equal(fd_read_file_at(s->fd, "none", 10, &text), -ENOENT);
	assert_int_equal(fd_read_file_at(s->fd, "link", 10, &text), -ELOOP);
	assert_int_equal(fd_read_file_at(s->fd, ".", 10, &text), -EISDIR);
	assert_null(text);
}

static void test_write_file_makes_none(void **state)
{
	const struct scratch *s = *state;

	put_file(s->fd, "f", "old");
	assert_int_equal(symlinkat("f", s->fd, "link"), 0);
	assert_int_equal(fd_write_file_at(s->fd, "f", "new"), 0);
	assert_file(s->fd, "f", "new");
	assert_int_equal(fd_write_file_at(s->fd, "none", "x"), -ENOENT);
	assert_int_equal(fd_write_file_at(s->fd, "link", "x"), -ELOOP);
	assert_false(path_exists_at(s->fd, "none"));
}

static void test_replace(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct stat st;

	for (int durable = 0; durable < 2; durable++) {
		put_file(s->fd, ".f.new", "left by one that was killed");
		assert_ok(fd_replace_file_at(s->fd, "f", "new", 3, durable, &err), &err);
		assert_file(s->fd, "f", "new");
		assert_false(path_exists_at(s->fd, ".f.new"));
	}
	assert_int_equal(fstatat(s->fd, "f", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

/* The old content stays, and nothing half-made beside it. */
static void test_a_failed_replace(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	put_dir(s->fd, "d");
	put_file(s->fd, "d/kept", "x");
	assert_true(fd_replace_file_at(s->fd, "d", "new", 3, false, &err) < 0);
	assert_err_has(&err, "replace 'd'");
	assert_file(s->fd, "d/kept", "x");
	assert_false(path_exists_at(s->fd, ".d.new"));
	put_file(s->fd, "target", "t");
	assert_int_equal(symlinkat("target", s->fd, ".f.new"), 0);
	assert_int_equal(fd_replace_file_at(s->fd, "f", "new", 3, false, &err), -ELOOP);
	assert_file(s->fd, "target", "t");
}

static void make_pair(int fds[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

static void test_descriptors_arrive(void **state)
{
	const struct scratch *s = *state;
	const int sent[FD_PASS_MAX] = { s->fd, s->fd, s->fd, s->fd };
	int pair[2], got[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;
	char buf[4];

	make_pair(pair);
	assert_int_equal(fd_send(pair[0], "abcd", 4, sent, FD_PASS_MAX), 0);
	assert_int_equal(fd_recv(pair[1], buf, sizeof(buf), got, &n), 4);
	assert_int_equal(n, FD_PASS_MAX);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(fcntl(got[i], F_GETFD), FD_CLOEXEC);
		close(got[i]);
	}
	assert_int_equal(fd_send(pair[0], "a", 1, sent, FD_PASS_MAX + 1), -EINVAL);
	close_pair(pair);
}

/* SCRATCH_TEST counts what is left open. */
static void test_descriptors_without_room_are_closed(void **state)
{
	const struct scratch *s = *state;
	const int sent[3] = { s->fd, s->fd, s->fd };
	int pair[2], got[1];
	size_t one = 1, none = 0;
	char buf[8];

	make_pair(pair);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fd_send(pair[0], "ab", 2, sent, 3), 0);
	assert_int_equal(fd_recv(pair[1], buf, sizeof(buf), NULL, NULL), 2);
	assert_int_equal(fd_recv(pair[1], buf, sizeof(buf), NULL, &none), 2);
	assert_int_equal(none, 0);
	assert_int_equal(fd_recv(pair[1], buf, sizeof(buf), got, &one), 2);
	assert_int_equal(one, 1);
	close(got[0]);
	close_pair(pair);
}

static void test_a_cut_message_is_an_error(void **state)
{
	const struct scratch *s = *state;
	const int sent[1] = { s->fd };
	int pair[2], got[1] = { -1 };
	size_t n = 1;
	char buf[4];

	make_pair(pair);
	assert_int_equal(fd_send(pair[0], "abcde", 5, sent, 1), 0);
	assert_int_equal(fd_recv(pair[1], buf, sizeof(buf), got, &n), -EMSGSIZE);
	assert_int_equal(got[0], -EBADF);
	close_pair(pair);
}

/* A peer that is not ours may pass more descriptors than fd_send() does. */
static void test_too_many_descriptors(void **state)
{
	enum { MANY = FD_PASS_MAX + 6 };
	const struct scratch *s = *state;
	char room[CMSG_SPACE(sizeof(int) * MANY)] __attribute__((aligned(8))) = { 0 };
	char data[1] = { 'x' };
	struct iovec iov = { .iov_base = data, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int pair[2], fds[MANY], got[FD_PASS_MAX];
	size_t n = FD_PASS_MAX;

	for (int i = 0; i < MANY; i++)
		fds[i] = s->fd;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	make_pair(pair);
	assert_int_equal(sendmsg(pair[0], &msg, 0), 1);
	assert_int_equal(fd_recv(pair[1], data, 1, got, &n), -EMSGSIZE);
	close_pair(pair);
}

static void test_a_gone_peer(void **state)
{
	int pair[2];
	char buf[4];

	(void)state;
	make_pair(pair);
	close(pair[0]);
	assert_int_equal(fd_recv(pair[1], buf, sizeof(buf), NULL, NULL), 0);
	close(pair[1]);
}

static void test_no_signal_for_a_gone_peer(void **state)
{
	sighandler_t old = signal(SIGPIPE, SIG_DFL);
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };
	int pair[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		assert_int_equal(socketpair(AF_UNIX, types[i] | SOCK_CLOEXEC, 0, pair), 0);
		close(pair[0]);
		/* And not SIGPIPE, of which this test would die. */
		assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), -EPIPE);
		close(pair[1]);
	}
	signal(SIGPIPE, old);
}

static void test_flags(void **state)
{
	int fd = open("/dev/null", O_RDWR | O_APPEND | O_CLOEXEC);

	(void)state;
	assert_int_equal(fd_set_cloexec(fd, false), 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fd_set_cloexec(fd, true), 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(fd_set_nonblock(fd, true), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND), O_NONBLOCK | O_APPEND);
	assert_int_equal(fd_set_nonblock(fd, false), 0);
	assert_int_equal(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND), O_APPEND);
	fd_close(&fd);
	assert_int_equal(fd, -EBADF);
	fd_close(&fd);
	assert_int_equal(fd_set_cloexec(fd, true), -EBADF);
	assert_int_equal(fd_set_nonblock(fd, true), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_read_exact),
		SCRATCH_TEST(test_write_all_of_much),
		SCRATCH_TEST(test_read_file_sizes),
		SCRATCH_TEST(test_read_file_that_is_none),
		SCRATCH_TEST(test_write_file_makes_none),
		SCRATCH_TEST(test_replace),
		SCRATCH_TEST(test_a_failed_replace),
		SCRATCH_TEST(test_descriptors_arrive),
		SCRATCH_TEST(test_descriptors_without_room_are_closed),
		SCRATCH_TEST(test_a_cut_message_is_an_error),
		SCRATCH_TEST(test_too_many_descriptors),
		SCRATCH_TEST(test_a_gone_peer),
		SCRATCH_TEST(test_no_signal_for_a_gone_peer),
		SCRATCH_TEST(test_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
