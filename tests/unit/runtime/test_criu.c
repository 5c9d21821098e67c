/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/criu_priv.h"

/*
 * A shell with a child. Told to end, it ends its child and then itself, with a status that is nowhere but in its memory. 9 says
 * that it stands, and is closed then.
 */
#define TREE                                                                                                \
	"value=$((40 + 2)); sleep 1000 9>&- & trap 'kill $! && wait $!; [ $? = 143 ] && exit $value' TERM;" \
	"echo >&9; exec 9>&-; wait"
#define TREE_STATUS 42

struct bench {
	char path[32];
	int images;
	pid_t tree; /* what is to be ended */
	enum criu_stage refused;
	unsigned int stages; /* a bit for each that was told */
	pid_t told;	     /* the pid at the last of them */
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	snprintf(b->path, sizeof(b->path), "/tmp/ctctl-criu-XXXXXX");
	assert_non_null(mkdtemp(b->path));
	b->images = open(b->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->refused = CRIU_OTHER_STAGE;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	if (b->tree > 0 && kill(b->tree, SIGKILL) == 0)
		waitpid(b->tree, NULL, 0);
	fd_close(&b->images);
	assert_int_equal(path_remove_tree_at(AT_FDCWD, b->path), 0);
	unsetenv("CTCTL_CRIU");
	free(b);
	return 0;
}

static void need_criu(void)
{
	struct err err = ERR_INIT;

	if (geteuid() != 0 || criu_check_program(&err) < 0)
		skip();
}

static void become_tree(int ready)
{
	char *const argv[] = { (char *)"sh", (char *)"-c", (char *)TREE, NULL };
	char *const env[] = { (char *)"PATH=" PROC_PATH, NULL };
	int null = open("/dev/null", O_RDWR);

	if (setsid() < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || dup2(ready, 9) < 0)
		_exit(1);
	close_range(3, 8, 0);
	close_range(10, ~0U, 0);
	execve("/bin/sh", argv, env);
	_exit(1);
}

static void start_tree(struct bench *b, uint64_t namespaces)
{
	int fds[2];
	char byte;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	b->tree = proc_clone(namespaces, -1, NULL);
	if (b->tree == 0)
		become_tree(fds[1]);
	assert_true(b->tree > 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	/* Closed in the tree, too: it holds nothing of ours. */
	assert_int_equal(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

static int on_stage(void *context, enum criu_stage stage, pid_t pid, struct err *err)
{
	struct bench *b = context;

	b->stages |= 1U << stage;
	b->told = pid;
	if (stage == b->refused && stage != CRIU_OTHER_STAGE)
		return err_exit(err, EXIT_NETWORK, ENETDOWN, "the test does not want it");
	return 0;
}

static struct criu_request request_of(struct bench *b, const char *log)
{
	return (struct criu_request){ .images_fd = b->images, .log = log, .notify = on_stage, .context = b, .pid = b->tree };
}

static int dump(struct bench *b, bool leave_running, struct err *err)
{
	struct criu_request request = request_of(b, "dump.log");

	request.leave_running = leave_running;
	return criu_dump(&request, err);
}

static pid_t restore(struct bench *b, struct err *err)
{
	struct criu_request request = request_of(b, "restore.log");

	return criu_restore(&request, err);
}

/* Its own answer to a SIGTERM, which only a whole one gives. */
static void expect_alive(struct bench *b)
{
	int status;

	assert_int_equal(kill(b->tree, SIGTERM), 0);
	assert_int_equal(waitpid(b->tree, &status, 0), b->tree);
	b->tree = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), TREE_STATUS);
}

/* Of each, since a process of its session that is left unreaped keeps the pid of the root in use. */
static void expect_killed(struct bench *b)
{
	int status, n = 0;

	for (pid_t pid; (pid = waitpid(-1, &status, 0)) > 0; n++)
		assert_true(WIFSIGNALED(status));
	assert_true(n > 0);
	b->tree = 0;
}

/* Neither the tree nor CRIU, alive or unreaped. */
static void expect_no_children(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void saved_and_restored(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, 0);

	pid_t before = b->tree;

	assert_ok(dump(b, false, &err), &err);
	expect_killed(b);
	expect_no_children();
	b->tree = restore(b, &err);
	assert_ok(b->tree, &err);
	assert_int_equal(b->tree, before);
	assert_int_equal(b->told, b->tree);
	assert_true(b->stages & 1U << CRIU_POST_RESTORE);
	assert_true(b->stages & 1U << CRIU_POST_RESUME);
	expect_alive(b);
	expect_no_children();
}

static void saved_and_left_running(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, 0);
	assert_ok(dump(b, true, &err), &err);
	expect_alive(b);
	expect_no_children();
	b->tree = restore(b, &err);
	assert_ok(b->tree, &err);
	expect_alive(b);
}

/* Its pid is of the new namespace's then, and the host gives it any. */
static void a_namespace_is_restored(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, CLONE_NEWPID | CLONE_NEWNET);
	assert_ok(dump(b, false, &err), &err);
	assert_true(b->stages & 1U << CRIU_NETWORK_LOCK);
	expect_killed(b);
	b->stages = 0;
	b->tree = restore(b, &err);
	assert_ok(b->tree, &err);
	assert_int_equal(b->told, b->tree);
	assert_true(b->stages & 1U << CRIU_SETUP_NAMESPACES);
	assert_true(b->stages & 1U << CRIU_POST_SETUP_NAMESPACES);
	assert_true(b->stages & 1U << CRIU_NETWORK_UNLOCK);
	expect_alive(b);
	expect_no_children();
}

static void a_refused_dump_leaves_it_running(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, CLONE_NEWPID | CLONE_NEWNET);
	b->refused = CRIU_NETWORK_LOCK;
	assert_int_equal(dump(b, false, &err), -ENETDOWN);
	assert_err_has(&err, "the test does not want it");
	assert_int_equal(err.exit, EXIT_NETWORK);
	expect_alive(b);
	expect_no_children();
}

/* Those that CRIU hears of, and those it does not. */
static void a_refused_restore_leaves_nothing(void **state)
{
	static const enum criu_stage stages[] = { CRIU_SETUP_NAMESPACES, CRIU_POST_SETUP_NAMESPACES,
						  CRIU_POST_RESTORE,	 CRIU_NETWORK_UNLOCK,
						  CRIU_PRE_RESUME,	 CRIU_POST_RESUME };
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, CLONE_NEWPID | CLONE_NEWNET);
	assert_ok(dump(b, false, &err), &err);
	expect_killed(b);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		b->refused = stages[i];
		assert_int_equal(restore(b, &err), -ENETDOWN);
		assert_int_equal(err.exit, EXIT_NETWORK);
		assert_int_not_equal(b->told, 0);
		assert_int_equal(kill(b->told, 0), -1);
		expect_no_children();
	}
	/* The images are as good as before. */
	b->refused = CRIU_OTHER_STAGE;
	b->tree = restore(b, &err);
	assert_ok(b->tree, &err);
	expect_alive(b);
}

static pid_t criu_of_socket(void)
{
	_cleanup_free_ char *text = NULL;

	assert_true(fd_read_file_at(AT_FDCWD, "/proc/thread-self/children", 4096, &text) > 0);
	/* The eldest: what it restores comes after it. */
	return (pid_t)strtol(text, NULL, 10);
}

static int kill_criu(void *context, enum criu_stage stage, pid_t pid, struct err *err _unused_)
{
	struct bench *b = context;

	b->told = pid;
	if (stage == b->refused)
		kill(criu_of_socket(), SIGKILL);
	return 0;
}

static void a_criu_that_dies_leaves_nothing(void **state)
{
	static const enum criu_stage stages[] = { CRIU_SETUP_NAMESPACES, CRIU_POST_RESTORE, CRIU_PRE_RESUME };
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, CLONE_NEWPID | CLONE_NEWNET);
	assert_ok(dump(b, false, &err), &err);
	expect_killed(b);
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		struct criu_request request = request_of(b, "restore.log");

		request.notify = kill_criu;
		b->refused = stages[i];
		assert_int_equal(criu_restore(&request, &err), -ECHILD);
		assert_int_equal(err.exit, EXIT_RESTORE);
		assert_err_has(&err, "killed by signal 9");
		assert_int_equal(kill(b->told, 0), -1);
		expect_no_children();
	}
}

static void a_process_that_is_not_there(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	need_criu();
	b->tree = INT32_MAX;
	assert_true(dump(b, false, &err) < 0);
	b->tree = 0;
	assert_int_equal(err.exit, EXIT_CHECKPOINT);
	assert_err_has(&err, "2147483647");
	expect_no_children();
	assert_true(restore(b, &err) < 0);
	assert_int_equal(err.exit, EXIT_RESTORE);
	assert_err_has(&err, "CRIU could not restore the processes: ");
	expect_no_children();
}

static void a_missing_program(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	setenv("CTCTL_CRIU", "/nowhere/criu", 1);
	assert_int_equal(criu_check_program(&err), -ENOENT);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "/nowhere/criu");
	assert_err_has(&err, "make deps-criu");
	assert_int_equal(dump(b, false, &err), -ENOENT);
	assert_int_equal(restore(b, &err), -ENOENT);
	expect_no_children();
}

/* No CRIU at all, but a program that takes no request. */
static void a_program_that_only_ends(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;

	setenv("CTCTL_CRIU", "/bin/false", 1);
	assert_int_equal(dump(b, false, &err), -ECHILD);
	assert_int_equal(err.exit, EXIT_CHECKPOINT);
	assert_err_has(&err, "ended with status 1");
	assert_int_equal(restore(b, &err), -ECHILD);
	assert_int_equal(err.exit, EXIT_RESTORE);
	expect_no_children();
}

static void reasons_lose_their_noise(void **state _unused_)
{
	static const struct {
		const char *line, *reason;
	} cases[] = {
		{ "Error (criu/mount.c:1088): mnt: Mount 5 is unreachable\n", "mnt: Mount 5 is unreachable" },
		{ "(00.012345)   1234: Error (criu/files.c:1): Can't open: x (y): z", "Can't open: x (y): z" },
		{ "Warn  (criu/mount.c:1088): mnt: nothing", NULL },
		{ "Error (criu/mount.c:1088): \n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *reason = criu_line_reason(cases[i].line, strlen(cases[i].line));

		if (!cases[i].reason)
			assert_null(reason);
		else
			assert_string_equal(reason ? reason : "none", cases[i].reason);
	}
}

static void a_log_has_a_last_reason(void **state)
{
	static const char log[] = "Warn  (criu/a.c:1): w\nError (criu/a.c:2): first\nError (criu/b.c:3): second\n"
				  "Error (criu/cr-dump.c:4): Dumping FAILED.\nrubbish";
	struct bench *b = *state;
	struct err err = ERR_INIT;

	assert_ok(fd_replace_file_at(b->images, "dump.log", log, sizeof(log) - 1, false, &err), &err);

	_cleanup_free_ char *reason = criu_log_reason(b->images, "dump.log");

	assert_string_equal(reason ? reason : "none", "second");
	assert_null(criu_log_reason(b->images, "none.log"));
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		WITH_BENCH(saved_and_restored),
		WITH_BENCH(saved_and_left_running),
		WITH_BENCH(a_namespace_is_restored),
		WITH_BENCH(a_refused_dump_leaves_it_running),
		WITH_BENCH(a_refused_restore_leaves_nothing),
		WITH_BENCH(a_criu_that_dies_leaves_nothing),
		WITH_BENCH(a_process_that_is_not_there),
		WITH_BENCH(a_missing_program),
		WITH_BENCH(a_program_that_only_ends),
		cmocka_unit_test(reasons_lose_their_noise),
		WITH_BENCH(a_log_has_a_last_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
