/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/ini.h"
#include "base/str.h"

static void test_edits(void **state)
{
	static const struct {
		const char *text, *section, *key, *value, *is;
	} rows[] = {
		{ "", "", "k", "1", "k = 1\n" },
		{ "", "s", "k", "1", "[s]\nk = 1\n" },
		{ "", "s", "k", NULL, "" },
		{ "a = 1", "", "k", "2", "a = 1\nk = 2\n" },
		{ "k = 1", "", "k", "2", "k = 2\n" },
		{ "k = 1\n", "", "k", NULL, "" },
		{ "k=1 ; old\nb=2\n", "", "k", "3", "k = 3\nb=2\n" },
		{ "k : 1\n", "", "k", "2", "k = 2\n" },
		{ "  k = 1\n", "", "k", "2", "k = 2\n" },
		{ "# k = 1\n;k = 1\n", "", "k", "2", "# k = 1\n;k = 1\nk = 2\n" },
		{ "kk = 1\nk k = 2\n", "", "k", "3", "kk = 1\nk k = 2\nk = 3\n" },
		{ "k = 1\nb = 2\nk = 3\n", "", "k", "4", "k = 4\nb = 2\n" },
		{ "k = 1\nb = 2\nk = 3\n", "", "k", NULL, "b = 2\n" },
		{ "a = 1\n[s]\nk = 2\n", "", "k", "3", "a = 1\nk = 3\n[s]\nk = 2\n" },
		{ "k = 1\n[s]\nk = 2\n", "s", "k", "3", "k = 1\n[s]\nk = 3\n" },
		{ "[s]\na = 1\n[t]\nk = 2\n", "s", "k", "3", "[s]\na = 1\nk = 3\n[t]\nk = 2\n" },
		{ "[s]\na=1\n[t]\n[s]\nk = 2\n", "s", "k", "3", "[s]\na=1\nk = 3\n[t]\n[s]\n" },
		{ "[sx]\nk = 1\n", "s", "k", "2", "[sx]\nk = 1\n\n[s]\nk = 2\n" },
		{ " [s] ; why\n k = 1\n", "s", "k", "2", " [s] ; why\nk = 2\n" },
		{ "[open\nk = 1\n", "", "k", "2", "[open\nk = 2\n" },
		{ "[s]\nk = 1\n[]\nb = 1\n", "", "k", "2", "k = 2\n[s]\nk = 1\n[]\nb = 1\n" },
		{ "a=1\r\nk=2\r\nb=3\r\n", "", "k", "4", "a=1\r\nk = 4\nb=3\r\n" },
		{ "a = 1\nk = 1\nb = 2\nk = 3\n", "", "k", "4\n5", "a = 1\nk = 4\nk = 5\nb = 2\n" },
		{ "[s]\na = 1", "s", "k", "2\n3\n4", "[s]\na = 1\nk = 2\nk = 3\nk = 4\n" },
		{ "\xef\xbb\xbfk = 1\nb = 2\n", "", "k", "3", "\xef\xbb\xbfk = 3\nb = 2\n" },
		{ "\xef\xbb\xbf[s]\nk = 1\n", "s", "k", "2", "\xef\xbb\xbf[s]\nk = 2\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *is = ini_edit(rows[i].text, rows[i].section, rows[i].key, rows[i].value);

		assert_non_null(is);
		if (strcmp(is, rows[i].is) != 0)
			fail_msg("'%s' became\n%s", rows[i].text, is);
	}
}

static void test_sections_are_removed(void **state)
{
	static const struct {
		const char *text, *is;
	} rows[] = {
		{ "", "" },
		{ "k = 1\n", "k = 1\n" },
		{ "k = 1\n[s]\nk = 2\n", "k = 1\n" },
		{ "[s]\nk = 2\n# mine\n[t]\nk = 3", "[t]\nk = 3" },
		{ "[sx]\nk = 1\n[t]\n[s]", "[sx]\nk = 1\n[t]\n" },
		{ " [s] ; why\nk = 1\n[t]\nk = 2\n[s]\nk = 3\n", "[t]\nk = 2\n" },
		{ "# [s]\nk = [s]\n", "# [s]\nk = [s]\n" },
		{ "\xef\xbb\xbf[s]\nk = 1\n[t]\n", "\xef\xbb\xbf[t]\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *is = ini_remove_section(rows[i].text, "s");

		assert_non_null(is);
		if (strcmp(is, rows[i].is) != 0)
			fail_msg("'%s' became\n%s", rows[i].text, is);
	}
}

/* Lines of which files are made by chance; those that set "k" in section 0 ("") or 1 ("s") are `of_key`. */
static const struct {
	const char *line;
	bool of_key;
	int opens; /* -1: none */
} pieces[] = {
	{ "k = old\n", true, -1 },
	{ "k=old\n", true, -1 },
	{ "\tk : old ; comment\n", true, -1 },
	{ "k =\r\n", true, -1 },
	{ "kk = 1\n", false, -1 },
	{ "a = k = 2\n", false, -1 },
	{ "  indented = 3\n", false, -1 },
	{ "k2: \"x ; y\n", false, -1 },
	{ "# k = comment\n", false, -1 },
	{ "   ; k = comment\n", false, -1 },
	{ "\n", false, -1 },
	{ " \t \r\n", false, -1 },
	{ "caf\xc3\xa9 = \xff\xfe\n", false, -1 },
	{ "[s]\n", false, 1 },
	{ "[s] ; again\n", false, 1 },
	{ "[ss]\n", false, 2 },
	{ "\t[t]\r\n", false, 2 },
	{ "[]\n", false, 0 },
};

/* What a reader has found of the key: its last value and how often, and all else as text. */
struct found {
	const char *section;
	char value[32];
	int n;
	struct strbuf others;
};

static int note_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct found *f = context;

	(void)err;
	if (strcmp(section, f->section) == 0 && strcmp(key, "k") == 0) {
		f->n++;
		return str_copy(f->value, sizeof(f->value), value);
	}
	strbuf_addf(&f->others, "[%s]%s=%s\n", section, key, value);
	return 0;
}

static char *read_with(const struct scratch *s, const char *text, struct found *f)
{
	struct err err = ERR_INIT;

	put_file(s->fd, "x", text);
	if (ini_read_at(s->fd, "x", "x", note_key, f, &err) < 0)
		fail_msg("%s in\n%s", err.msg, text);
	return strbuf_take(&f->others);
}

/* A file by chance, and what is to stay of it when "k" of `section` is taken out. */
static void make_file_text(unsigned int *seed, int section, struct strbuf *text, struct strbuf *rest)
{
	int here = 0, n = (int)(rand_r(seed) % 12);

	for (int i = 0; i < n; i++) {
		size_t p = rand_r(seed) % ARRAY_SIZE(pieces);

		if (pieces[p].opens >= 0)
			here = pieces[p].opens;
		strbuf_add(text, pieces[p].line);
		if (!pieces[p].of_key || here != section)
			strbuf_add(rest, pieces[p].line);
	}
}

/* Cuts the line "k = new" out, in place: what is left has to be what was to stay. */
static bool cut_line(char *text, const char *line)
{
	char *at = strstr(text, line);

	if (!at)
		return false;
	memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
	return true;
}

static void check_one(const struct scratch *s, unsigned int seed)
{
	static const char *const sections[] = { "", "s" };
	int section = (int)(seed % 2);
	bool removes = seed % 3 == 0;
	struct strbuf text = { 0 }, rest = { 0 };
	struct found before = { .section = sections[section] }, after = before;

	make_file_text(&seed, section, &text, &rest);

	_cleanup_free_ char *old = strbuf_take(&text), *stay = strbuf_take(&rest);
	_cleanup_free_ char *new = ini_edit(old, sections[section], "k", removes ? NULL : "new");
	_cleanup_free_ char *others_before = read_with(s, old, &before);
	_cleanup_free_ char *others_after = read_with(s, new, &after);

	assert_string_equal(others_before, others_after);
	assert_int_equal(after.n, removes ? 0 : 1);
	if (!removes) {
		assert_string_equal(after.value, "new");
		assert_true(cut_line(new, "k = new\n"));
	}
	/* A section that was missing came to the end. */
	if (strlen(new) > strlen(stay))
		assert_true(cut_line(new, *stay ? "\n[s]\n" : "[s]\n"));
	assert_string_equal(new, stay);
}

static void test_every_other_byte_stays(void **state)
{
	for (unsigned int seed = 1; seed <= 4000; seed++)
		check_one(*state, seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_edits),
		SCRATCH_TEST(test_sections_are_removed),
		SCRATCH_TEST(test_every_other_byte_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
