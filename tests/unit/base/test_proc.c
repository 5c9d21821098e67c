/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"

static pid_t start_sleeper(void)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	return pid;
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
}

static void test_a_live_process(void **state)
{
	struct proc_id id;
	pid_t pid = start_sleeper();

	(void)state;
	assert_int_equal(proc_identify(pid, &id), 0);
	assert_int_equal(id.pid, pid);
	assert_true(id.start_ticks > 0);
	assert_true(proc_is_alive(&id));

	_cleanup_fd_ int fd = proc_open(&id);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(proc_wait_pidfd(fd, 0), -ETIMEDOUT);
	assert_int_equal(proc_wait_pidfd(fd, 20), -ETIMEDOUT);
	assert_int_equal(proc_kill_pidfd(fd, 0), 0);
	assert_int_equal(proc_kill_pidfd(fd, SIGKILL), 0);
	assert_int_equal(proc_wait_pidfd(fd, -1), 0);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	assert_int_equal(proc_kill_pidfd(fd, SIGKILL), -ESRCH);
}

/* The pid has a new owner: it is not to be signalled for what the old one was. */
static void test_a_reused_pid(void **state)
{
	struct proc_id id;
	pid_t pid = start_sleeper();

	(void)state;
	assert_int_equal(proc_identify(pid, &id), 0);
	for (int delta = -1; delta <= 1; delta += 2) {
		struct proc_id other = { .pid = pid, .start_ticks = id.start_ticks + (uint64_t)delta };

		assert_int_equal(proc_open(&other), -ESRCH);
		assert_false(proc_is_alive(&other));
	}
	reap(pid);
}

static void test_a_zombie(void **state)
{
	struct proc_id id;
	siginfo_t info;
	pid_t pid = start_sleeper();

	(void)state;
	assert_int_equal(proc_identify(pid, &id), 0);
	kill(pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_open(&id), -ESRCH);
	assert_false(proc_is_alive(&id));
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	assert_int_equal(proc_open(&id), -ESRCH);
	assert_false(proc_is_alive(&id));
	assert_int_equal(proc_identify(pid, &id), -ESRCH);
}

static void test_pids_that_are_none(void **state)
{
	static const pid_t pids[] = { 0, -1, -4000, INT32_MAX, INT32_MIN };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(pids); i++) {
		struct proc_id id = { .pid = pids[i], .start_ticks = 1 };

		assert_int_equal(proc_open(&id), -ESRCH);
		assert_false(proc_is_alive(&id));
		assert_int_equal(proc_identify(pids[i], &id), -ESRCH);
	}
}

/* A guest's init chooses its own name, and may choose one that looks like the fields behind it. */
static void test_a_name_that_lies(void **state)
{
	static const char *const names[] = { ") Z 1 2 3", "a) b) (c", "x\ny", ")))))))))))))))", "" };
	struct proc_id before, after;
	char old[16];

	(void)state;
	assert_int_equal(prctl(PR_GET_NAME, old), 0);
	assert_int_equal(proc_identify(getpid(), &before), 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(prctl(PR_SET_NAME, names[i]), 0);
		assert_int_equal(proc_identify(getpid(), &after), 0);
		assert_true(after.start_ticks == before.start_ticks);
		assert_true(proc_is_alive(&before));
	}
	prctl(PR_SET_NAME, old);
}

static void test_clone(void **state)
{
	int pidfd = -1;
	pid_t pid = proc_clone(0, -1, &pidfd);

	(void)state;
	if (pid == 0)
		_exit(42);
	assert_true(pid > 0);
	assert_int_equal(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(proc_wait_pidfd(pidfd, 10000), 0);
	close(pidfd);
	assert_int_equal(wait_status(pid), 42);
	pid = proc_clone(0, -1, NULL);
	if (pid == 0)
		_exit(43);
	assert_int_equal(wait_status(pid), 43);
	/* No group of cgroup v2. */
	assert_int_equal(proc_clone(0, STDIN_FILENO, NULL), -EBADF);
}

static void *sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return unused;
}

/* Only the first thread has exited: the kernel shows a zombie that runs. A guest's init that hides so could not be stopped. */
static void test_a_process_without_its_first_thread(void **state)
{
	struct proc_id id;
	siginfo_t si;
	pid_t pid = fork_child();

	(void)state;
	if (pid == 0) {
		pthread_t thread;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0)
			_exit(1);
		syscall(SYS_exit, 0);
	}
	assert_true(pid > 0);

	_cleanup_free_ char *path = str_printf("/proc/%d/stat", pid);

	for (;;) {
		_cleanup_free_ char *text = NULL;

		assert_true(fd_read_file_at(AT_FDCWD, path, 4096, &text) > 0);
		if (strstr(text, ") Z "))
			break;
		usleep(1000);
	}
	assert_int_equal(proc_identify(pid, &id), 0);
	assert_true(proc_is_alive(&id));

	_cleanup_fd_ int fd = proc_open(&id);

	assert_true(fd >= 0);
	assert_int_equal(proc_kill_pidfd(fd, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_false(proc_is_alive(&id));
	assert_int_equal(proc_open(&id), -ESRCH);
	reap(pid);
}

static void on_alarm(int signo)
{
	(void)signo;
}

/* Signals that have a handler neither end a wait nor make it longer. */
static void test_a_wait_among_signals(void **state)
{
	struct sigaction sa = { .sa_handler = on_alarm }, old;
	struct proc_id id;
	pid_t pid = start_sleeper(), rattler;
	uint64_t start = proc_now_ms();

	(void)state;
	assert_int_equal(proc_identify(pid, &id), 0);

	_cleanup_fd_ int fd = proc_open(&id);

	assert_int_equal(sigaction(SIGALRM, &sa, &old), 0);
	rattler = fork_child();
	if (rattler == 0) {
		while (getppid() != 1 && kill(getppid(), SIGALRM) == 0)
			usleep(5000);
		_exit(0);
	}
	assert_int_equal(proc_wait_pidfd(fd, 200), -ETIMEDOUT);

	uint64_t took = proc_now_ms() - start;

	reap(rattler);
	assert_int_equal(sigaction(SIGALRM, &old, NULL), 0);
	assert_true(took >= 200 && took < 5000);
	reap(pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_a_live_process),
		SCRATCH_TEST(test_a_reused_pid),
		SCRATCH_TEST(test_a_zombie),
		SCRATCH_TEST(test_pids_that_are_none),
		SCRATCH_TEST(test_a_name_that_lies),
		SCRATCH_TEST(test_clone),
		SCRATCH_TEST(test_a_wait_among_signals),
		SCRATCH_TEST(test_a_process_without_its_first_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
