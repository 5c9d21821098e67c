/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/help.h"
#include "cmd/parse.h"
#include "cmd/verbs.h"

/* What the command is about, for the beginning of an error message: the guest, template or pool. */
static const char *subject_of(const struct request *request)
{
	const struct command *c = request->command;

	if (!c || request->n_arguments == 0)
		return NULL;
	switch (c->arguments[0].complete) {
	case COMPLETE_GUEST:
	case COMPLETE_RUNNING:
	case COMPLETE_SUSPENDED:
	case COMPLETE_TEMPLATE:
	case COMPLETE_RECIPE:
	case COMPLETE_POOL:
	case COMPLETE_NET_POOL:
		return request->arguments[0];
	case COMPLETE_NONE:
		/* The name of what is being created. */
		return c->section == SECTION_HIDDEN ? NULL : request->arguments[0];
	case COMPLETE_FILE:
	case COMPLETE_COMMAND:
	case COMPLETE_POOL_KIND:
	case COMPLETE_SETTING:
	case COMPLETE_CHECKPOINT:
		break;
	}
	return NULL;
}

static void take_globals(struct app *app, const struct request *request)
{
	if (request_has(request, OPT_VERBOSE)) {
		app->shows_detail = true;
		app->shows_progress = true;
	}
	if (request_has(request, OPT_QUIET)) {
		app->is_quiet = true;
		app->shows_progress = false;
	}
}

/* Help where it is asked for, or where nothing else can be done. True if the run is over. */
static bool show_help(struct app *app, const struct request *request)
{
	bool asked = request_has(request, OPT_HELP);

	if (request->command && !asked)
		return false;

	FILE *to = asked ? app->out : app->err_out;

	if (request->command)
		help_command(to, request->command);
	else if (request->group)
		help_group(to, request->group);
	else
		help_program(to);
	app->status = asked ? EXIT_OK : EXIT_USAGE;
	return true;
}

static int open_node(struct app *app, const struct request *request, struct err *err)
{
	const char *prefix = request->values[OPT_PREFIX];

	if (request->command->needs_no_node)
		return 0;
	return node_open(prefix ? prefix : secure_getenv(NODE_PREFIX_ENV), &app->log, &app->node, err);
}

static int run(struct app *app, struct request *request, int argc, char **argv, struct err *err)
{
	int r = request_parse(argc, argv, request, err);

	take_globals(app, request);
	if (r < 0)
		return r;
	if (request_has(request, OPT_VERSION) && !request->command)
		return verb_version(app, request, err);
	if (show_help(app, request))
		return 0;
	r = open_node(app, request, err);
	return r < 0 ? r : request->command->run(app, request, err);
}

/* A result that did not arrive is a failure, whatever the command did. */
static int flush(struct app *app, struct err *err)
{
	errno = 0;
	if (fflush(app->out) == 0 && !ferror(app->out))
		return 0;
	return err_sys(err, errno ? errno : EIO, "write to standard output");
}

int app_main(int argc, char **argv, FILE *out, FILE *err_out)
{
	struct app app = { .out = out, .err_out = err_out };
	_cleanup_request_ struct request request = { 0 };
	struct err err = ERR_INIT;

	report_setup(&app);

	int r = run(&app, &request, argc, argv, &err);

	if (r < 0) {
		report_error(&app, err.exit == EXIT_USAGE ? NULL : subject_of(&request), &err);
		app.status = (int)err.exit;
	}
	if (flush(&app, &err) < 0 && app.status == EXIT_OK) {
		report_error(&app, NULL, &err);
		app.status = (int)err.exit;
	}
	node_close(app.node);
	return app.status;
}
