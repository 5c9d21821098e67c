/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include "base/cleanup.h"
#include "templates/version.h"

static void only_the_exact_form_is_a_version(void **state _unused_)
{
	static const char *const bad[] = { "",
					   "1",
					   "20260131",
					   "20260131.",
					   "20260131.0",
					   "20260131.01",
					   "2026013.11",
					   "202601311.1",
					   "20260131.1x",
					   "20260131.1.1",
					   " 20260131.1",
					   "2026-131.1",
					   "00000000.1",
					   "20260131.9999999",
					   "20260131.11111111111111111111111111111111" };
	struct version v;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(version_parse(bad[i], &v), -EINVAL);
	assert_int_equal(version_parse("20260131.12", &v), 0);
	assert_int_equal(v.day, 20260131);
	assert_int_equal(v.n, 12);
}

static void ten_comes_after_nine(void **state _unused_)
{
	struct version nine = { 20260131, 9 }, ten = { 20260131, 10 }, tomorrow = { 20260201, 1 };

	assert_true(version_compare(&nine, &ten) < 0);
	assert_true(version_compare(&tomorrow, &ten) > 0);
	assert_int_equal(version_compare(&ten, &ten), 0);
}

/* 1769817600 is 2026-01-31 00:00 UTC. */
static void the_next_one_is_always_the_newest(void **state _unused_)
{
	struct version today = { 20260131, 3 }, later = { 20270101, 7 }, earlier = { 20250101, 7 };
	char text[TEMPLATE_VERSION_ROOM];
	struct version v = version_next(NULL, 1769817600);

	version_format(&v, text);
	assert_string_equal(text, "20260131.1");
	v = version_next(&today, 1769817600);
	version_format(&v, text);
	assert_string_equal(text, "20260131.4");
	v = version_next(&earlier, 1769817600);
	version_format(&v, text);
	assert_string_equal(text, "20260131.1");
	/* The clock went back. */
	v = version_next(&later, 1769817600);
	version_format(&v, text);
	assert_string_equal(text, "20270101.8");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_exact_form_is_a_version),
		cmocka_unit_test(ten_comes_after_nine),
		cmocka_unit_test(the_next_one_is_always_the_newest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
