/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/verbs.h"
#include "runtime/interface.h"
#include "runtime/params.h"

/*
 * The manual page ctctl(8), in the mdoc language (mandoc.css.org: mdoc(7)), from the same tables as everything else. Text lines
 * begin with no dot, each sentence begins a line, and a backslash or an option's dash is escaped.
 */

/* Lines of the source: mandoc(1) warns above 80. */
#define SOURCE_WIDTH 76

static const char head[] = ".\\\" SPDX-License-Identifier: GPL-2.0-or-later\n"
			   ".Dd November 21, 2026\n"
			   ".Dt CTCTL 8\n"
			   ".Os\n"
			   ".Sh NAME\n"
			   ".Nm ctctl\n"
			   ".Nd run whole operating systems as guests of this one\n"
			   ".Sh SYNOPSIS\n"
			   ".Nm\n"
			   ".Ar command\n"
			   ".Op Ar NAME\n"
			   ".Op Ar options\n"
			   ".Nm\n"
			   ".Fl -help | Fl -version\n"
			   ".Sh DESCRIPTION\n";

static const char tail[] = ".Sh SEE ALSO\n"
			   ".Xr mmdebstrap 1 ,\n"
			   ".Xr cgroups 7 ,\n"
			   ".Xr namespaces 7 ,\n"
			   ".Xr user_namespaces 7\n";

static const char *const description[] = {
	"ctctl slices a server into guests. A guest is a whole operating system with its own init, in a container with its own "
	"users, processes, network "
	"and limits; it shares the kernel of the host. It is created from a template and keeps what it writes in a pool.",
	"There is no daemon: each running guest has one small process that watches it. A guest that powers itself off stays off; "
	"one that reboots is "
	"started again. An operation that was interrupted is finished or undone by the next one on the same guest, which says "
	"so.",
	"Results go to standard output, everything else to standard error. Names have at most 63 of the characters a to z, 0 to "
	"9 and \"-\", the first "
	"a letter or a digit. Sizes are numbers with K, M, G or T, powers of 1024.",
	"These options are understood everywhere:",
};

/* Files; a path is relative to the system's root. */
static const struct {
	const char *path;
	const char *meaning;
} files[] = {
	{ "/etc/ctctl/ctctl.conf", "Settings of this host, as lines of KEY = VALUE." },
	{ "/var/lib/ctctl/guests/NAME/guest.conf", "Parameters of a guest; made to be edited by hand, too." },
	{ "/var/lib/ctctl/templates/NAME/VERSION/", "Image and manifest of a template." },
	{ "/var/lib/ctctl/pools/NAME/", "What guests write." },
	{ "/run/ctctl/NAME/", "Lock and state of a running guest." },
};

/* A word, escaped where mdoc would see more in it; returns the columns it takes. */
static size_t put_word(FILE *out, const char *word, size_t len, bool at_line_start)
{
	size_t column = len;

	if (at_line_start && (*word == '.' || *word == '\''))
		column += (size_t)fprintf(out, "\\&");
	for (size_t i = 0; i < len; i++) {
		bool is_dash = word[i] == '-' && (i == 0 || word[i - 1] == '-' || word[i - 1] == '"');

		if (is_dash)
			fputc('\\', out);
		if (word[i] == '\\')
			fputs("\\e", out);
		else
			fputc(word[i], out);
		column += is_dash || word[i] == '\\';
	}
	return column;
}

/* Text on lines of its own, each sentence on a new one. */
static void put_text(FILE *out, const char *text)
{
	size_t column = 0;

	while (*text) {
		size_t len = strcspn(text, " ");
		bool ends_sentence = len > 0 && text[len - 1] == '.' && text[len] && isupper((unsigned char)text[len + 1]);

		if (column > 0 && column + 1 + len > SOURCE_WIDTH) {
			fputc('\n', out);
			column = 0;
		}
		if (column > 0)
			fputc(' ', out);
		column += (column > 0) + put_word(out, text, len, column == 0);
		if (ends_sentence) {
			fputc('\n', out);
			column = 0;
		}
		text += len + (text[len] == ' ');
	}
	fputc('\n', out);
}

/* A summary or a help text has neither a capital nor a full stop. */
static void put_sentence(FILE *out, const char *text, const char *more)
{
	_cleanup_free_ char *sentence = str_printf("%c%s%s.", toupper((unsigned char)*text), text + 1, more);

	put_text(out, sentence ? sentence : text);
}

static void put_literal(FILE *out, const char *text)
{
	for (const char *p = text; *p; p++)
		fputs(*p == '-' ? "\\-" : *p == '\\' ? "\\e" : (char[]){ *p, '\0' }, out);
	fputc('\n', out);
}

static void put_option(FILE *out, const struct option_row *row)
{
	fputs(".It ", out);
	if (row->letter)
		fprintf(out, "Fl %c , ", row->letter);
	fprintf(out, "Fl -%s%s%s\n", row->name, row->argument ? " Ar " : "", row->argument ? row->argument : "");
	put_sentence(out, row->help, "");
}

static void put_options(FILE *out, uint64_t options)
{
	if (!options)
		return;
	fputs(".Bl -tag -width Ds\n", out);
	for (int id = 0; id < OPT_COUNT; id++) {
		if (options >> id & 1)
			put_option(out, option_row((enum option_id)id));
	}
	fputs(".El\n", out);
}

static void put_argument(FILE *out, const struct argument *a)
{
	fprintf(out, a->is_optional ? " Oo Ar %s%s Oc" : " Ar %s%s", a->name, a->is_many ? " ..." : "");
}

static void put_command(FILE *out, const struct command *c)
{
	fprintf(out, ".It Cm %s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
	for (size_t i = 0; i < ARGUMENTS_MAX && c->arguments[i].name; i++) {
		if (c->stops_at_command && i == 1)
			fputs(" Oo Ar options Oc", out);
		put_argument(out, &c->arguments[i]);
	}
	if (!c->stops_at_command && (c->options || c->params))
		fputs(" Oo Ar options Oc", out);
	fputc('\n', out);
	put_sentence(out, c->summary, "");
	if (*c->description)
		put_text(out, c->description);
	if (c->params == PARAMS_INTERFACE)
		fputs("Every parameter of an interface is an option; see\n.Sx INTERFACES .\n", out);
	else if (c->params)
		fputs("Every parameter that can be set is an option; see\n.Sx PARAMETERS\nand\n.Sx INTERFACES .\n", out);
	put_options(out, c->options);
}

static void put_commands(FILE *out)
{
	const struct command *c;

	fputs(".Sh COMMANDS\n", out);
	for (int section = 0; section < SECTION_COUNT; section++) {
		fprintf(out, ".Ss %s\n.Bl -tag -width Ds\n", section_heading((enum command_section)section));
		for (size_t i = 0; (c = command_at(i)); i++) {
			if ((int)c->section == section)
				put_command(out, c);
		}
		fputs(".El\n", out);
	}
}

static const char *scope_sentence(enum param_scope scope)
{
	switch (scope) {
	case PARAM_LIVE:
		return "Changes in a running guest at once.";
	case PARAM_INSIDE:
		return "Changes in a running guest at once; not while it is suspended.";
	case PARAM_START:
		return "Counts from the next start.";
	case PARAM_CREATE:
		return "Fixed when the guest is created.";
	case PARAM_FIXED:
		return "Set by ctctl only.";
	}
	return "";
}

static void put_param(FILE *out, const struct param *p)
{
	_cleanup_free_ char *dflt = *p->dflt ? str_printf(" (default: %s)", p->dflt) : NULL;

	fprintf(out, ".It Cm %s No = Ar %s\n", p->key, p->argument);
	put_sentence(out, p->help, dflt ? dflt : "");
	put_text(out, scope_sentence(p->scope));
}

static void put_params(FILE *out)
{
	fputs(".Sh PARAMETERS\n"
	      "What can be set on a guest: keys of its guest.conf, options of\n.Cm create\nand\n.Cm set ,\nand what\n.Cm "
	      "show\nprints.\n"
	      "An empty value goes back to the default, and\n.Cm none\ntakes a limit away.\n"
	      ".Bl -tag -width Ds\n",
	      out);
	for (size_t i = 0; param_at(i); i++)
		put_param(out, param_at(i));
	fputs(".El\n"
	      ".Sh INTERFACES\n"
	      "What can be set on each interface of a guest: keys of its section in\nguest.conf, such as\n.Li [eth0] ,\n"
	      "and options of\n.Cm net add\nand\n.Cm net set .\n"
	      "As options of\n.Cm create\nand\n.Cm set\nthey are those of eth0.\n"
	      "Rates are bits per second with K, M, G or T, powers of 1000.\n"
	      "Entries of lists are separated by commas; in guest.conf a list may be several\nlines of its key.\n"
	      ".Bl -tag -width Ds\n",
	      out);
	for (size_t i = 0; interface_param_at(i); i++)
		put_param(out, interface_param_at(i));
	fputs(".El\n", out);
}

static void put_files(FILE *out)
{
	fputs(".Sh ENVIRONMENT\n.Bl -tag -width Ds\n.It Ev " NODE_PREFIX_ENV "\n", out);
	put_text(out, "As --prefix: the instance's files are in etc, lib and run below this folder, and its cgroups, bridge and "
		      "ids have names and "
		      "ranges of their own.");
	fputs(".El\n.Sh FILES\n.Bl -tag -width Ds\n", out);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		fprintf(out, ".It Pa %s\n", files[i].path);
		put_text(out, files[i].meaning);
	}
	fputs(".El\n", out);
}

static void put_exit_status(FILE *out)
{
	static const struct {
		int number;
		const char *meaning;
	} codes[] = {
#define X(name, number, meaning) { number, meaning },
		EXIT_CODES(X)
#undef X
	};

	fputs(".Sh EXIT STATUS\n"
	      "Where OpenVZ's vzctl has a number for the same case, it is the same number.\n"
	      ".Cm exec\nand\n.Cm enter\nend with the status of what they ran.\n"
	      ".Bl -tag -width Ds\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		fprintf(out, ".It %d\n", codes[i].number);
		put_sentence(out, codes[i].meaning, "");
	}
	fputs(".El\n", out);
}

static void put_examples(FILE *out)
{
	const struct command *c;

	fputs(".Sh EXAMPLES\nFrom nothing to a shell in a guest:\n.Bd -literal -offset indent\n", out);
	put_literal(out, "ctctl template build debian-12");
	put_literal(out, "ctctl create web1 debian-12 --memory 512M --start");
	put_literal(out, "ctctl enter web1");
	fputs(".Ed\n", out);
	for (size_t i = 0; (c = command_at(i)); i++) {
		if (c->section == SECTION_HIDDEN || !c->examples[0])
			continue;
		fputs(".Pp\n", out);
		put_sentence(out, c->summary, "");
		fputs(".Bd -literal -offset indent\n", out);
		for (size_t k = 0; k < EXAMPLES_MAX && c->examples[k]; k++)
			put_literal(out, c->examples[k]);
		fputs(".Ed\n", out);
	}
}

int verb_man(struct app *app, const struct request *request _unused_, struct err *err _unused_)
{
	FILE *out = app->out;

	fputs(head, out);
	for (size_t i = 0; i < ARRAY_SIZE(description); i++) {
		fputs(i > 0 ? ".Pp\n" : "", out);
		put_text(out, description[i]);
	}
	put_options(out, OPTIONS_GLOBAL | OPT_BIT(VERSION));
	put_commands(out);
	put_params(out);
	put_files(out);
	put_exit_status(out);
	put_examples(out);
	fputs(tail, out);
	return 0;
}
