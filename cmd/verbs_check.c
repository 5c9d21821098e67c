/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "cmd/help.h"
#include "cmd/listing.h"
#include "cmd/text.h"
#include "cmd/verbs.h"
#include "runtime/checkpoint/preflight.h"

#define INDENT 4

static const char *severity_word(enum preflight_severity severity)
{
	return severity == PREFLIGHT_OBSTACLE ? "obstacle" : "notice";
}

/* A newline in a name would look like a line of ours. */
static void print_name(FILE *out, const char *name)
{
	for (const char *line = name; line; line = strchr(line, '\n')) {
		char part[256];

		if (*line == '\n') {
			fputs("\\x0a", out);
			line++;
		}
		snprintf(part, sizeof(part), "%.*s", (int)strcspn(line, "\n"), line);
		text_safe(out, part, false);
	}
}

static void print_finding(FILE *out, const struct finding *f)
{
	fprintf(out, "%*s", INDENT, "");
	if (f->pid > 0) {
		fprintf(out, "process %d (", f->pid);
		print_name(out, f->command);
		fputc(')', out);
	}
	if (f->fd >= 0)
		fprintf(out, ", descriptor %d", f->fd);
	fputs(f->pid > 0 ? ": " : "", out);
	print_name(out, f->what);
	fputc('\n', out);
}

static void print_heading(FILE *out, enum preflight_kind kind)
{
	const struct preflight_kind_row *row = preflight_kind_row(kind);
	int n = fprintf(out, "%s: ", severity_word(row->severity));

	text_fold(out, row->why, n < 0 ? 0 : (size_t)n, INDENT, HELP_WIDTH);
}

/* What is not shown, and what to do. */
static void print_end(FILE *out, const struct findings *findings, enum preflight_kind kind)
{
	if (findings->n_of_kind[kind] > FINDINGS_OF_KIND_MAX)
		fprintf(out, "%*sand %zu more\n", INDENT, "", findings->n_of_kind[kind] - FINDINGS_OF_KIND_MAX);
	fprintf(out, "%*s-> ", INDENT - 2, "");
	text_fold(out, preflight_kind_row(kind)->remedy, INDENT + 1, INDENT + 1, HELP_WIDTH);
}

static void print_findings(struct app *app, const struct findings *findings)
{
	for (size_t i = 0; i < findings->n; i++) {
		const struct finding *f = &findings->list[i];

		if (i == 0 || f->kind != f[-1].kind)
			print_heading(app->out, f->kind);
		print_finding(app->out, f);
		if (i + 1 == findings->n || f->kind != f[1].kind)
			print_end(app->out, findings, f->kind);
	}
}

static struct json *finding_json(const struct finding *f)
{
	const struct preflight_kind_row *row = preflight_kind_row(f->kind);
	struct json *o = json_object_new_doc();

	if (!o)
		return NULL;
	json_add_string(o, "severity", severity_word(row->severity));
	json_add_string(o, "kind", row->word);
	if (f->pid > 0)
		json_add_u64(o, "pid", (uint64_t)f->pid);
	else
		json_add_null(o, "pid");
	json_add_string(o, "command", f->pid > 0 ? f->command : NULL);
	if (f->fd >= 0)
		json_add_u64(o, "descriptor", (uint64_t)f->fd);
	else
		json_add_null(o, "descriptor");
	json_add_string(o, "what", f->what);
	json_add_string(o, "why", row->why);
	json_add_string(o, "remedy", row->remedy);
	return o;
}

static int print_as_json(struct app *app, const char *name, const struct findings *findings, struct err *err)
{
	_cleanup_json_ struct json *doc = json_object_new_doc();
	struct json *list = json_array_new_doc();

	if (!doc || !list) {
		json_free(list);
		return err_oom(err);
	}
	json_add_string(doc, "name", name);
	json_add_u64(doc, "obstacles", findings_count(findings, PREFLIGHT_OBSTACLE));
	json_add_u64(doc, "notices", findings_count(findings, PREFLIGHT_NOTICE));
	for (size_t i = 0; i < findings->n; i++)
		json_add_child(list, NULL, finding_json(&findings->list[i]));
	json_add_child(doc, "findings", list);
	return print_json(app, doc, err);
}

static int show(struct app *app, const struct request *request, const char *name, const struct findings *findings,
		struct err *err)
{
	size_t n = findings_count(findings, PREFLIGHT_OBSTACLE);
	int r = 0;

	if (request_has(request, OPT_JSON))
		r = print_as_json(app, name, findings, err);
	else
		print_findings(app, findings);
	if (r < 0)
		return r;
	if (n > 0)
		return err_exit(err, EXIT_OBSTACLES, EBUSY, "guest '%s' cannot be saved now: %zu obstacle%s", name, n,
				n == 1 ? "" : "s");
	report_hint(app, "Nothing prevents a checkpoint of guest '%s'.", name);
	return 0;
}

int verb_check_migrate(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	_cleanup_guest_ struct guest *guest = NULL;
	struct findings findings = FINDINGS_INIT;
	int r = guest_open(app->node, name, &guest, err);

	if (r == 0)
		r = preflight_guest(guest, &findings, err);
	if (r >= 0)
		r = show(app, request, name, &findings, err);
	findings_free(&findings);
	return r;
}
