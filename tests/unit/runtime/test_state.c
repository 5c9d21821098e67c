/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "runtime/init_kind.h"
#include "runtime/state.h"

#define BOOT "0123456789abcdef0123456789abcdef"

static const struct guest_run full = {
	.init = { .pid = 4194304, .start_ticks = UINT64_MAX },
	.monitor = { .pid = 1, .start_ticks = 0 },
	.boot = BOOT,
	.started_at = UINT64_MAX,
	.features = 31,
	.ids_first = UINT32_MAX,
	.console = "tty[8803:1a]",
	.cgroup = "ctctl.slice/ctctl-guests.service/web1",
};

static void test_round_trip(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct guest_run run;

	assert_int_equal(state_read(s->fd, &run, &err), 0);
	assert_ok(state_write(s->fd, &full, &err), &err);
	assert_int_equal(state_read(s->fd, &run, &err), 1);
	assert_true(run.init.pid == full.init.pid && run.init.start_ticks == full.init.start_ticks);
	assert_true(run.monitor.pid == full.monitor.pid && run.monitor.start_ticks == full.monitor.start_ticks);
	assert_string_equal(run.boot, BOOT);
	assert_true(run.started_at == full.started_at && run.features == full.features && run.ids_first == full.ids_first);
	assert_string_equal(run.cgroup, full.cgroup);
	assert_string_equal(run.console, full.console);
}

/* As a ctctl wrote it that noted neither group nor console: its guests still run. */
static void test_without_group(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct guest_run run = full;

	run.cgroup[0] = run.console[0] = '\0';
	assert_ok(state_write(s->fd, &run, &err), &err);
	assert_int_equal(state_read(s->fd, &run, &err), 1);
	assert_string_equal(run.cgroup, "");
	assert_string_equal(run.console, "");
	assert_true(run.ids_first == full.ids_first);
}

/* A group's path that was cut is another group's. */
static void test_group_is_whole(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct guest_run run;
	_cleanup_free_ char *text = NULL;

	assert_ok(state_write(s->fd, &full, &err), &err);

	ssize_t n = fd_read_file_at(s->fd, STATE_FILE, 4096, &text);
	const char *group = strstr(text, "\ncgroup ") + strlen("\ncgroup ");

	for (ssize_t len = group - text; len < n; len++) {
		put_bytes(s->fd, STATE_FILE, text, (size_t)len);
		assert_int_equal(state_read(s->fd, &run, &err), -EBADMSG);
		assert_err_has(&err, "no group");
	}
}

/* Cut anywhere before its last value, it is damaged, and never another guest's pid. */
static void test_cut_at_each_byte(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct guest_run run;
	_cleanup_free_ char *text = NULL;

	assert_ok(state_write(s->fd, &full, &err), &err);

	ssize_t n = fd_read_file_at(s->fd, STATE_FILE, 4096, &text);
	const char *last = strstr(text, "ids ");

	assert_non_null(last);
	for (ssize_t len = 0; len <= last + 4 - text; len++) {
		put_bytes(s->fd, STATE_FILE, text, (size_t)len);
		assert_int_equal(state_read(s->fd, &run, &err), -EBADMSG);
		assert_int_equal(err.exit, EXIT_RECOVERY);
	}
	assert_true(n > 0);
}

static void test_damaged(void **state)
{
	static const char without_host[] = "monitor 1 1\ninit 1 1\nboot " BOOT "\nstarted 1\nfeatures 0\nids 1\n";
	static const char *const bad[] = { "", "\n", "init x 1\n", "init 1 1 monitor 1 1 boot started 1 features 1 ids 1\n",
					   without_host };
	const struct scratch *s = *state;
	struct guest_run run;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;

		put_file(s->fd, STATE_FILE, bad[i]);
		assert_int_equal(state_read(s->fd, &run, &err), -EBADMSG);
		assert_err_has(&err, "damaged");
	}
}

static void test_init_kinds(void **state)
{
	static const struct {
		const char *name;
		const char *is;
	} rows[] = {
		{ "systemd", "systemd" }, { "busybox", "busybox" }, { "sysvinit", "sysvinit" },
		{ "runit", "runit" },	  { "openrc", "openrc" },   { "other", "other" },
		{ "Systemd", "other" },	  { "", "other" },	    { NULL, "other" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct init_kind *k = init_kind_find(rows[i].name);

		assert_string_equal(k->name, rows[i].is);
		/* Each can be asked in exactly one way, and a command is an absolute one. */
		assert_true((k->stop_signal != 0) != (k->stop_argv != NULL));
		assert_true(!k->stop_argv || k->stop_argv[0][0] == '/');
	}
	assert_int_equal(init_kind_find("systemd")->stop_signal, SIGRTMIN + 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_round_trip),	     SCRATCH_TEST(test_without_group), SCRATCH_TEST(test_group_is_whole),
		SCRATCH_TEST(test_cut_at_each_byte), SCRATCH_TEST(test_damaged),       SCRATCH_TEST(test_init_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
