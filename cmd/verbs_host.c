/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/help.h"
#include "cmd/listing.h"
#include "cmd/suggest.h"
#include "cmd/text.h"
#include "cmd/verbs.h"
#include "runtime/autostart.h"
#include "runtime/doctor.h"
#include "runtime/lifecycle.h"

#define PARALLEL_MAX 1024

int verb_autostart(struct app *app, const struct request *request, struct err *err)
{
	struct autostart_counts n = { 0 };
	uint64_t parallel = 0;
	bool stop = request_has(request, OPT_STOP);
	int r = request_number(request, OPT_PARALLEL, PARALLEL_MAX, &parallel, err);

	if (r == 0)
		r = (stop ? autostop_run : autostart_run)(app->node, parallel, &n, err);
	if (r < 0)
		return r;
	if (!stop)
		report_hint(app, "Started %zu, failed %zu", n.started, n.failed);
	else if (n.suspended > 0)
		report_hint(app, "Stopped %zu, suspended %zu, failed %zu", n.stopped, n.suspended, n.failed);
	else
		report_hint(app, "Stopped %zu, failed %zu", n.stopped, n.failed);
	app->status = n.failed > 0 ? EXIT_FAILED : EXIT_OK;
	return 0;
}

static const char *verdict_word(enum doctor_verdict verdict)
{
	switch (verdict) {
	case DOCTOR_OK:
		return "ok";
	case DOCTOR_NOTE:
		return "note";
	case DOCTOR_LACKING:
		return "missing";
	case DOCTOR_FATAL:
		return "fatal";
	}
	return "?";
}

struct doctor_view {
	struct app *app;
	struct json *doc;    /* NULL: for humans */
	const char *feature; /* under whose heading we are */
	bool is_fatal;
};

#define DOCTOR_COLUMN 36

static void print_finding(struct doctor_view *view, const struct doctor_finding *f)
{
	FILE *out = view->app->out;

	if (!view->feature || strcmp(view->feature, f->feature) != 0)
		fprintf(out, "%s%s\n", view->feature ? "\n" : "", f->feature);
	view->feature = f->feature;
	fprintf(out, "  %-8s %-24s ", verdict_word(f->verdict), f->check);
	text_fold(out, f->found, DOCTOR_COLUMN, DOCTOR_COLUMN, HELP_WIDTH);
	if (!f->advice[0])
		return;
	fprintf(out, "%*s-> ", DOCTOR_COLUMN, "");
	text_fold(out, f->advice, DOCTOR_COLUMN + 3, DOCTOR_COLUMN + 3, HELP_WIDTH);
}

static void add_finding(struct doctor_view *view, const struct doctor_finding *f)
{
	struct json *o = json_object_new_doc();

	if (!o)
		return;
	json_add_string(o, "feature", f->feature);
	json_add_string(o, "check", f->check);
	json_add_string(o, "verdict", verdict_word(f->verdict));
	json_add_string(o, "found", f->found);
	json_add_string(o, "advice", f->advice[0] ? f->advice : NULL);
	json_add_child(view->doc, NULL, o);
}

static void on_finding(void *context, const struct doctor_finding *finding)
{
	struct doctor_view *view = context;

	view->is_fatal |= finding->verdict == DOCTOR_FATAL;
	if (view->doc)
		add_finding(view, finding);
	else
		print_finding(view, finding);
}

int verb_doctor(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_json_ struct json *doc = request_has(request, OPT_JSON) ? json_array_new_doc() : NULL;
	struct doctor_view view = { .app = app, .doc = doc };
	int r = doctor_run(app->node, on_finding, &view, err);

	if (r == 0 && doc)
		r = print_json(app, doc, err);
	if (r < 0)
		return r;
	return view.is_fatal ? err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP, "no guest can run on this host: see \"fatal\"") : 0;
}

int verb_version(struct app *app, const struct request *request, struct err *err)
{
	if (!request_has(request, OPT_JSON)) {
		fputs("ctctl " CTCTL_VERSION "\n", app->out);
		return 0;
	}

	_cleanup_json_ struct json *doc = json_object_new_doc();

	if (!doc)
		return err_oom(err);
	json_add_string(doc, "version", CTCTL_VERSION);
	return print_json(app, doc, err);
}

int verb_help(struct app *app, const struct request *request, struct err *err)
{
	const char *group = NULL, *word = NULL;

	for (size_t i = 0; !word && i < request->n_arguments; i++) {
		const char *found = command_find_group(group, request->arguments[i]);

		if (found)
			group = found;
		else
			word = request->arguments[i];
	}
	if (!word) {
		group ? help_group(app->out, group) : help_program(app->out);
		return 0;
	}

	const struct command *c = command_find(group, word);
	const char *nearest = c ? NULL : suggest_command(group, word);

	if (!c)
		return err_exit(err, EXIT_USAGE, EINVAL, "'%s' is no command%s%s%s", word,
				nearest ? ": did you mean '" : ": see ctctl --help", nearest ? nearest : "", nearest ? "'?" : "");
	help_command(app->out, c);
	return 0;
}

int verb_exited(struct app *app, const struct request *request, struct err *err)
{
	uint64_t status = 0;

	if (str_to_u64(request->arguments[2], INT32_MAX, &status) < 0)
		return err_exit(err, EXIT_USAGE, EINVAL, "status '%s': expected a status of wait(2)", request->arguments[2]);
	return guest_exited(app->node, request->arguments[0], request->arguments[1], (int)status, err);
}
