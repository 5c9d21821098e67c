/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "runtime/node.h"

/* One run of the program: where it prints, how much it says, and with what it ends. */
struct app {
	FILE *out;     /* results */
	FILE *err_out; /* everything else */
	struct log log;
	struct node *node; /* NULL for commands that need none */
	bool is_quiet;
	bool shows_progress;
	bool shows_detail;
	int status; /* of the program if the command succeeds: `exec` passes one through */
};

/* Runs the command line; returns the exit status of the program. */
int app_main(int argc, char **argv, FILE *out, FILE *err_out);

/* Makes app->log write to app->err_out (report.c). */
void report_setup(struct app *app);

/* "ctctl: SUBJECT: message"; without the subject (which may be NULL) where the message names it already. */
void report_error(struct app *app, const char *subject, const struct err *err);

/* What to do next, for humans: nothing with --quiet. */
void report_hint(struct app *app, const char *fmt, ...) _printf_(2, 3);

/*
 * For every guest of an operation on several: goes on after a failure, which it reports, and keeps the first one's exit status in
 * app->status.
 */
struct request;
int app_each_guest(struct app *app, const struct request *request,
		   int (*each)(struct app *app, const struct request *request, const char *name, struct err *err));
