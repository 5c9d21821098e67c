/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>
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

static void test_u64(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int r;
		uint64_t value;
	} rows[] = {
		{ "0", UINT64_MAX, 0, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 7 },
		{ "28446744073709551615", UINT64_MAX, -ERANGE, 7 },
		{ "99999999999999999999999999", UINT64_MAX, -ERANGE, 7 },
		{ "00000000000000000000000000000012", UINT64_MAX, 0, 12 },
		{ "100", 100, 0, 100 },
		{ "101", 100, -ERANGE, 7 },
		{ "", 100, -EINVAL, 7 },
		{ "-1", 100, -EINVAL, 7 },
		{ "+1", 100, -EINVAL, 7 },
		{ " 1", 100, -EINVAL, 7 },
		{ "1 ", 100, -EINVAL, 7 },
		{ "1x", 100, -EINVAL, 7 },
		{ "0x10", 100, -EINVAL, 7 },
		{ "1.0", 100, -EINVAL, 7 },
		{ "\xd9\xa1", 100, -EINVAL, 7 }, /* an Arabic digit */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 7;
		int r = str_to_u64(rows[i].text, rows[i].max, &v);

		if (r != rows[i].r || v != rows[i].value)
			fail_msg("'%s': %d, %" PRIu64, rows[i].text, r, v);
	}
}

static void test_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} rows[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "1b", 1 },
		{ "1B", 1 },
		{ "1.000", 1 },
		{ "1K", 1024 },
		{ "1k", 1024 },
		{ "1KB", 1024 },
		{ "1KiB", 1024 },
		{ "1kIb", 1024 },
		{ "512M", 512ULL << 20 },
		{ "1.5G", 3ULL << 29 },
		{ "0.001K", 1 },
		{ "2T", 2ULL << 40 },
		{ "1P", 1ULL << 50 },
		{ "8191P", 8191ULL << 50 },
		{ "9223372036854775807", INT64_MAX },
		{ "9007199254740991.999K", 9223372036854775806 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 7;

		if (str_to_size(rows[i].text, &v) < 0 || v != rows[i].value)
			fail_msg("'%s': %" PRIu64, rows[i].text, v);
	}
}

static void test_no_sizes(void **state)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "", -EINVAL },
		{ "M", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1M", -EINVAL },
		{ " 1M", -EINVAL },
		{ "1M ", -EINVAL },
		{ "1 M", -EINVAL },
		{ "12x", -EINVAL },
		{ "1MM", -EINVAL },
		{ "1Mi", -EINVAL },
		{ "1MiBx", -EINVAL },
		{ "1E", -EINVAL },
		{ "1e3", -EINVAL },
		{ "0x1M", -EINVAL },
		{ "1.", -EINVAL },
		{ ".5M", -EINVAL },
		{ "1.5", -EINVAL },
		{ "1.5B", -EINVAL },
		{ "1..5M", -EINVAL },
		{ "1.2.3M", -EINVAL },
		{ "1.2345M", -EINVAL },
		{ "1,5M", -EINVAL },
		{ "nan", -EINVAL },
		{ "inf", -EINVAL },
		{ "unlimited", -EINVAL },
		{ "9223372036854775808", -ERANGE },
		{ "18446744073709551616", -ERANGE },
		{ "8192P", -ERANGE },
		{ "18446744073709551615T", -ERANGE },
		{ "340282366920938463463374607431768211456", -ERANGE },
		{ "99999999999999999999999999999999999999999999999999999999.999P", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 7;
		int r = str_to_size(rows[i].text, &v);

		if (r != rows[i].r || v != 7)
			fail_msg("'%s': %d, %" PRIu64, rows[i].text, r, v);
	}
}

/* What is written must be what is read back: guest.conf holds these. */
static void check_size_round_trip(uint64_t v)
{
	char room[STR_NUMBER_ROOM];
	uint64_t back = ~v;

	str_from_size(v, room);
	if (str_to_size(room, &back) < 0 || back != v)
		fail_msg("%" PRIu64 " is written as %s and read as %" PRIu64, v, room, back);
}

static void test_size_round_trip(void **state)
{
	(void)state;
	check_size_round_trip(0);
	check_size_round_trip(INT64_MAX);
	for (int shift = 0; shift < 63; shift++) {
		for (int delta = -1; delta <= 1; delta++)
			check_size_round_trip((UINT64_C(1) << shift) + (uint64_t)delta);
	}
	for (uint64_t v = 1; v < INT64_MAX / 3; v = v * 3 + 1)
		check_size_round_trip(v);
}

static void test_size_is_written_short(void **state)
{
	static const struct {
		uint64_t value;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1025, "1025" },
		{ 1536, "1536" },
		{ 512 << 20, "512M" },
		{ 3ULL << 29, "1536M" },
		{ 2ULL << 30, "2G" },
		{ 1ULL << 50, "1024T" },
	};
	char room[STR_NUMBER_ROOM];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		str_from_size(rows[i].value, room);
		assert_string_equal(room, rows[i].text);
	}
}

static void test_milli(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} rows[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1000 },
		{ "1.5", 0, 1500 },
		{ "0.001", 0, 1 },
		{ "2.000", 0, 2000 },
		{ "0.0001", -EINVAL, 7 },
		{ "1.", -EINVAL, 7 },
		{ ".5", -EINVAL, 7 },
		{ "", -EINVAL, 7 },
		{ "1 ", -EINVAL, 7 },
		{ "1K", -EINVAL, 7 },
		{ "-1", -EINVAL, 7 },
		{ "1.5.1", -EINVAL, 7 },
		{ "18446744073709551.615", 0, UINT64_MAX },
		{ "18446744073709551.616", -ERANGE, 7 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 7;
		int r = str_to_milli(rows[i].text, &v);

		if (r != rows[i].r || v != rows[i].value)
			fail_msg("'%s': %d, %" PRIu64, rows[i].text, r, v);
	}
}

static void test_milli_round_trip(void **state)
{
	char room[STR_NUMBER_ROOM];

	(void)state;
	for (uint64_t v = UINT64_MAX; v; v = v / 7 * 6) {
		uint64_t back = ~v;

		str_from_milli(v, room);
		if (str_to_milli(room, &back) < 0 || back != v)
			fail_msg("%" PRIu64 " is written as %s and read as %" PRIu64, v, room, back);
	}
	str_from_milli(0, room);
	assert_string_equal(room, "0");
	str_from_milli(100000, room);
	assert_string_equal(room, "100");
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
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_name_length),
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_no_sizes),
		cmocka_unit_test(test_size_round_trip),
		cmocka_unit_test(test_size_is_written_short),
		cmocka_unit_test(test_milli),
		cmocka_unit_test(test_milli_round_trip),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_copy_does_not_cut),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_printable),
		cmocka_unit_test(test_strbuf_grows),
		cmocka_unit_test(test_empty_strbuf),
		cmocka_unit_test(test_strbuf_remembers_failure),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
