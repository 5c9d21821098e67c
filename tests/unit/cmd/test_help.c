/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "cmd/command.h"
#include "cmd/help.h"
#include "cmd_unit.h"
#include "runtime/params.h"

/* What fits beside something else on a usual screen. */
_Static_assert(HELP_WIDTH <= 100, "help is too wide");

static void check_width(const char *what, const char *text)
{
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > HELP_WIDTH)
			fail_msg("%s: %zu columns: %.*s", what, len, (int)len, line);
		if (len > 0 && line[len - 1] == ' ')
			fail_msg("%s: a blank at the end of: %.*s", what, (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part);
}

/* An option of the command's own that is called as a parameter: --net of `net pool create`. */
static bool has_own(const struct command *c, const char *name)
{
	for (int id = 0; id < OPT_COUNT; id++) {
		if ((c->options >> id & 1) && strcmp(option_row((enum option_id)id)->name, name) == 0)
			return true;
	}
	return false;
}

static void check_command(const struct command *c)
{
	_cleanup_free_ char *line = str_printf("ctctl %s %s --help", c->group ? c->group : "", c->name);
	_cleanup_run_ struct run run = run_line(line);

	assert_int_equal(run.status, 0);
	assert_string_equal(run.err, "");
	assert_true(str_has_prefix(run.out, "Usage: ctctl "));
	assert_true(has(run.out, c->name));
	check_width(line, run.out);
	for (int id = 0; id < OPT_COUNT; id++) {
		_cleanup_free_ char *word = str_printf("--%s", option_row((enum option_id)id)->name);

		if ((c->options >> id & 1) && !has(run.out, word))
			fail_msg("%s does not show %s", line, word);
	}
	for (size_t i = 0; setting_param_at(i); i++) {
		_cleanup_free_ char *word = str_printf("--%s %s", setting_param_at(i)->key, setting_param_at(i)->argument);

		if (!has_own(c, setting_param_at(i)->key) && has(run.out, word) != command_takes_param(c, setting_param_at(i)))
			fail_msg("%s: %s", line, word);
	}
}

static void test_every_command(void **state _unused_)
{
	for (size_t i = 0; command_at(i); i++)
		check_command(command_at(i));
}

/* An option must mean one thing, and a text must fit into the sentences that help and manual page make of it. */
static void check_texts(const struct command *c)
{
	size_t len = strlen(c->summary), n = strlen(c->description);

	assert_true(len > 0 && c->summary[len - 1] != '.');
	if (n > 0)
		assert_true(c->description[n - 1] == '.');
	assert_non_null(c->run);
	assert_true(c->section == SECTION_HIDDEN || c->examples[0]);
	for (size_t i = 0; i < EXAMPLES_MAX && c->examples[i]; i++)
		assert_true(str_has_prefix(c->examples[i], "ctctl ") && strlen(c->examples[i]) <= 80);
	assert_true(command_find(c->group, c->name) == c);
}

static void check_unique(const struct command *c)
{
	uint64_t options = c->options | OPTIONS_GLOBAL;

	for (int a = 0; a < OPT_COUNT; a++) {
		for (int b = 0; b < a; b++) {
			const struct option_row *x = option_row((enum option_id)a), *y = option_row((enum option_id)b);

			if (!(options >> a & options >> b & 1))
				continue;
			assert_string_not_equal(x->name, y->name);
			assert_false(x->letter && x->letter == y->letter);
		}
		for (size_t i = 0; (options >> a & 1) && setting_param_at(i); i++) {
			if (command_takes_param(c, setting_param_at(i)))
				assert_string_not_equal(option_row((enum option_id)a)->name, setting_param_at(i)->key);
		}
	}
}

static void test_tables(void **state _unused_)
{
	for (size_t i = 0; command_at(i); i++) {
		check_texts(command_at(i));
		check_unique(command_at(i));
	}
}

static void test_program(void **state _unused_)
{
	_cleanup_run_ struct run help = run_line("ctctl --help");
	_cleanup_run_ struct run nothing = run_line("ctctl");
	_cleanup_run_ struct run group = run_line("ctctl template --help");
	_cleanup_run_ struct run verb = run_line("ctctl help");

	assert_int_equal(help.status, 0);
	assert_string_equal(help.err, "");
	check_width("ctctl --help", help.out);
	for (size_t i = 0; command_at(i); i++) {
		_cleanup_free_ char *part = str_printf("  %s", command_at(i)->name);
		bool is_shown = has(help.out, command_at(i)->summary);

		assert_true(is_shown == (command_at(i)->section != SECTION_HIDDEN));
		if (is_shown && !command_at(i)->group)
			assert_true(has(help.out, part));
	}
	assert_true(has(help.out, "ctctl template build debian-12") && has(help.out, "Exit status"));
	assert_int_equal(nothing.status, EXIT_USAGE);
	assert_string_equal(nothing.out, "");
	assert_string_equal(nothing.err, help.out);
	assert_int_equal(group.status, 0);
	assert_true(has(group.out, "verify") && !has(group.out, "autostart"));
	assert_string_equal(verb.out, help.out);
}

static void test_help_verb(void **state _unused_)
{
	_cleanup_run_ struct run a = run_line("ctctl help template build");
	_cleanup_run_ struct run b = run_line("ctctl template build --help");
	_cleanup_run_ struct run c = run_line("ctctl help strat");

	assert_int_equal(a.status, 0);
	assert_string_equal(a.out, b.out);
	assert_int_equal(c.status, EXIT_USAGE);
	assert_true(has(c.err, "did you mean 'start'"));
}

static size_t count(const char *text, const char *part)
{
	size_t n = 0;

	for (const char *p = strstr(text, part); p; p = strstr(p + 1, part))
		n++;
	return n;
}

/* Writes to a file without a name, feeds it to a program of the host, and wants it to be content and silent. */
static void note_line(void *context, const char *line)
{
	char *first = context;

	/* mandoc's own data base of pages is the host's affair. */
	if (!*first && !strstr(line, "mandoc.db") && !strstr(line, "referenced manual not found"))
		snprintf(first, 200, "%s", line);
}

static void feed(const char *const *argv, const char *text)
{
	FILE *file = tmpfile();
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = ERR_INIT;
	char first[200] = "";

	assert_non_null(file);
	fputs(text, file);
	rewind(file);
	spec.argv = argv;
	spec.stdin_fd = fileno(file);
	spec.on_line = note_line;
	spec.context = first;

	int r = proc_run(&spec, argv[0], &err);

	fclose(file);
	if (r == -ENOENT) {
		print_message("# %s is not installed: not tried\n", argv[0]);
		return;
	}
	if (*first)
		fail_msg("%s says: %s", argv[0], first);
	assert_ok(r, &err);
}

static void test_manual_page(void **state _unused_)
{
	static const char *const mandoc[] = { "mandoc", "-Tlint", "-Wwarning", NULL };
	static const char *const sections[] = { "NAME",	       "SYNOPSIS", "DESCRIPTION", "COMMANDS", "PARAMETERS",
						"ENVIRONMENT", "FILES",	   "EXIT STATUS", "EXAMPLES", "SEE ALSO" };
	_cleanup_run_ struct run run = run_line("ctctl __man");
	const char *at = run.out;

	assert_int_equal(run.status, 0);
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		_cleanup_free_ char *heading = str_printf(".Sh %s\n", sections[i]);

		at = at ? strstr(at, heading) : NULL;
		if (!at)
			fail_msg("no section %s, or out of order", sections[i]);
	}
	assert_int_equal(count(run.out, "\n.Bl "), count(run.out, "\n.El\n"));
	assert_int_equal(count(run.out, "\n.Bd "), count(run.out, "\n.Ed\n"));
	for (size_t i = 0; command_at(i); i++) {
		const struct command *c = command_at(i);
		_cleanup_free_ char *item = str_printf(".It Cm %s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);

		assert_int_equal(count(run.out, item) > 0, c->section != SECTION_HIDDEN);
	}
	for (size_t i = 0; setting_param_at(i); i++) {
		_cleanup_free_ char *item = str_printf(".It Cm %s No =", setting_param_at(i)->key);

		assert_int_equal(count(run.out, item), 1);
	}
#define X(name, number, meaning) assert_int_equal(count(run.out, "\n.It " #number "\n"), 1);
	EXIT_CODES(X)
#undef X
	feed(mandoc, run.out);
}

static void test_completion_script(void **state _unused_)
{
	static const char *const bash[] = { "bash", "-n", NULL };
	_cleanup_run_ struct run run = run_line("ctctl __completion");

	assert_int_equal(run.status, 0);
	assert_true(has(run.out, "complete -F _ctctl ctctl"));
	feed(bash, run.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_command), cmocka_unit_test(test_tables),
		cmocka_unit_test(test_program),	      cmocka_unit_test(test_help_verb),
		cmocka_unit_test(test_manual_page),   cmocka_unit_test(test_completion_script),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
