/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/cleanup.h"
#include "cmd/suggest.h"

static const struct {
	const char *group;
	const char *typed;
	const char *expected;
} cases[] = {
	{ NULL, "strat", "start" },
	{ NULL, "ste", "set" }, /* two letters swapped is one error, "stop" would be two */
	{ NULL, "stat", "start" },
	{ NULL, "statu", "status" },
	{ NULL, "lst", "list" },
	{ NULL, "craete", "create" },
	{ NULL, "destory", "destroy" },
	{ NULL, "templat", "template" },
	{ NULL, "poll", "pool" },
	{ NULL, "ls", "list" },
	{ NULL, "rm", "destroy" },
	{ NULL, "build", "template build" },
	{ NULL, "auto", "autostart" },
	{ "template", "biuld", "build" },
	{ "template", "start", NULL },
	{ "pool", "lits", "list" },
	{ NULL, "ent", "enter" },
	{ NULL, "nett", "net" },
	{ "net", "poool", "pool" },
	{ "net", "captur", "capture" },
	{ "net pool", "lits", "list" },
	{ "net pool", "capture", NULL },
	{ NULL, "", NULL },
	{ NULL, "xyzzy", NULL },
	{ NULL, "__ma", NULL },
	{ NULL, "a-word-that-is-longer-than-any-command-could-ever-be", NULL },
};

static void test_cases(void **state _unused_)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *got = suggest_command(cases[i].group, cases[i].typed);

		if (!got != !cases[i].expected || (got && strcmp(got, cases[i].expected) != 0))
			fail_msg("'%s': expected %s, got %s", cases[i].typed, cases[i].expected ? cases[i].expected : "nothing",
				 got ? got : "nothing");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
