/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd_unit.h"

/* What is offered for the last word of a line; "_" stands for the empty word. */
static char *offered(const char *line)
{
	_cleanup_free_ char *whole = str_printf("ctctl __complete -- %s", line);
	struct run run = { 0 };
	size_t out_size, err_size;
	FILE *out = open_memstream(&run.out, &out_size), *err = open_memstream(&run.err, &err_size);

	assert_non_null(whole);
	assert_non_null(out);
	assert_non_null(err);
	split_line(&run, whole);
	if (strcmp(run.words[run.n - 1], "_") == 0)
		run.words[run.n - 1][0] = '\0';
	run.status = app_main(run.n, run.words, out, err);
	fclose(out);
	fclose(err);
	assert_int_equal(run.status, 0);
	assert_string_equal(run.err, "");

	char *got = strdup(run.out);

	run_free(&run);
	assert_non_null(got);
	for (char *c = got; *c; c++) {
		if (*c == '\n')
			*c = ' ';
	}
	return got;
}

static const struct {
	const char *line;
	const char *expected;
} cases[] = {
	{ "cr", "create " },
	{ "sta", "start status " },
	{ "te", "template " },
	{ "__", "" },
	{ "--ver", "--verbose --version " },
	{ "template _", "build import list show verify remove " },
	{ "template list --o", "--output " },
	{ "-q temp", "template " },
	{ "--prefix /p li", "list " },
	{ "create web1 micro --auto", "--autostart --autostart-order " },
	{ "create web1 micro --autostart _", "no yes " },
	{ "create web1 micro --features f", "fuse " },
	{ "set web1 --poo", "" },
	{ "set web1 mem", "memory= memory-high= memory-low= " },
	{ "set web1 memory=1G disk", "disk= " },
	{ "list --mem", "" },
	{ "pool create fast --kind _", "btrfs dir " },
	{ "template import alpine _", ":files " },
	{ "--prefix _", ":files " },
	{ "exec web1 --us", "--user " },
	{ "exec web1 ls --us", "" },
	{ "exec web1 -- --us", "" },
	{ "rename web1 _", "" },
	{ "nonsense x", "" },
	{ "--prefix /nonexistent/ctctl start _", "" },
	{ "help templ", "template " },
	{ "ne", "net " },
	{ "net po", "pool " },
	{ "net pool sh", "show " },
	{ "net pool xyzzy _", "" },
	{ "create web1 micro --rate", "--rate-in --rate-out " },
	{ "create web1 micro --net _", "routed bridge nat macvlan none " },
	{ "set web1 --quota-action _", "throttle block stop " },
	{ "net set web1 eth0 --mem", "" },
	{ "net set web1 eth0 fil", "filter= " },
	{ "net add web1 eth1 --filter _", "full mac none " },
};

static void test_cases(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_free_ char *got = offered(cases[i].line);

		if (strcmp(got, cases[i].expected) != 0)
			fail_msg("'%s': expected '%s', got '%s'", cases[i].line, cases[i].expected, got);
	}
}

/* Asking for names makes no folders. */
static void test_leaves_no_prefix(void **state _unused_)
{
	_cleanup_free_ char *got = offered("--prefix /nonexistent/ctctl start _");

	assert_string_equal(got, "");
	assert_true(access("/nonexistent", F_OK) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_leaves_no_prefix) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
