/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include <limits.h>

#include "base/log.h"
#include "runtime/state.h"

/* What guest_open_locked() makes of what a killed ctctl left, told by the files alone: no guest runs here. */

static void note_line(void *context, enum log_level level, const char *line)
{
	assert_int_equal(level, LOG_LEVEL_NOTICE);
	strbuf_addf(context, "%s\n", line);
}

struct left {
	const char *conf;	 /* NULL: no file */
	const char *journal;	 /* of GUESTS/NAME */
	const char *run_journal; /* of RUN/NAME */
	const char *run_state;
	bool has_dead_run; /* a state of this boot of the host, whose processes are gone */
	enum exit_code exit;
	const char *says; /* what is in the notice or the error; NULL: no notice */
};

static void put_dead_run(const struct scratch *s)
{
	struct guest_run run = {
		.init = { .pid = INT_MAX, .start_ticks = 1 },
		.monitor = { .pid = INT_MAX, .start_ticks = 1 },
		.boot = "0123456789abcdef0123456789abcdef",
		.started_at = 1,
		.ids_first = 1,
	};
	struct err err = ERR_INIT;
	_cleanup_fd_ int run_fd = openat(s->fd, RUN_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(run_fd >= 0);
	assert_ok(state_write(run_fd, &run, &err), &err);
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
	if (l->has_dead_run)
		put_dead_run(s);
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
	if (r == 0) {
		assert_false(path_exists_at(s->fd, RUN_DIR "/journal") || path_exists_at(s->fd, RUN_DIR "/state"));
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
ROW(test_an_end_that_nobody_saw, .conf = GOOD_CONF, .has_dead_run = true)
ROW(test_a_damaged_state, .conf = GOOD_CONF, .run_state = "init 1", .exit = EXIT_RECOVERY, .says = "'state'")
ROW(test_a_damaged_run_journal, .conf = GOOD_CONF, .run_journal = "\n", .exit = EXIT_RECOVERY, .says = "'journal' is damaged")

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
		SCRATCH_TEST(test_an_end_that_nobody_saw),
		SCRATCH_TEST(test_a_damaged_state),
		SCRATCH_TEST(test_a_damaged_run_journal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
