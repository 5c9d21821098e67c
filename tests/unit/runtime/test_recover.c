/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include <limits.h>
#include <signal.h>
#include <sys/stat.h>

#include "base/log.h"
#include "runtime/interface.h"
#include "runtime/lifecycle.h"
#include "runtime/state.h"

/* What guest_open_locked() makes of what a killed ctctl left, told by the files alone: no guest runs here. */

static void note_line(void *context, enum log_level level, const char *line)
{
	strbuf_addf(context, "%s%s\n", level == LOG_LEVEL_NOTICE ? "" : "warning: ", line);
}

struct left {
	const char *conf;	 /* NULL: no file */
	const char *journal;	 /* of GUESTS/NAME */
	const char *run_journal; /* of RUN/NAME */
	const char *run_state;
	bool warns;
	bool stays_open;   /* what is in the run journal could not be settled */
	bool has_dead_run; /* a state of this boot of the host, whose processes are gone */
	enum exit_code exit;
	const char *says; /* what is in the notice or the error; NULL: no notice */
};

static void put_run(const struct scratch *s, const struct guest_run *run)
{
	struct err err = ERR_INIT;
	_cleanup_fd_ int run_fd = openat(s->fd, RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(run_fd >= 0);
	assert_ok(state_write(run_fd, run, &err), &err);
}

/* Of a guest that has neither init nor monitor unless the caller says so. */
static struct guest_run dead_run(void)
{
	return (struct guest_run){
		.init = { .pid = INT_MAX, .start_ticks = 1 },
		.monitor = { .pid = INT_MAX, .start_ticks = 1 },
		.boot = "0123456789abcdef0123456789abcdef",
		.started_at = 1,
		.ids_first = 1,
	};
}

static void put_left(const struct scratch *s, const struct left *l)
{
	put_guest(s, l->conf);
	put_dir(s->fd, RUN_DIR);
	if (l->journal)
		put_file(s->fd, GUEST_FILE("journal"), l->journal);
	if (l->run_journal)
		put_file(s->fd, RUN_DIR "/journal", l->run_journal);
	if (l->run_state)
		put_file(s->fd, RUN_DIR "/state", l->run_state);
	if (l->has_dead_run) {
		struct guest_run run = dead_run();

		put_run(s, &run);
	}
}

static void check_left(const struct scratch *s, const struct left *l)
{
	struct strbuf said = { 0 };
	struct log log = { .write = note_line, .context = &said };
	struct err err = { .exit = EXIT_OK };
	_cleanup_node_ struct node *node = open_node(s, &log);
	_cleanup_guest_ struct guest *guest = NULL;

	put_left(s, l);

	int r = guest_open_locked(node, "web1", "set", false, &guest, &err);

	if (r < 0 && err.exit != l->exit)
		fail_msg("%d: %s", err.exit, err.msg);
	assert_int_equal(r < 0, l->exit != EXIT_OK);
	if (l->says)
		assert_true(strstr(said.data ? said.data : "", l->says) || strstr(err.msg, l->says));
	else
		assert_null(said.data);
	assert_int_equal(said.data && str_has_prefix(said.data, "warning: "), l->warns);
	if (r == 0) {
		assert_int_equal(path_exists_at(s->fd, RUN_DIR "/journal"), l->stays_open);
		assert_false(path_exists_at(s->fd, RUN_DIR "/state"));
		assert_file(s->fd, GUEST_FILE("guest.conf"), l->conf);
	}
	if (l->exit == EXIT_NO_GUEST)
		assert_false(path_exists_at(s->fd, GUEST_DIR) || path_exists_at(s->fd, RUN_DIR));
	if (l->exit == EXIT_RECOVERY)
		assert_true(path_exists_at(s->fd, GUEST_DIR));
	strbuf_free(&said);
}

static void check_row(void **state, const struct left *l)
{
	NEED_ROOT();
	check_left(*state, l);
}

#define ROW(name, ...)                                 \
	static void name(void **state)                 \
	{                                              \
		const struct left l = { __VA_ARGS__ }; \
                                                       \
		check_row(state, &l);                  \
	}

ROW(test_nothing_was_left, .conf = GOOD_CONF)
ROW(test_killed_before_the_intent, .exit = EXIT_NO_GUEST, .says = "creation or destruction was removed")
ROW(test_a_torn_intent, .journal = "create " UUID, .exit = EXIT_NO_GUEST, .says = "creation or destruction was removed")
ROW(test_a_torn_destroy_did_nothing, .conf = GOOD_CONF, .journal = "destroy " UUID)
ROW(test_create_without_a_pool, .journal = "create " UUID "\n", .exit = EXIT_NO_GUEST,
    .says = "creation of guest 'web1' was undone")
ROW(test_create_in_a_pool_that_is_gone, .conf = GOOD_CONF, .journal = "create " UUID " default\nids\n", .exit = EXIT_NO_GUEST,
    .says = "creation of guest 'web1' was undone")
ROW(test_destroy, .conf = GOOD_CONF, .journal = "destroy " UUID " default\n", .exit = EXIT_NO_GUEST,
    .says = "destruction of guest 'web1' was finished")
ROW(test_a_journal_without_argument, .conf = GOOD_CONF, .journal = "destroy \n", .exit = EXIT_RECOVERY,
    .says = "journal is damaged")
ROW(test_a_damaged_journal, .conf = GOOD_CONF, .journal = "nonsense\n", .exit = EXIT_RECOVERY, .says = "'journal' is damaged")
ROW(test_a_start_that_was_killed, .conf = GOOD_CONF, .run_journal = "start x\ncgroup\n",
    .says = "an interrupted start was undone")
ROW(test_a_start_whose_monitor_is_gone, .conf = GOOD_CONF, .run_journal = "start x\nmonitor 2147483647 1\n",
    .says = "an interrupted start was undone")
ROW(test_a_torn_start, .conf = GOOD_CONF, .run_journal = "star")
ROW(test_a_change_that_cannot_be_settled, .conf = GOOD_CONF "pool = gone\n", .run_journal = "set \n", .warns = true,
    .stays_open = true, .says = "could not be put in force: no pool 'gone'")
ROW(test_a_reboot_that_was_killed, .conf = GOOD_CONF "pool = gone\n", .run_journal = "reboot x\n", .warns = true,
    .says = "has rebooted and could not be started again: no pool 'gone'")
ROW(test_an_end_that_nobody_saw, .conf = GOOD_CONF, .has_dead_run = true)
ROW(test_a_damaged_state, .conf = GOOD_CONF, .run_state = "init 1", .exit = EXIT_RECOVERY, .says = "'state'")
ROW(test_a_damaged_run_journal, .conf = GOOD_CONF, .run_journal = "\n", .exit = EXIT_RECOVERY, .says = "'journal' is damaged")

/* It runs, but has lost its monitor and gets no other. It has to be stoppable all the same. */
static void test_a_guest_that_cannot_be_adopted(void **state)
{
	const struct scratch *s = *state;
	struct guest_run run = dead_run();
	struct strbuf said = { 0 };
	struct log log = { .write = note_line, .context = &said };
	struct err err = ERR_INIT;
	_cleanup_guest_ struct guest *guest = NULL;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, &log);
	pid_t init = fork_child();

	if (init == 0) {
		pause();
		_exit(1);
	}
	free(node->helper_dir);
	node->helper_dir = strdup("/nonexistent");
	assert_int_equal(proc_identify(init, &run.init), 0);
	put_guest(s, GOOD_CONF);
	put_dir(s->fd, RUN_DIR);
	put_run(s, &run);
	assert_ok(guest_open_locked(node, "web1", "stop", false, &guest, &err), &err);
	assert_non_null(said.data);
	assert_non_null(strstr(said.data, "warning: guest 'web1' has lost its monitor"));
	kill(init, SIGKILL);
	assert_int_equal(wait_status(init), 128 + SIGKILL);
	strbuf_free(&said);
}

/* An administrator has moved its folder away, or what it is on is not mounted. */
static void test_a_guest_that_runs_without_its_folder(void **state)
{
	const struct scratch *s = *state;
	struct guest_run run = dead_run();
	struct err err = ERR_INIT;
	_cleanup_guest_ struct guest *guest = NULL;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);
	pid_t init = fork_child();

	if (init == 0) {
		pause();
		_exit(1);
	}
	assert_int_equal(proc_identify(init, &run.init), 0);
	put_dir(s->fd, RUN_DIR);
	put_run(s, &run);
	assert_int_equal(guest_open_locked(node, "web1", "stop", false, &guest, &err), -ESTALE);
	assert_int_equal(err.exit, EXIT_RECOVERY);
	assert_err_has(&err, "guest 'web1' runs but its folder");
	assert_true(path_exists_at(s->fd, RUN_DIR "/state"));
	kill(init, SIGKILL);
	assert_int_equal(wait_status(init), 128 + SIGKILL);
	/* Nobody's any more. */
	assert_int_equal(guest_open_locked(node, "web1", "stop", false, &guest, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_GUEST);
	assert_false(path_exists_at(s->fd, RUN_DIR));
}

/* Neither the new limit nor the old one can be set. */
static void test_a_change_that_cannot_be_undone(void **state)
{
	const struct scratch *s = *state;
	const struct guest_setting disk = { .param = param_find("disk"), .value = "2G" };
	struct strbuf said = { 0 };
	struct log log = { .write = note_line, .context = &said };
	struct err err = ERR_INIT;
	bool needs_restart;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, &log);

	put_guest(s, GOOD_CONF "pool = gone\n");
	assert_int_equal(guest_set(node, "web1", &disk, 1, &needs_restart, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	assert_non_null(strstr(said.data, "warning: guest 'web1': the old values could not be put back: no pool 'gone'"));
	assert_true(path_exists_at(s->fd, RUN_DIR "/journal"));
	assert_file(s->fd, GUEST_FILE("guest.conf"), GOOD_CONF "pool = gone\n");
	/* The next command is told, and not refused. */
	assert_int_equal(guest_set(node, "web1", &disk, 1, &needs_restart, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	strbuf_free(&said);
}

static bool is_taken(const struct node *node, const char *address)
{
	_cleanup_free_ char *path = str_printf("%s/%s", node->addresses_dir, address);
	struct stat st;

	return lstat(path, &st) == 0;
}

/* The guest may have the old addresses and the new ones, in the kernel: nobody else gets either until that is settled. */
static void test_addresses_of_a_change_that_cannot_be_undone(void **state)
{
	const struct scratch *s = *state;
	struct strbuf said = { 0 };
	struct log log = { .write = note_line, .context = &said };
	struct err err = ERR_INIT;
	bool needs_restart;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, &log);
	const struct guest_setting settings[] = {
		{ .param = param_find("disk"), .value = "2G" },
		{ .param = interface_param_find("net"), .value = "bridge" },
		{ .param = interface_param_find("bridge"), .value = node->bridge },
		{ .param = interface_param_find("ip"), .value = "10.200.0.9/20" },
	};

	put_guest(s, GOOD_CONF "pool = gone\n");
	if (guest_set(node, "web1", settings, ARRAY_SIZE(settings), &needs_restart, &err) != -ENOENT)
		fail_msg("%s", err.msg);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	assert_true(path_exists_at(s->fd, RUN_DIR "/journal"));
	assert_true(is_taken(node, "10.200.0.9"));

	/* As a start would, which puts all in force. */
	assert_int_equal(unlinkat(s->fd, RUN_DIR "/journal", 0), 0);

	_cleanup_guest_ struct guest *guest = NULL;

	assert_ok(guest_open_locked(node, "web1", "set", false, &guest, &err), &err);
	assert_false(is_taken(node, "10.200.0.9"));
	strbuf_free(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_nothing_was_left),
		SCRATCH_TEST(test_killed_before_the_intent),
		SCRATCH_TEST(test_a_torn_intent),
		SCRATCH_TEST(test_a_torn_destroy_did_nothing),
		SCRATCH_TEST(test_create_without_a_pool),
		SCRATCH_TEST(test_create_in_a_pool_that_is_gone),
		SCRATCH_TEST(test_destroy),
		SCRATCH_TEST(test_a_journal_without_argument),
		SCRATCH_TEST(test_a_damaged_journal),
		SCRATCH_TEST(test_a_start_that_was_killed),
		SCRATCH_TEST(test_a_start_whose_monitor_is_gone),
		SCRATCH_TEST(test_a_torn_start),
		SCRATCH_TEST(test_a_change_that_cannot_be_settled),
		SCRATCH_TEST(test_a_reboot_that_was_killed),
		SCRATCH_TEST(test_a_guest_that_cannot_be_adopted),
		SCRATCH_TEST(test_a_guest_that_runs_without_its_folder),
		SCRATCH_TEST(test_a_change_that_cannot_be_undone),
		SCRATCH_TEST(test_addresses_of_a_change_that_cannot_be_undone),
		SCRATCH_TEST(test_an_end_that_nobody_saw),
		SCRATCH_TEST(test_a_damaged_state),
		SCRATCH_TEST(test_a_damaged_run_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
