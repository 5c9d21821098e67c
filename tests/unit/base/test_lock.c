/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/lock.h"
#include "base/str.h"

static int take(int dir_fd, bool wait, struct err *err)
{
	return lock_take(dir_fd, "lock", "guest 'web1'", "start", wait, err);
}

/* A child that has the lock when this returns, and keeps it until it is killed. */
static pid_t hold_in_child(int dir_fd)
{
	int p[2];
	char c;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0) {
		struct err err = ERR_INIT;

		if (take(dir_fd, false, &err) >= 0 && write(p[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
}

static void test_busy_says_who(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	pid_t pid = hold_in_child(s->fd);
	_cleanup_free_ char *who = str_printf("guest 'web1' is busy: 'start' by process %d since ", pid);

	assert_int_equal(take(s->fd, false, &err), -EBUSY);
	assert_int_equal(err.exit, EXIT_LOCKED);
	assert_err_has(&err, who);
	end_child(pid);
}

static void test_it_dies_with_its_holder(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	end_child(hold_in_child(s->fd));

	_cleanup_fd_ int fd = take(s->fd, false, &err);

	assert_ok(fd, &err);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void test_twice_in_one_process(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = take(s->fd, false, &err);

	assert_ok(fd, &err);
	assert_int_equal(take(s->fd, false, &err), -EBUSY);
}

/* A fork child has the descriptor, too: the lock is held until the last of them closes it. The monitor depends on that. */
static void test_a_fork_child_keeps_it(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	int fd = take(s->fd, false, &err);

	assert_ok(fd, &err);

	pid_t pid = fork_child();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	close(fd);
	assert_int_equal(take(s->fd, false, &err), -EBUSY);
	end_child(pid);
	fd = take(s->fd, false, &err);
	assert_ok(fd, &err);
	close(fd);
}

static void test_waiting_ends_with_the_holder(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	pid_t holder = hold_in_child(s->fd);
	pid_t killer = fork_child();

	if (killer == 0) {
		usleep(50000);
		_exit(kill(holder, SIGKILL) < 0);
	}

	_cleanup_fd_ int fd = take(s->fd, true, &err);

	assert_ok(fd, &err);
	assert_int_equal(wait_status(killer), 0);
	assert_int_equal(wait_status(holder), 128 + SIGKILL);
}

/*
 * A child that waits for the lock of "run", without the parent's lock `held`; 0 if it gets a lock on the file that stands there
 * then, 2 if the folder is gone.
 */
static pid_t wait_in_child(const struct scratch *s, int run, int held)
{
	int p[2];
	char c;

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0) {
		struct err err = ERR_INIT;
		struct stat ours, there;

		close(held);
		(void)!write(p[1], "", 1);
		alarm(20);

		int fd = take(run, true, &err);

		if (fd == -ENOENT)
			_exit(2);
		_exit(fd < 0 || fstat(fd, &ours) < 0 || fstatat(s->fd, "run/lock", &there, 0) < 0 || ours.st_ino != there.st_ino);
	}
	close(p[1]);
	assert_int_equal(read(p[0], &c, 1), 1);
	close(p[0]);
	/* Until it sleeps in fcntl(2): otherwise it might find the lock free already. */
	usleep(50000);
	return pid;
}

static void test_file_replaced_while_waiting(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	_cleanup_fd_ int run = path_make_dir_at(s->fd, "run", 0700);
	int fd = take(run, false, &err);
	pid_t pid = wait_in_child(s, run, fd);

	assert_int_equal(unlinkat(run, "lock", 0), 0);

	int other = take(run, false, &err);

	assert_ok(other, &err);
	close(fd);
	close(other);
	assert_int_equal(wait_status(pid), 0);
}

static void test_folder_removed_while_waiting(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	_cleanup_fd_ int run = path_make_dir_at(s->fd, "run", 0700);
	int fd = take(run, false, &err);
	pid_t pid = wait_in_child(s, run, fd);

	assert_int_equal(path_remove_tree_at(s->fd, "run"), 0);
	close(fd);
	assert_int_equal(wait_status(pid), 2);
}

/* Whatever the note says: it is only a courtesy. */
static void test_notes_that_are_none(void **state)
{
	static const char *const notes[] = { "",
					     "x",
					     "12",
					     "12 start",
					     "12 start x",
					     "99999999999999999999 start 1",
					     "12 start 9223372036854775807",
					     "12 start -9223372036854775808",
					     "12 a-verb-that-is-longer-than-any-verb-of-ctctl 1" };
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	_cleanup_fd_ int fd = take(s->fd, false, &err);

	for (size_t i = 0; i < ARRAY_SIZE(notes); i++) {
		put_file(s->fd, "lock", notes[i]);
		assert_int_equal(take(s->fd, false, &err), -EBUSY);
		assert_err_has(&err, "guest 'web1' is busy");
	}
}

static void test_is_held(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	char note[64] = "", tiny[4];

	assert_false(lock_is_held(s->fd, "lock", note, sizeof(note)));
	assert_false(path_exists_at(s->fd, "lock"));

	int fd = take(s->fd, false, &err);
	_cleanup_free_ char *who = str_printf("%d restart ", getpid());

	lock_note(fd, "a-longer-verb-than-that");
	lock_note(fd, "restart");
	assert_true(lock_is_held(s->fd, "lock", note, sizeof(note)));
	assert_memory_equal(note, who, strlen(who));
	assert_null(strstr(note, "verb"));
	assert_true(lock_is_held(s->fd, "lock", tiny, sizeof(tiny)));
	assert_int_equal(strlen(tiny), 3);
	close(fd);
	assert_false(lock_is_held(s->fd, "lock", note, sizeof(note)));
}

static void test_not_through_a_link(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	put_file(s->fd, "target", "kept");
	assert_int_equal(symlinkat("target", s->fd, "lock"), 0);
	assert_int_equal(take(s->fd, false, &err), -ELOOP);
	assert_file(s->fd, "target", "kept");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_busy_says_who),
		SCRATCH_TEST(test_it_dies_with_its_holder),
		SCRATCH_TEST(test_twice_in_one_process),
		SCRATCH_TEST(test_a_fork_child_keeps_it),
		SCRATCH_TEST(test_waiting_ends_with_the_holder),
		SCRATCH_TEST(test_file_replaced_while_waiting),
		SCRATCH_TEST(test_folder_removed_while_waiting),
		SCRATCH_TEST(test_notes_that_are_none),
		SCRATCH_TEST(test_is_held),
		SCRATCH_TEST(test_not_through_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
