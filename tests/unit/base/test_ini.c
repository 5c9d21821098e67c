/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/ini.h"
#include "base/str.h"

/* All keys of a file as "[section] key=value" lines. */
static int note_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	if (strcmp(key, "refuse") == 0)
		return err_exit(err, EXIT_INVALID, ERANGE, "%s '%s': not today", key, value);
	strbuf_addf(context, "[%s] %s=%s\n", section, key, value);
	return 0;
}

static int read_bytes(const struct scratch *s, const char *text, size_t len, char **ret, struct err *err)
{
	struct strbuf b = { 0 };

	put_bytes(s->fd, "x.conf", text, len);

	int r = ini_read_at(s->fd, "x.conf", "shown.conf", note_key, &b, err);

	*ret = strbuf_take(&b);
	assert_non_null(*ret);
	return r;
}

static void test_what_is_read(void **state)
{
	static const struct {
		const char *text;
		const char *is;
	} rows[] = {
		{ "", "" },
		{ "\n\n", "" },
		{ "a=1", "[] a=1\n" },
		{ "a = 1\nb : 2\n", "[] a=1\n[] b=2\n" },
		{ "a = b=c:d\nurl: http://x=y\n", "[] a=b=c:d\n[] url=http://x=y\n" },
		{ "a =\nb=   \n", "[] a=\n[] b=\n" },
		{ "\xef\xbb\xbf"
		  "a = 1\n",
		  "[] a=1\n" },
		{ "a = 1\r\n[s]\r\nb = 2\r\n", "[] a=1\n[s] b=2\n" },
		{ "a = 1\na = 2\n", "[] a=1\n[] a=2\n" },
		{ "# x = 1\n; y = 2\n#\n  # z = 3\n", "" },
		{ "a = 1 ; comment\nb = 1;2\nc = 1 # 2\nd = \"q ; r\"\n", "[] a=1\n[] b=1;2\n[] c=1 # 2\n[] d=\"q\n" },
		{ "a = ;x\nb = #x\n", "[] a=\n[] b=#x\n" },
		{ "a = \"quoted\"\nb = 'x'\nc = \\n\n", "[] a=\"quoted\"\n[] b='x'\n[] c=\\n\n" },
		{ "a = caf\xc3\xa9\n", "[] a=caf\xc3\xa9\n" },
		{ "two words = 1\n", "[] two words=1\n" },
		{ "[s] ; why\na=1\n[]\nb=2\n[ t ]\nc=3\n", "[s] a=1\n[] b=2\n[ t ] c=3\n" },
		{ "[s]\n  indented = 1\n\talso = 2\n  [t]\n b=3\n", "[s] indented=1\n[s] also=2\n[t] b=3\n" },
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		_cleanup_free_ char *is = NULL;

		assert_ok(read_bytes(s, rows[i].text, strlen(rows[i].text), &is, &err), &err);
		if (strcmp(is, rows[i].is) != 0)
			fail_msg("'%s' is read as\n%s", rows[i].text, is);
	}
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text;
		size_t len;
		const char *why;
	} rows[] = {
#define TEXT(t) t, sizeof(t) - 1
		{ TEXT("a\n"), "shown.conf line 1: expected 'key = value' or '[section]'" },
		{ TEXT("a=1\n\n# c\nnonsense\nb=2\n"), "shown.conf line 4: expected" },
		{ TEXT("a=1\n[open\nb=2\n"), "shown.conf line 2: expected" },
		{ TEXT("a=1\n  continued\n"), "shown.conf line 2: expected" },
		{ TEXT("a=1\0\n"), "shown.conf: contains a NUL byte" },
		{ TEXT("\0"), "shown.conf: contains a NUL byte" },
		{ TEXT("a=1\n\nrefuse = 5\n"), "shown.conf line 3: refuse '5': not today" },
#undef TEXT
	};
	const struct scratch *s = *state;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;
		_cleanup_free_ char *is = NULL;

		assert_true(read_bytes(s, rows[i].text, rows[i].len, &is, &err) < 0);
		assert_err_has(&err, rows[i].why);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
	}
}

static char *repeat(const char *before, char c, size_t n, const char *after)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, before);
	for (size_t i = 0; i < n; i++)
		strbuf_add_bytes(&b, &c, 1);
	strbuf_add(&b, after);
	return strbuf_take(&b);
}

/* A value is whole or refused, never cut: half of "10.0.0.12" is another address. */
static void check_long_value(const struct scratch *s, size_t n)
{
	_cleanup_free_ char *text = repeat("x = 1\nk=", 'v', n, "\nz = 1\n");
	_cleanup_free_ char *whole = repeat("[] x=1\n[] k=", 'v', n, "\n[] z=1\n");
	_cleanup_free_ char *is = NULL;
	struct err err = ERR_INIT;

	if (read_bytes(s, text, strlen(text), &is, &err) == 0) {
		assert_string_equal(is, whole);
		return;
	}
	assert_err_has(&err, "line 2: the line is longer than");
	assert_true(n > 190);
}

static void test_long_values_are_refused(void **state)
{
	for (size_t n = 180; n < 8200; n = n < 220 ? n + 1 : n * 2)
		check_long_value(*state, n);
}

static void test_long_comments_are_fine(void **state)
{
	const struct scratch *s = *state;
	_cleanup_free_ char *text = repeat("# ", 'c', 5000, "\nk = 1\n");
	_cleanup_free_ char *is = NULL;
	struct err err = ERR_INIT;

	assert_ok(read_bytes(s, text, strlen(text), &is, &err), &err);
	assert_string_equal(is, "[] k=1\n");
}

static void test_files_that_are_none(void **state)
{
	static const struct {
		const char *name;
		int r;
	} rows[] = { { "none", -ENOENT }, { "dir", -EISDIR }, { "link", -ELOOP }, { "big", -EFBIG } };
	const struct scratch *s = *state;

	put_dir(s->fd, "dir");
	put_file(s->fd, "target", "a=1\n");
	assert_int_equal(symlinkat("target", s->fd, "link"), 0);
	put_file(s->fd, "big", "");

	_cleanup_fd_ int big = openat(s->fd, "big", O_WRONLY | O_CLOEXEC);

	assert_int_equal(ftruncate(big, (1 << 20) + 1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct err err = ERR_INIT;

		assert_int_equal(ini_read_at(s->fd, rows[i].name, "shown", note_key, NULL, &err), rows[i].r);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, "shown: ");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_what_is_read),
		SCRATCH_TEST(test_what_is_refused),
		SCRATCH_TEST(test_long_values_are_refused),
		SCRATCH_TEST(test_long_comments_are_fine),
		SCRATCH_TEST(test_files_that_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
