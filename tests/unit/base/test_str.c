/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/str.h"

static void test_names(void **state)
{
	static const char *const good[] = { "a", "0", "web1", "a-", "a--b", "9-9" };
	static const char *const bad[] = { "",	  "-a", "A",  ".",   "..",  "../x", "a/b",	   "a.b",    "a_b",
					   "a b", " a", "a ", "a\n", "\na", "a\tb", "caf\xc3\xa9", "a\x1b[m" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_ok(str_check_name("guest", good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (str_check_name("guest", bad[i], &err) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
		assert_err_has(&err, "guest name '");
		assert_int_equal(err.exit, EXIT_INVALID);
	}
}

static void test_name_length(void **state)
{
	struct err err = ERR_INIT;
	char name[65];

	(void)state;
	memset(name, 'a', 64);
	name[64] = '\0';
	assert_int_equal(str_check_name("guest", name, &err), -EINVAL);
	name[63] = '\0';
	assert_ok(str_check_name("guest", name, &err), &err);
}

static void test_bool(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1", "YES" };
	static const char *const no[] = { "no", "false", "off", "0", "No" };
	static const char *const bad[] = { "", "y", "2", "yes ", "01", "enabled" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		bool is_yes = false, is_no = true;

		assert_int_equal(str_to_bool(yes[i], &is_yes), 0);
		assert_int_equal(str_to_bool(no[i], &is_no), 0);
		assert_true(is_yes && !is_no);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bool b;

		assert_int_equal(str_to_bool(bad[i], &b), -EINVAL);
	}
}

static void test_copy_does_not_cut(void **state)
{
	char dst[4] = "xyz";

	(void)state;
	assert_int_equal(str_copy(dst, sizeof(dst), "abcd"), -ENAMETOOLONG);
	assert_string_equal(dst, "");
	assert_int_equal(str_copy(dst, sizeof(dst), "abc"), 0);
	assert_string_equal(dst, "abc");
	assert_int_equal(str_copy(dst, 0, ""), -ENAMETOOLONG);
	assert_string_equal(dst, "abc");
}

static void test_replace(void **state)
{
	_cleanup_free_ char *s = NULL;
	struct err err = ERR_INIT;

	(void)state;
	assert_ok(str_replace(&s, "first", &err), &err);
	assert_string_equal(s, "first");
	assert_ok(str_replace(&s, s + 2, &err), &err);
	assert_string_equal(s, "rst");
}

static void test_trim(void **state)
{
	char both[] = " \t a b \n", blank[] = " \r\n", none[] = "";

	(void)state;
	assert_string_equal(str_trim(both), "a b");
	assert_string_equal(str_trim(blank), "");
	assert_string_equal(str_trim(none), "");
}

static void test_printable(void **state)
{
	static const char *const good[] = { "",
					    "plain ~",
					    "\xc2\xa0",
					    "\xc3\xa9",
					    "\xdf\xbf",
					    "\xe0\xa0\x80",
					    "\xed\x9f\xbf",
					    "\xee\x80\x80",
					    "\xef\xbf\xbd",
					    "\xf0\x90\x80\x80",
					    "\xf4\x8f\xbf\xbf" };
	static const char *const bad[] = { "\x01",
					   "\x1b",
					   "\x7f",
					   "\xc2\x80",
					   "\xc2\x9b",
					   "\xc2\x9f",
					   "\x80",
					   "\xbf",
					   "\xc2",
					   "\xc2 ",
					   "\xc2\xc2",
					   "\xc0\xaf",
					   "\xc1\xbf",
					   "\xe0\x9f\xbf",
					   "\xe2\x82",
					   "\xe2\x82 ",
					   "\xed\xa0\x80",
					   "\xed\xbf\xbf",
					   "\xf0\x8f\xbf\xbf",
					   "\xf4\x90\x80\x80",
					   "\xf8\x88\x80\x80\x80",
					   "\xff",
					   "\xfe",
					   "a\xe2\x82\xac\xff" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(str_is_printable(good[i]));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (str_is_printable(bad[i]))
			fail_msg("row %zu was accepted", i);
	}
}

static void test_strbuf_grows(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		strbuf_addf(&b, "%03d", i);
	strbuf_add(&b, "");
	strbuf_add_bytes(&b, "ab\0c", 4);
	assert_int_equal(b.len, 3004);

	_cleanup_free_ char *s = strbuf_take(&b);

	assert_non_null(s);
	assert_memory_equal(s, "000001002", 9);
	assert_memory_equal(s + 2997, "999ab\0c\0", 8);
	assert_null(b.data);
}

static void test_empty_strbuf(void **state)
{
	struct strbuf b = { 0 };
	_cleanup_free_ char *s = strbuf_take(&b);

	(void)state;
	assert_string_equal(s, "");
}

/* An append that failed, here one too large for any memory, is remembered: half a text never passes for a whole one. */
static void test_strbuf_remembers_failure(void **state)
{
	struct strbuf b = { 0 };

	(void)state;
	strbuf_add(&b, "kept");
	b.failed = true;
	strbuf_add(&b, "lost");
	assert_null(strbuf_take(&b));
	assert_null(b.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	     cmocka_unit_test(test_name_length),
		cmocka_unit_test(test_bool),	     cmocka_unit_test(test_copy_does_not_cut),
		cmocka_unit_test(test_replace),	     cmocka_unit_test(test_trim),
		cmocka_unit_test(test_printable),    cmocka_unit_test(test_strbuf_grows),
		cmocka_unit_test(test_empty_strbuf), cmocka_unit_test(test_strbuf_remembers_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
