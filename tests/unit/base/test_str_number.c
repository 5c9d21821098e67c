/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <inttypes.h>

#include "base/cleanup.h"
#include "base/str.h"

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

static void test_rates(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} rows[] = {
		{ "0", 0 },
		{ "8000", 8000 },
		{ "100M", 100000000 },
		{ "100m", 100000000 },
		{ "100Mbit", 100000000 },
		{ "1.5G", 1500000000 },
		{ "0.001K", 1 },
		{ "64bit", 64 },
		{ "9T", UINT64_C(9000000000000) },
		{ "9223372036854775807", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char room[STR_NUMBER_ROOM];
		uint64_t v = 1, back = 1;

		assert_int_equal(str_to_rate(rows[i].text, &v), 0);
		assert_true(v == rows[i].value);
		str_from_rate(v, room);
		assert_int_equal(str_to_rate(room, &back), 0);
		assert_true(back == v);
	}
}

static void test_no_rates(void **state)
{
	static const struct {
		const char *text;
		int r;
	} rows[] = {
		{ "", -EINVAL },
		{ "M", -EINVAL },
		{ "-1M", -EINVAL },
		{ "1.5", -EINVAL },
		{ "1Mb", -EINVAL },
		{ "1MiB", -EINVAL },
		{ "1P", -EINVAL },
		{ "1 M", -EINVAL },
		{ "1Mbits", -EINVAL },
		{ "1M ", -EINVAL },
		{ "9223372036854775808", -ERANGE },
		{ "18446744073709551615T", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t v = 7;

		if (str_to_rate(rows[i].text, &v) != rows[i].r || v != 7)
			fail_msg("'%s' was read", rows[i].text);
	}
}

static void test_rate_is_written_short(void **state)
{
	char room[STR_NUMBER_ROOM];

	(void)state;
	str_from_rate(100000000, room);
	assert_string_equal(room, "100M");
	str_from_rate(1500000000, room);
	assert_string_equal(room, "1500M");
	str_from_rate(1024, room);
	assert_string_equal(room, "1024");
	str_from_rate(UINT64_C(2000000000000), room);
	assert_string_equal(room, "2T");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_no_sizes),
		cmocka_unit_test(test_size_round_trip),
		cmocka_unit_test(test_size_is_written_short),
		cmocka_unit_test(test_milli),
		cmocka_unit_test(test_milli_round_trip),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_no_rates),
		cmocka_unit_test(test_rate_is_written_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
