/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"

static void test_returns_the_code(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ENOENT, "no %s", "such"), -ENOENT);
	assert_int_equal(err.code, ENOENT);
	assert_string_equal(err.msg, "no such");
	assert_int_equal(err_set(NULL, ENOENT, "nobody listens"), -ENOENT);
}

/* A caller that passes 0 or a negative number has a bug, but its error must not become a success. */
static void test_is_never_a_success(void **state)
{
	static const int codes[] = { 0, -1, -EINVAL };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
		assert_int_equal(err_set(&err, codes[i], "x"), -EIO);
	assert_int_equal(err_wrap(NULL, "x"), -EIO);
}

static void test_exit_follows_errno(void **state)
{
	static const struct {
		int code;
		enum exit_code exit;
	} rows[] = {
		{ EPERM, EXIT_PERMISSION },   { EACCES, EXIT_PERMISSION },	{ ENOSPC, EXIT_NO_SPACE },
		{ EDQUOT, EXIT_NO_SPACE },    { ENOMEM, EXIT_RESOURCES },	{ EMFILE, EXIT_RESOURCES },
		{ EINVAL, EXIT_INVALID },     { ERANGE, EXIT_INVALID },		{ ETIMEDOUT, EXIT_TIMEOUT },
		{ ENOSYS, EXIT_UNSUPPORTED }, { EOPNOTSUPP, EXIT_UNSUPPORTED }, { EIO, EXIT_SYSTEM },
	};
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(err_sys(&err, rows[i].code, "x"), -rows[i].code);
		assert_int_equal(err.exit, rows[i].exit);
	}
	assert_int_equal(err_exit(&err, EXIT_LOCKED, EBUSY, "x"), -EBUSY);
	assert_int_equal(err.exit, EXIT_LOCKED);
}

static void test_sys_says_the_errno(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_sys(&err, ENOENT, "open 'x'"), -ENOENT);
	assert_string_equal(err.msg, "open 'x': No such file or directory");
}

static void test_wrap_keeps_code_and_exit(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_exit(&err, EXIT_NO_POOL, ENOENT, "inner"), -ENOENT);
	assert_int_equal(err_wrap(&err, "start '%s'", "web1"), -ENOENT);
	assert_string_equal(err.msg, "start 'web1': inner");
	assert_int_equal(err.exit, EXIT_NO_POOL);
}

/* A message may quote itself: err_set(&err, ..., "%s", err.msg) is what a caller that changes the code writes. */
static void test_long_messages_are_cut(void **state)
{
	struct err err = ERR_INIT;
	char filler[2 * sizeof(err.msg)];

	(void)state;
	memset(filler, 'a', sizeof(filler) - 1);
	filler[sizeof(filler) - 1] = '\0';
	assert_int_equal(err_sys(&err, EIO, "%s", filler), -EIO);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_int_equal(err_wrap(&err, "%s", filler), -EIO);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
	assert_int_equal(err_wrap(&err, "short"), -EIO);
	assert_memory_equal(err.msg, "short: aaa", 10);
	assert_int_equal(strlen(err.msg), sizeof(err.msg) - 1);
}

/*
 * Names of guests, lines of programs and texts of images end up in messages: none may forge a second line or speak to the
 * terminal.
 */
static void test_a_message_is_one_printable_line(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, EINVAL, "name '%s'", "a\nb\x1b[2J\x7f\tc"), -EINVAL);
	assert_string_equal(err.msg, "name 'a?b?[2J??c'");
	assert_int_equal(err_wrap(&err, "x\ny"), -EINVAL);
	assert_string_equal(err.msg, "x?y: name 'a?b?[2J??c'");
	assert_int_equal(err_set(&err, EINVAL, "caf\xc3\xa9"), -EINVAL);
	assert_string_equal(err.msg, "caf\xc3\xa9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_returns_the_code),
		cmocka_unit_test(test_is_never_a_success),
		cmocka_unit_test(test_exit_follows_errno),
		cmocka_unit_test(test_sys_says_the_errno),
		cmocka_unit_test(test_wrap_keeps_code_and_exit),
		cmocka_unit_test(test_long_messages_are_cut),
		cmocka_unit_test(test_a_message_is_one_printable_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
