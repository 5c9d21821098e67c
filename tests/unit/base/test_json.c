/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/json.h"
#include "base/str.h"

static void test_render(void **state)
{
	_cleanup_json_ struct json *doc = json_object_new_doc();
	struct json *list = json_array_new_doc();

	(void)state;
	json_add_string(doc, "s", "a\"b\\c/\n\x01 caf\xc3\xa9");
	json_add_string(doc, "none", NULL);
	json_add_u64(doc, "most", UINT64_MAX);
	json_add_bool(doc, "b", true);
	json_add_null(doc, "n");
	json_append_string(list, "x");
	json_add_child(list, NULL, json_object_new_doc());
	json_add_child(doc, "list", list);

	_cleanup_free_ char *text = json_render(doc, false);

	assert_string_equal(text, "{\"s\":\"a\\\"b\\\\c/\\n\\u0001 caf\xc3\xa9\",\"none\":null,\"most\":18446744073709551615,"
				  "\"b\":true,\"n\":null,\"list\":[\"x\",{}]}");
}

static void test_what_is_rendered_can_be_parsed(void **state)
{
	struct err err = ERR_INIT;
	_cleanup_json_ struct json *doc = json_object_new_doc(), *back = NULL;
	const char *s = NULL;
	uint64_t v = 0;
	bool b = false;

	(void)state;
	json_add_string(doc, "s", "\"\\ \t\x1f\x7f \xf0\x9f\x90\xa7");
	json_add_u64(doc, "v", UINT64_MAX);
	json_add_bool(doc, "b", true);

	_cleanup_free_ char *text = json_render(doc, true);

	assert_ok(json_parse(text, "doc", &back, &err), &err);
	assert_int_equal(json_get_string(back, "s", &s), 0);
	assert_string_equal(s, "\"\\ \t\x1f\x7f \xf0\x9f\x90\xa7");
	assert_int_equal(json_get_u64(back, "v", &v), 0);
	assert_true(v == UINT64_MAX);
	assert_int_equal(json_get_bool(back, "b", &b), 0);
	assert_true(b);
}

static void test_what_is_no_json(void **state)
{
	static const char *const bad[] = { "",		 " ",	 "{",	   "}",		  "{\"a\"}",   "{\"a\":}",
					   "{\"a\":1,}", "[1,]", "['a']",  "{\"a\":1} x", "{} {}",     "{\"a\":01}",
					   "Inf",	 "nul",	 "\"open", "\"\xff\"",	  "{/* c */}", "null" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err = ERR_INIT;
		_cleanup_json_ struct json *doc = NULL;

		if (json_parse(bad[i], "manifest", &doc, &err) != -EBADMSG)
			fail_msg("'%s' was accepted", bad[i]);
		assert_err_has(&err, "manifest: not valid JSON at byte ");
		assert_null(doc);
	}
}

static void test_depth_is_limited(void **state)
{
	char text[20001];
	struct err err = ERR_INIT;
	_cleanup_json_ struct json *doc = NULL;

	(void)state;
	memset(text, '[', 10000);
	memset(text + 10000, ']', 10000);
	text[20000] = '\0';
	assert_int_equal(json_parse(text, "deep", &doc, &err), -EBADMSG);
	memset(text, ' ', 9980);
	memset(text + 10020, ' ', 9980);
	assert_ok(json_parse(text, "deep", &doc, &err), &err);
}

static void test_members(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"n\":5,\"b\":false,\"z\":null,\"neg\":-1,\"f\":1.5,\"o\":{}}\n";
	struct err err = ERR_INIT;
	_cleanup_json_ struct json *doc = NULL, *list = NULL;
	const char *s = NULL;
	uint64_t v = 0;
	bool b = true;

	(void)state;
	assert_ok(json_parse(text, "x", &doc, &err), &err);
	assert_int_equal(json_get_string(doc, "s", &s), 0);
	assert_int_equal(json_get_u64(doc, "n", &v), 0);
	assert_int_equal(json_get_bool(doc, "b", &b), 0);
	assert_string_equal(s, "x");
	assert_true(v == 5 && !b);
	assert_int_equal(json_get_string(doc, "missing", &s), -ENOENT);
	assert_int_equal(json_get_string(doc, "n", &s), -EBADMSG);
	assert_int_equal(json_get_string(doc, "z", &s), -EBADMSG);
	assert_int_equal(json_get_u64(doc, "s", &v), -EBADMSG);
	assert_int_equal(json_get_u64(doc, "neg", &v), -EBADMSG);
	assert_int_equal(json_get_u64(doc, "f", &v), -EBADMSG);
	assert_int_equal(json_get_u64(doc, "b", &v), -EBADMSG);
	assert_int_equal(json_get_bool(doc, "n", &b), -EBADMSG);
	assert_ok(json_parse("[1]", "x", &list, &err), &err);
	assert_int_equal(json_get_string(list, "s", &s), -EBADMSG);
}

/* A C string would end at the zero: what was checked would not be what was written. */
static void test_a_zero_in_a_string(void **state)
{
	struct err err = ERR_INIT;
	_cleanup_json_ struct json *doc = NULL;
	const char *s = NULL;

	(void)state;
	assert_ok(json_parse("{\"name\":\"debian\\u0000/../..\"}", "x", &doc, &err), &err);
	assert_int_equal(json_get_string(doc, "name", &s), -EBADMSG);
	assert_null(s);
}

static void test_a_number_that_does_not_fit(void **state)
{
	static const struct {
		const char *text;
		int r;
		uint64_t value;
	} rows[] = {
		{ "18446744073709551614", 0, UINT64_MAX - 1 },
		{ "18446744073709551616", 0, UINT64_MAX },
		{ "99999999999999999999999", 0, UINT64_MAX },
		{ "-99999999999999999999999", -EBADMSG, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		_cleanup_free_ char *text = str_printf("{\"n\":%s}", rows[i].text);
		_cleanup_json_ struct json *doc = NULL;
		uint64_t v = 0;

		assert_ok(json_parse(text, "x", &doc, &err), &err);
		assert_int_equal(json_get_u64(doc, "n", &v), rows[i].r);
		assert_true(v == rows[i].value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_render),
		SCRATCH_TEST(test_what_is_rendered_can_be_parsed),
		SCRATCH_TEST(test_what_is_no_json),
		SCRATCH_TEST(test_depth_is_limited),
		SCRATCH_TEST(test_members),
		SCRATCH_TEST(test_a_zero_in_a_string),
		SCRATCH_TEST(test_a_number_that_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
