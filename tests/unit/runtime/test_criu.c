/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/criu_unit.h"

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
	static const enum criu_stage stages[] = { CRIU_SETUP_NAMESPACES, CRIU_POST_RESTORE };
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

/* All is restored then, and its end lets go of it as it would itself. */
static void a_criu_that_dies_at_the_end_has_restored(void **state)
{
	struct bench *b = *state;
	struct criu_request request;
	struct err err = ERR_INIT;

	need_criu();
	start_tree(b, CLONE_NEWPID | CLONE_NEWNET);
	assert_ok(dump(b, false, &err), &err);
	expect_killed(b);
	request = request_of(b, "restore.log");
	request.notify = kill_criu;
	b->refused = CRIU_PRE_RESUME;
	b->tree = criu_restore(&request, &err);
	assert_ok(b->tree, &err);
	assert_int_equal(b->told, b->tree);
	expect_alive(b);
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

	pretend(b, "/nowhere/criu");
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

	pretend(b, "/bin/false");
	assert_int_equal(dump(b, false, &err), -ECHILD);
	assert_int_equal(err.exit, EXIT_CHECKPOINT);
	assert_err_has(&err, "ended with status 1");
	assert_int_equal(restore(b, &err), -ECHILD);
	assert_int_equal(err.exit, EXIT_RESTORE);
	expect_no_children();
}

static int put_pipe(struct bench *b, int inside, int *ret_read, char key[32])
{
	char path[48];
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", b->tree, inside);

	ssize_t len = readlink(path, key, 31);

	assert_true(len > 0);
	key[len] = '\0';
	*ret_read = fds[0];
	return fds[1];
}

/* What the tree said to its old pipes it says to the new ones, each to its own. */
static void descriptors_are_inherited(void **state)
{
	struct bench *b = *state;
	struct err err = ERR_INIT;
	char keys[2][32], said[4] = "";
	int reads[2], old[2][2];

	need_criu();
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(pipe2(old[i], O_CLOEXEC), 0);
		b->outputs[i] = old[i][1];
	}
	start_tree(b, 0);

	struct criu_request request = request_of(b, "restore.log");
	struct criu_inherit inherits[2];

	for (size_t i = 0; i < 2; i++) {
		inherits[i].key = keys[i];
		inherits[i].fd = put_pipe(b, (int)i + 7, &reads[i], keys[i]);
	}
	assert_ok(dump(b, false, &err), &err);
	expect_killed(b);
	request.inherits = inherits;
	request.n_inherits = ARRAY_SIZE(inherits);
	b->tree = criu_restore(&request, &err);
	assert_ok(b->tree, &err);
	expect_alive(b);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(read(reads[i], said, sizeof(said)), 2);
		assert_int_equal(said[0], '7' + (int)i);
		close(reads[i]);
		close(inherits[i].fd);
		close(old[i][0]);
		close(old[i][1]);
	}
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
		WITH_BENCH(a_criu_that_dies_at_the_end_has_restored),
		WITH_BENCH(a_process_that_is_not_there),
		WITH_BENCH(a_missing_program),
		WITH_BENCH(a_program_that_only_ends),
		WITH_BENCH(descriptors_are_inherited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
