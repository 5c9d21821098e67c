/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/help.h"

#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/text.h"
#include "runtime/interface.h"
#include "runtime/params.h"

#define OPTION_COLUMN  32
#define COMMAND_COLUMN 15

static void add_argument(struct strbuf *b, const struct argument *a)
{
	strbuf_addf(b, a->is_optional ? " [%s%s]" : " %s%s", a->name, a->is_many ? "..." : "");
}

char *help_usage(const struct command *command)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "ctctl %s%s%s", command->group ? command->group : "", command->group ? " " : "", command->name);
	for (size_t i = 0; i < ARGUMENTS_MAX && command->arguments[i].name; i++) {
		if (command->stops_at_command && i == 1)
			strbuf_add(&b, " [options]");
		add_argument(&b, &command->arguments[i]);
	}
	if (!command->stops_at_command)
		strbuf_add(&b, " [options]");
	return strbuf_take(&b);
}

static void put_option(FILE *out, const struct option_row *row)
{
	char letter[] = { '-', row->letter, ',', ' ', '\0' };
	_cleanup_free_ char *term = str_printf("%s--%s%s%s", row->letter ? letter : "    ", row->name, row->argument ? " " : "",
					       row->argument ? row->argument : "");

	text_define(out, term ? term : row->name, row->help, OPTION_COLUMN, HELP_WIDTH);
}

static void put_options(FILE *out, const char *heading, uint64_t options)
{
	if (!options)
		return;
	fprintf(out, "\n%s:\n", heading);
	for (int id = 0; id < OPT_COUNT; id++) {
		if (options >> id & 1)
			put_option(out, option_row((enum option_id)id));
	}
}

static void put_param(FILE *out, const struct param *p)
{
	_cleanup_free_ char *term = str_printf("    --%s %s", p->key, p->argument);
	_cleanup_free_ char *meaning = *p->dflt ? str_printf("%s (default: %s)", p->help, p->dflt) : strdup(p->help);

	text_define(out, term ? term : p->key, meaning ? meaning : p->help, OPTION_COLUMN, HELP_WIDTH);
}

static void put_params_of(FILE *out, const struct command *command, enum param_owner owner, const char *heading)
{
	const struct param *p;

	fprintf(out, "\n%s:\n", heading);
	for (size_t i = 0; (p = setting_param_at(i)); i++) {
		if (p->owner == owner && command_takes_param(command, p))
			put_param(out, p);
	}
}

static void put_params(FILE *out, const struct command *command)
{
	if (command->params == PARAMS_NONE)
		return;
	if (command->params == PARAMS_INTERFACE) {
		put_params_of(out, command, PARAM_OF_INTERFACE, "Parameters of the interface");
		return;
	}
	put_params_of(out, command, PARAM_OF_GUEST, "Parameters of the guest");
	put_params_of(out, command, PARAM_OF_INTERFACE, "Parameters of its interface " INTERFACE_FIRST);
}

void help_command(FILE *out, const struct command *command)
{
	_cleanup_free_ char *usage = help_usage(command);

	fprintf(out, "Usage: %s\n\n", usage ? usage : command->name);
	fprintf(out, "%c%s.\n", toupper((unsigned char)command->summary[0]), command->summary + 1);
	if (*command->description) {
		fputc('\n', out);
		text_fold(out, command->description, 0, 0, HELP_WIDTH);
	}
	put_options(out, "Options", command->options);
	put_params(out, command);
	put_options(out, "Everywhere", OPTIONS_GLOBAL);
	if (command->examples[0])
		fputs("\nExamples:\n", out);
	for (size_t i = 0; i < EXAMPLES_MAX && command->examples[i]; i++)
		fprintf(out, "  %s\n", command->examples[i]);
}

/* Its words from the one at `next` on, which is its group's or its name. */
static void put_command_line(FILE *out, const struct command *c, const char *next, size_t column)
{
	_cleanup_free_ char *term = next == c->name ? strdup(next) : str_printf("%s %s", next, c->name);

	text_define(out, term ? term : c->name, c->summary, column, HELP_WIDTH);
}

static void put_commands(FILE *out, const char *group, enum command_section section)
{
	const struct command *c;
	size_t len;

	for (size_t i = 0; (c = command_at(i)); i++) {
		const char *next = command_next_word(c, group, &len);

		if (next && (group || c->section == section))
			put_command_line(out, c, next, group ? COMMAND_COLUMN : COMMAND_COLUMN + 5);
	}
}

void help_group(FILE *out, const char *group)
{
	fprintf(out, "Usage: ctctl %s COMMAND\n\n", group);
	put_commands(out, group, SECTION_HIDDEN);
	fprintf(out, "\nMore about each: ctctl %s COMMAND --help\n", group);
}

void help_program(FILE *out)
{
	fputs("Usage: ctctl COMMAND [NAME] [options]\n\n"
	      "Runs whole operating systems as guests of this one, each in a container with limits of its own.\n\n"
	      "Quick start, as root:\n"
	      "  ctctl template build debian-12\n"
	      "  ctctl create web1 debian-12 --memory 512M --start\n"
	      "and then: ctctl enter web1\n",
	      out);
	for (int section = 0; section < SECTION_COUNT; section++) {
		fprintf(out, "\n%s:\n", section_heading((enum command_section)section));
		put_commands(out, NULL, (enum command_section)section);
	}
	put_options(out, "Everywhere", OPTIONS_GLOBAL | OPT_BIT(VERSION));
	fputs("\nMore about each: ctctl COMMAND --help. Exit status: 0 is success, any other has a meaning, listed in\n"
	      "the manual page ctctl(8). What this host lacks: ctctl doctor.\n",
	      out);
}
