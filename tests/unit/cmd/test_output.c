/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/text.h"
#include "cmd_unit.h"

static void check_safe(const char *text, bool colours, const char *expected)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	text_safe(file, text, colours);
	fclose(file);
	assert_string_equal(out, expected);
	free(out);
}

static void test_safe(void **state _unused_)
{
	check_safe("plain\ttext\n", false, "plain\ttext\n");
	check_safe("\x1b[2J\x07", false, "\\x1b[2J\\x07");
	check_safe("\x1b[1;32mOK\x1b[0m\r\n", true, "\x1b[1;32mOK\x1b[0m\n");
	check_safe("\x1b[2J\x1b]0;title\x07", true, "\\x1b[2J\\x1b]0;title\\x07");
	check_safe("\x1b[31m", false, "\\x1b[31m");
	check_safe("\x1b[31", true, "\\x1b[31");
	check_safe("\x1b", true, "\\x1b");
	check_safe("ünï — \xc2\x9b"
		   "31m",
		   true, "ünï — \\x9b31m");
	check_safe("\xc2", false, "\xc2");
	check_safe("a\rb\r\r\n", true, "ab\n");
}

static void check_size(uint64_t bytes, const char *expected)
{
	struct strbuf b = { 0 };

	text_size(&b, bytes);

	_cleanup_free_ char *got = strbuf_take(&b);

	assert_string_equal(got, expected);
}

static void check_duration(uint64_t usec, const char *expected)
{
	struct strbuf b = { 0 };

	text_duration(&b, usec);

	_cleanup_free_ char *got = strbuf_take(&b);

	assert_string_equal(got, expected);
}

static void test_numbers(void **state _unused_)
{
	check_size(0, "0");
	check_size(1023, "1023");
	check_size(1024, "1.0K");
	check_size(1536, "1.5K");
	check_size(1048575, "1.0M");
	check_size(120 << 20, "120M");
	check_size(UINT64_MAX, "16.0E");
	check_duration(520000, "0.52 s");
	check_duration(61000000, "1 min 1 s");
	check_duration(3661000000, "1 h 1 min");
	check_duration(90000000000, "1 d 1 h");
}

static void test_fold(void **state _unused_)
{
	char *out = NULL;
	size_t size;
	FILE *file = open_memstream(&out, &size);

	assert_non_null(file);
	text_define(file, "--ab", "one two three four", 8, 16);
	text_define(file, "--abcdef", "one", 8, 16);
	text_fold(file, "unbreakable-word-of-some-length x", 0, 0, 10);
	fclose(file);
	assert_string_equal(out, "  --ab  one two\n"
				 "        three\n"
				 "        four\n"
				 "  --abcdef\n"
				 "        one\n"
				 "unbreakable-word-of-some-length\n"
				 "x\n");
	free(out);
}

static void check_report(const char *subject, const char *msg, const char *expected)
{
	struct err err = ERR_INIT;
	char *out = NULL;
	size_t size;
	struct app app = { .err_out = open_memstream(&out, &size) };

	assert_non_null(app.err_out);
	(void)!err_set(&err, 1, "%s", msg);
	report_error(&app, subject, &err);
	fclose(app.err_out);
	assert_string_equal(out, expected);
	free(out);
}

static void test_errors(void **state _unused_)
{
	check_report("web1", "no space", "ctctl: web1: no space\n");
	check_report("web1", "guest 'web1' is running", "ctctl: guest 'web1' is running\n");
	check_report("web1", "web1: no", "ctctl: web1: no\n");
	check_report("web1", "guest 'web10' is running", "ctctl: web1: guest 'web10' is running\n");
	check_report(NULL, "no", "ctctl: no\n");
	/* base/err.c has made a message harmless already; a subject comes as it was typed. */
	check_report(NULL, "it said \x1b[2J", "ctctl: it said ?[2J\n");
	check_report("a\x1b[2J\nb", "no", "ctctl: a\\x1b[2J b: no\n");
}

static void test_log(void **state _unused_)
{
	char *out = NULL;
	size_t size;
	struct app app = { .err_out = open_memstream(&out, &size) };

	assert_non_null(app.err_out);
	report_setup(&app);
	log_detail(&app.log, "detail");
	log_progress(&app.log, "progress");
	log_notice(&app.log, "undone");
	log_warning(&app.log, "slow");
	fflush(app.err_out);
	assert_string_equal(out, "ctctl: note: undone\nctctl: warning: slow\n");
	app.shows_detail = app.shows_progress = true;
	log_detail(&app.log, "detail");
	log_progress(&app.log, "progress");
	fclose(app.err_out);
	assert_string_equal(out, "ctctl: note: undone\nctctl: warning: slow\n  detail\nctctl: progress\n");
	free(out);
}

/* A result that cannot be written is no success. */
static void test_full_output(void **state _unused_)
{
	char line[] = "version", *words[] = { "ctctl", line, NULL };
	FILE *full = fopen("/dev/full", "we"), *err = tmpfile();

	assert_non_null(full);
	assert_non_null(err);
	assert_int_equal(app_main(2, words, full, err), EXIT_NO_SPACE);
	fclose(full);
	fclose(err);
}

static void test_version(void **state _unused_)
{
	_cleanup_run_ struct run a = run_line("ctctl version"), b = run_line("ctctl --version"),
				 c = run_line("ctctl version --json");

	assert_int_equal(a.status, 0);
	assert_string_equal(a.out, "ctctl " CTCTL_VERSION "\n");
	assert_string_equal(b.out, a.out);
	assert_string_equal(c.out, "{\n  \"version\": \"" CTCTL_VERSION "\"\n}\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_safe),	cmocka_unit_test(test_numbers), cmocka_unit_test(test_fold),
		cmocka_unit_test(test_errors),	cmocka_unit_test(test_log),	cmocka_unit_test(test_full_output),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
