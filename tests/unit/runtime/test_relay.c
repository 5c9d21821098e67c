/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "runtime/relay.h"

/* Larger than any pipe here and no multiple of anything. */
#define MUCH 200003

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 31 + i / 251);
}

/* A pipe of the least size that there is: a page. */
static void tiny_pipe(int p[2], int flags)
{
	assert_int_equal(pipe2(p, O_CLOEXEC | flags), 0);
	assert_true(fcntl(p[1], F_SETPIPE_SZ, 4096) >= 4096);
}

static pid_t start_writer(const int out[2], int not_its)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		close(out[0]);
		close(not_its);
		for (size_t i = 0; i < MUCH; i++) {
			unsigned char c = byte_at(i);

			if (fd_write_all(out[1], &c, 1) < 0)
				_exit(1);
		}
		_exit(0);
	}
	return pid;
}

/* Reads slowly, in odd pieces; 0 if exactly what was written came. */
static pid_t start_reader(const int in[2], size_t expected)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		unsigned char buf[701];
		size_t got = 0;

		close(in[1]);
		for (ssize_t n; (n = read(in[0], buf, sizeof(buf))) > 0;) {
			for (ssize_t i = 0; i < n; i++) {
				if (buf[i] != byte_at(got++))
					_exit(1);
			}
		}
		_exit(got == expected ? 0 : 2);
	}
	return pid;
}

static void run_relay(struct relay *r)
{
	struct pollfd set[1];

	do {
		int n = relay_poll(r, set, 0);

		assert_int_equal(n, 1);
		assert_int_equal(poll(set, 1, 20000), 1);
	} while (relay_move(r, set, 1));
}

static void test_all_through_tiny_pipes(void **state)
{
	int in[2], out[2];
	struct relay r;

	(void)state;
	for (int i = 0; i < 4; i++) {
		tiny_pipe(out, 0);

		pid_t reader = start_reader(out, MUCH);

		close(out[0]);
		tiny_pipe(in, 0);

		pid_t writer = start_writer(in, out[1]);

		close(in[1]);
		assert_int_equal(fd_set_nonblock(in[0], i & 1), 0);
		assert_int_equal(fd_set_nonblock(out[1], i & 2), 0);
		relay_init(&r, in[0], out[1]);
		run_relay(&r);
		close(in[0]);
		close(out[1]);
		assert_int_equal(r.from, -1);
		assert_int_equal(wait_status(writer), 0);
		assert_int_equal(wait_status(reader), 0);
	}
}

static void test_it_waits_for_one_thing(void **state)
{
	struct relay r;
	struct pollfd set[1];

	(void)state;
	relay_init(&r, 5, 6);
	assert_int_equal(relay_poll(&r, set, 0), 1);
	assert_true(set[0].fd == 5 && set[0].events == POLLIN);
	r.len = 1;
	assert_int_equal(relay_poll(&r, set, 0), 1);
	assert_true(set[0].fd == 6 && set[0].events == POLLOUT);
	relay_init(&r, -1, 6);
	assert_int_equal(relay_poll(&r, set, 0), 0);
	assert_false(relay_move(&r, set, 0));
}

/* Data that could not be written yet stops the reading: a slow reader slows its writer down. */
static void test_a_full_pipe_stops_it(void **state)
{
	static char page[8192];
	int in[2], out[2];
	struct pollfd ready;
	struct relay r;

	(void)state;
	tiny_pipe(in, O_NONBLOCK);
	tiny_pipe(out, O_NONBLOCK);
	while (write(out[1], page, sizeof(page)) > 0)
		;
	assert_int_equal(write(in[1], "abc", 3), 3);
	relay_init(&r, in[0], out[1]);
	ready = (struct pollfd){ .fd = in[0], .events = POLLIN, .revents = POLLIN };
	assert_true(relay_move(&r, &ready, 1));
	assert_int_equal(r.len, 3);
	assert_int_equal(write(in[1], "def", 3), 3);
	assert_true(relay_move(&r, &ready, 1));
	assert_int_equal(r.len, 3);
	assert_memory_equal(r.data + r.start, "abc", 3);
	for (int i = 0; i < 2; i++) {
		close(in[i]);
		close(out[i]);
	}
}

static void on_pipe(int signo)
{
	(void)signo;
}

static void test_a_gone_reader_ends_it(void **state)
{
	struct sigaction sa = { .sa_handler = on_pipe }, old;
	int in[2], out[2];
	struct relay r;

	(void)state;
	assert_int_equal(sigaction(SIGPIPE, &sa, &old), 0);
	tiny_pipe(in, 0);
	tiny_pipe(out, 0);
	close(out[0]);
	assert_int_equal(write(in[1], "abc", 3), 3);
	relay_init(&r, in[0], out[1]);
	run_relay(&r);
	assert_int_equal(r.from, -1);
	close(in[0]);
	close(in[1]);
	close(out[1]);
	assert_int_equal(sigaction(SIGPIPE, &old, NULL), 0);
}

/* What the command wrote last must come, also where the reader is slow and its pipe full. */
static void test_drain_loses_nothing(void **state)
{
	static unsigned char data[60000];
	int in[2], out[2];
	struct relay r;

	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = byte_at(i);
	assert_int_equal(pipe2(in, O_CLOEXEC | O_NONBLOCK), 0);
	tiny_pipe(out, 0);
	assert_int_equal(write(in[1], data, sizeof(data)), sizeof(data));

	pid_t reader = start_reader(out, sizeof(data));

	close(out[0]);
	assert_int_equal(fd_set_nonblock(out[1], true), 0);
	relay_init(&r, in[0], out[1]);
	relay_drain(&r);
	close(out[1]);
	assert_int_equal(wait_status(reader), 0);
	close(in[0]);
	close(in[1]);
}

/* A process that the command left behind may go on writing for ever. */
static void test_drain_ends(void **state)
{
	int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct relay r;

	(void)state;
	relay_init(&r, zero, null);
	relay_drain(&r);
	close(zero);
	close(null);
	relay_init(&r, -1, -1);
	relay_drain(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_all_through_tiny_pipes), SCRATCH_TEST(test_it_waits_for_one_thing),
		SCRATCH_TEST(test_a_full_pipe_stops_it),   SCRATCH_TEST(test_a_gone_reader_ends_it),
		SCRATCH_TEST(test_drain_loses_nothing),	   SCRATCH_TEST(test_drain_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
