/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/journal.h"

static int read_journal(const struct scratch *s, struct journal_entry *ret, struct err *err)
{
	return journal_read(s->fd, ret, err);
}

static void test_begin_steps_done(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct journal_entry e;

	for (int durable = 0; durable < 2; durable++) {
		assert_int_equal(read_journal(s, &e, &err), 0);
		assert_ok(journal_begin(s->fd, "create", "web1 default", durable, &err), &err);
		assert_ok(journal_step(s->fd, "area", durable, &err), &err);
		assert_ok(journal_step(s->fd, "monitor 12 345", durable, &err), &err);
		assert_int_equal(read_journal(s, &e, &err), 1);
		assert_string_equal(e.op, "create");
		assert_string_equal(e.arg, "web1 default");
		assert_int_equal(e.n_steps, 2);
		assert_true(journal_has_step(&e, "area") && journal_has_step(&e, "monitor 12 345"));
		assert_false(journal_has_step(&e, "are") || journal_has_step(&e, ""));
		assert_ok(journal_done(s->fd, durable, &err), &err);
		assert_ok(journal_done(s->fd, durable, &err), &err);
	}
	assert_int_equal(read_journal(s, &e, &err), 0);
}

static void test_only_one_at_a_time(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct journal_entry e;

	assert_ok(journal_begin(s->fd, "create", NULL, false, &err), &err);
	assert_int_equal(journal_begin(s->fd, "destroy", "x", false, &err), -EBUSY);
	assert_int_equal(read_journal(s, &e, &err), 1);
	assert_string_equal(e.op, "create");
	assert_string_equal(e.arg, "");
}

static void test_a_step_needs_an_operation(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	assert_int_equal(journal_step(s->fd, "area", false, &err), -ENOENT);
	assert_false(path_exists_at(s->fd, JOURNAL_FILE));
}

/* Cut at every byte: there is no operation before the end of line 1, and a step counts with its newline. */
static void test_torn_at_each_byte(void **state)
{
	static const char whole[] = "destroy web1 default\narea\nids\n";
	const struct scratch *s = *state;

	for (size_t len = 0; len < sizeof(whole); len++) {
		int newlines = 0;
		struct err err = ERR_INIT;
		struct journal_entry e;

		for (size_t i = 0; i < len; i++)
			newlines += whole[i] == '\n';
		put_bytes(s->fd, JOURNAL_FILE, whole, len);
		assert_int_equal(read_journal(s, &e, &err), newlines > 0);
		assert_int_equal(path_exists_at(s->fd, JOURNAL_FILE), newlines > 0);
		if (newlines == 0)
			continue;
		assert_string_equal(e.op, "destroy");
		assert_string_equal(e.arg, "web1 default");
		assert_int_equal(e.n_steps, newlines - 1);
		assert_int_equal(journal_has_step(&e, "area"), newlines > 1);
		assert_int_equal(journal_has_step(&e, "ids"), newlines > 2);
	}
}

static void test_damaged(void **state)
{
	static const struct {
		const char *text;
		size_t len;
	} rows[] = {
#define TEXT(t) { t, sizeof(t) - 1 }
		TEXT("create\n"),
		TEXT("\n"),
		TEXT("create web1\n\0area\n"),
		TEXT("\0\0\0\0"),
		TEXT("an-operation-of-more-than-31-letters x\n"),
		TEXT("create x\na step of more than thirty-one letters\n"),
		TEXT("create x\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n"),
#undef TEXT
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct journal_entry e;

		put_bytes(s->fd, JOURNAL_FILE, rows[i].text, rows[i].len);
		if (read_journal(s, &e, &err) != -EBADMSG)
			fail_msg("'%s' was accepted", rows[i].text);
		assert_int_equal(err.exit, EXIT_RECOVERY);
		assert_true(path_exists_at(s->fd, JOURNAL_FILE));
	}
}

static void test_too_large(void **state)
{
	static char text[5000];
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct journal_entry e;

	memset(text, 'x', sizeof(text));
	put_bytes(s->fd, JOURNAL_FILE, text, sizeof(text));
	assert_int_equal(read_journal(s, &e, &err), -EFBIG);
}

/* An intent that could not be read back is refused before the work begins. */
static void test_begin_writes_what_can_be_read(void **state)
{
	static const struct {
		const char *op;
		size_t arg_len;
		char arg_byte;
		int r;
	} rows[] = {
		{ "create", 255, 'x', 0 },
		{ "create", 256, 'x', -EINVAL },
		{ "create", 3, '\n', -EINVAL },
		{ "two words", 1, 'x', -EINVAL },
		{ "a\nb", 1, 'x', -EINVAL },
		{ "", 1, 'x', -EINVAL },
		{ "an-operation-of-31-letters-----", 1, 'x', 0 },
		{ "an-operation-of-32-letters------", 1, 'x', -EINVAL },
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		struct journal_entry e;
		char arg[300] = "";

		memset(arg, rows[i].arg_byte, rows[i].arg_len);
		if (journal_begin(s->fd, rows[i].op, arg, false, &err) != rows[i].r)
			fail_msg("'%s' with %zu: not %d", rows[i].op, rows[i].arg_len, rows[i].r);
		assert_int_equal(read_journal(s, &e, &err), rows[i].r == 0);
		assert_ok(journal_done(s->fd, false, &err), &err);
	}
}

static void test_a_step_that_could_not_be_read(void **state)
{
	static const char *const bad[] = { "", "two\nlines", "a step of 32 letters............" };
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct journal_entry e;

	assert_ok(journal_begin(s->fd, "start", "", false, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(journal_step(s->fd, bad[i], false, &err), -EINVAL);
	assert_ok(journal_step(s->fd, "a step of 31 letters...........", false, &err), &err);
	assert_int_equal(read_journal(s, &e, &err), 1);
	assert_int_equal(e.n_steps, 1);
}

static void test_not_through_a_link(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct journal_entry e;

	put_file(s->fd, "target", "create x\n");
	assert_int_equal(symlinkat("target", s->fd, JOURNAL_FILE), 0);
	assert_true(journal_begin(s->fd, "create", "x", false, &err) < 0);
	assert_int_equal(journal_step(s->fd, "area", false, &err), -ELOOP);
	assert_int_equal(read_journal(s, &e, &err), -ELOOP);
	assert_file(s->fd, "target", "create x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_begin_steps_done),
		SCRATCH_TEST(test_only_one_at_a_time),
		SCRATCH_TEST(test_a_step_needs_an_operation),
		SCRATCH_TEST(test_torn_at_each_byte),
		SCRATCH_TEST(test_damaged),
		SCRATCH_TEST(test_too_large),
		SCRATCH_TEST(test_begin_writes_what_can_be_read),
		SCRATCH_TEST(test_a_step_that_could_not_be_read),
		SCRATCH_TEST(test_not_through_a_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
