/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <poll.h>

#include "base/proc.h"
#include "base/str.h"

/* The programs under test are shells with a script: that is what scripts are good for. */
#define SH(script) ((const char *const[]){ "/bin/sh", "-c", script, NULL })

static void note_line(void *context, const char *line)
{
	strbuf_addf(context, "%s|", line);
}

static int run(const char *const *argv, struct strbuf *lines, struct err *err)
{
	struct proc_spec spec = PROC_SPEC_INIT;

	spec.argv = argv;
	spec.on_line = lines ? note_line : NULL;
	spec.context = lines;
	return proc_run(&spec, "the-package", err);
}

static void test_lines_of_both(void **state)
{
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };

	(void)state;
	assert_ok(run(SH("echo one; echo two >&2; echo; printf 'a\\rb\\nlast'"), &b, &err), &err);
	assert_string_equal(b.data, "one|two|a|b|last|");
	strbuf_free(&b);
	assert_ok(run(SH("echo nobody listens"), NULL, &err), &err);
}

static void test_failures(void **state)
{
	static const struct {
		const char *script;
		const char *message;
	} rows[] = {
		{ "exit 3", "/bin/sh ended with status 3" },
		{ "echo first; echo no such thing; exit 255", "/bin/sh ended with status 255: no such thing" },
		{ "echo why >&2; echo; exit 1", "/bin/sh ended with status 1: why" },
		{ "kill -9 $$", "/bin/sh was killed by signal 9" },
		{ "echo on my way; kill -15 $$", "/bin/sh was killed by signal 15: on my way" },
		{ "printf 'esc \\033[2Jape\\n'; exit 1", "/bin/sh ended with status 1: esc ?[2Jape" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(run(SH(rows[i].script), NULL, &err), -ECHILD);
		assert_string_equal(err.msg, rows[i].message);
	}
}

static void test_missing_programs(void **state)
{
	static const char *const names[] = { "no-such-program", "/no/such/program", "/etc/passwd", "" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *const argv[] = { names[i], NULL };

		assert_int_equal(run(argv, NULL, &err), -ENOENT);
		assert_int_equal(err.exit, EXIT_UNSUPPORTED);
		assert_err_has(&err, "is missing: apt-get install the-package");
	}
}

/* The caller's PATH and working folder are not looked at: root may stand in somebody's folder. */
static void test_the_callers_path_is_not_searched(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	const char *const argv[] = { "a-program-of-somebody", NULL };
	_cleanup_free_ char *old = strdup(getenv("PATH"));
	_cleanup_fd_ int home = path_open_dir(AT_FDCWD, ".", O_PATH);

	put_file(s->fd, argv[0], "#!/bin/sh\n");
	assert_int_equal(fchmodat(s->fd, argv[0], 0755, 0), 0);
	setenv("PATH", s->path, 1);
	assert_int_equal(fchdir(s->fd), 0);

	int r = run(argv, NULL, &err);

	assert_int_equal(fchdir(home), 0);
	setenv("PATH", old, 1);
	assert_int_equal(r, -ENOENT);
}

static void test_the_environment_is_what_is_said(void **state)
{
	static const char *const env[] = { "A=1", "B=two words", NULL };
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };
	const char *const argv[] = { "env", NULL };

	(void)state;
	setenv("CTCTL_SECRET", "x", 1);
	setenv("LD_PRELOAD_X", "x", 1);
	spec.argv = argv;
	spec.env = env;
	spec.on_line = note_line;
	spec.context = &b;
	assert_ok(proc_run(&spec, "coreutils", &err), &err);
	assert_string_equal(b.data, "PATH=" PROC_PATH "|LC_ALL=C.UTF-8|A=1|B=two words|");
	strbuf_free(&b);
	unsetenv("CTCTL_SECRET");
	unsetenv("LD_PRELOAD_X");
}

static void test_long_lines_come_in_pieces(void **state)
{
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(run(SH("head -c 3000 /dev/zero | tr '\\0' x; exit 1"), &b, &err), -ECHILD);
	assert_true(strlen(err.msg) < sizeof(err.msg));
	for (size_t i = 0; i < b.len; i++)
		n += b.data[i] == 'x';
	assert_int_equal(n, 3000);
	strbuf_free(&b);
}

static void count_line(void *context, const char *line)
{
	(void)line;
	++*(size_t *)context;
}

static void test_much_output(void **state)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = ERR_INIT;
	size_t n = 0;
	const char *const argv[] = { "seq", "1", "200000", NULL };

	(void)state;
	spec.argv = argv;
	spec.on_line = count_line;
	spec.context = &n;
	assert_ok(proc_run(&spec, "coreutils", &err), &err);
	assert_int_equal(n, 200000);
}

static void test_nothing_else_is_inherited(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };
	int leak = fcntl(s->fd, F_DUPFD, 50);

	assert_true(leak >= 50);
	/* What the shell itself has open while it globs, 3 or so, aside. */
	assert_ok(run(SH("for i in 3 4 5 6 7 8 9 10 11 50 51; do [ -e /proc/$$/fd/$i ] && echo $i; done; pwd; cat"), &b, &err),
		  &err);
	assert_string_equal(b.data, "/|");
	strbuf_free(&b);
	close(leak);
}

static void test_files_and_folder(void **state)
{
	const struct scratch *s = *state;
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };

	put_file(s->fd, "in", "from in\n");
	put_file(s->fd, "out", "");
	spec.argv = SH("cat; cat in; echo said >&2");
	spec.stdin_fd = openat(s->fd, "in", O_RDONLY | O_CLOEXEC);
	spec.stdout_fd = openat(s->fd, "out", O_WRONLY | O_CLOEXEC);
	spec.dir_fd = s->fd;
	spec.on_line = note_line;
	spec.context = &b;
	assert_ok(proc_run(&spec, "x", &err), &err);
	assert_file(s->fd, "out", "from in\nfrom in\n");
	assert_string_equal(b.data, "said|");
	strbuf_free(&b);
	close(spec.stdin_fd);
	close(spec.stdout_fd);
}

/*
 * In a child whose 0, 1 and 2 are closed but for `in` and `out`, which are files: the program must copy one to the other and say
 * a line. Returns 0 if all of that came.
 */
static int run_with(const struct scratch *s, int in, int out)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };
	int files[2] = { openat(s->fd, "in", O_RDONLY | O_CLOEXEC), openat(s->fd, "out", O_WRONLY | O_TRUNC | O_CLOEXEC) };
	int high[2] = { fcntl(files[0], F_DUPFD_CLOEXEC, 20), fcntl(files[1], F_DUPFD_CLOEXEC, 20) };

	closefrom(20 + 2);
	for (int i = 0; i < 20; i++)
		close(i);
	if (in >= 0 && dup3(high[0], in, in < 3 ? 0 : O_CLOEXEC) < 0)
		return 101;
	if (out >= 0 && dup3(high[1], out, out < 3 ? 0 : O_CLOEXEC) < 0)
		return 102;
	spec.argv = in >= 0 ? SH("cat; echo said >&2") : SH("cat; echo from in; echo said >&2");
	spec.stdin_fd = in;
	spec.stdout_fd = out;
	spec.on_line = note_line;
	spec.context = &b;
	if (proc_run(&spec, "x", &err) < 0)
		return 103;

	int r = strcmp(b.data ? b.data : "", out >= 0 ? "said|" : "from in|said|") == 0 ? 0 : 104;

	strbuf_free(&b);
	return r;
}

static void test_descriptors_in_odd_orders(void **state)
{
	static const int rows[][2] = {
		{ -1, -1 }, { 0, 1 }, { 1, 0 }, { 0, -1 }, { 1, -1 }, { 2, -1 }, { -1, 0 }, { -1, 1 },
		{ -1, 2 },  { 2, 1 }, { 1, 2 }, { 2, 0 },  { 0, 2 },  { 5, 0 },	 { 0, 5 },  { 9, 10 },
	};
	const struct scratch *s = *state;

	put_file(s->fd, "in", "from in\n");
	put_file(s->fd, "out", "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		pid_t pid = fork_child();

		if (pid == 0)
			_exit(run_with(s, rows[i][0], rows[i][1]));

		int status = wait_status(pid);

		if (status != 0)
			fail_msg("stdin %d, stdout %d: %d", rows[i][0], rows[i][1], status);
		if (rows[i][1] >= 0)
			assert_file(s->fd, "out", "from in\n");
	}
}

/* Asked of grep and not of a shell, which unblocks them itself. */
static void test_signals_are_not_blocked(void **state)
{
	struct err err = ERR_INIT;
	struct strbuf b = { 0 };
	sigset_t all, old;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);

	int r = run((const char *const[]){ "grep", "^SigBlk", "/proc/self/status", NULL }, &b, &err);

	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_ok(r, &err);
	assert_string_equal(b.data, "SigBlk:\t0000000000000000|");
	strbuf_free(&b);
}

static void test_it_dies_with_its_parent(void **state)
{
	int p[2];
	char c;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0) {
		struct proc_spec spec = PROC_SPEC_INIT;
		struct err err = ERR_INIT;

		spec.argv = SH("echo; exec sleep 30");
		spec.stdout_fd = p[1];
		_exit(proc_run(&spec, "x", &err) < 0);
	}
	close(p[1]);
	/* It runs; and when its parent is gone, the pipe ends with it. */
	assert_int_equal(read(p[0], &c, 1), 1);
	kill(pid, SIGKILL);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);

	struct pollfd end = { .fd = p[0], .events = POLLIN };

	assert_int_equal(poll(&end, 1, 10000), 1);
	assert_int_equal(read(p[0], &c, 1), 0);
	close(p[0]);
}

static int run_for(const char *const *argv, int timeout_ms, struct err *err)
{
	struct proc_spec spec = PROC_SPEC_INIT;

	spec.argv = argv;
	spec.timeout_ms = timeout_ms;
	return proc_run(&spec, "x", err);
}

static void test_a_time_limit(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(run_for(SH("exec sleep 30"), 50, &err), -ETIMEDOUT);
	assert_int_equal(err.exit, EXIT_TIMEOUT);
	assert_err_has(&err, "was killed");
	assert_ok(run_for(SH("echo in time"), 20000, &err), &err);
	/* What it has left behind keeps its output open, and is not waited for. */
	assert_ok(run_for(SH("sleep 3 & exit 0"), 300, &err), &err);
	assert_int_equal(run_for(SH("sleep 3 & exit 5"), 300, &err), -ECHILD);
	assert_err_has(&err, "status 5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_lines_of_both),
		SCRATCH_TEST(test_failures),
		SCRATCH_TEST(test_missing_programs),
		SCRATCH_TEST(test_the_callers_path_is_not_searched),
		SCRATCH_TEST(test_the_environment_is_what_is_said),
		SCRATCH_TEST(test_long_lines_come_in_pieces),
		SCRATCH_TEST(test_much_output),
		SCRATCH_TEST(test_nothing_else_is_inherited),
		SCRATCH_TEST(test_files_and_folder),
		SCRATCH_TEST(test_descriptors_in_odd_orders),
		SCRATCH_TEST(test_signals_are_not_blocked),
		SCRATCH_TEST(test_it_dies_with_its_parent),
		SCRATCH_TEST(test_a_time_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
