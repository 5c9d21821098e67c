/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/app.h"
#include "cmd/parse.h"
#include "cmd/text.h"

static void put_part(FILE *out, const char *text)
{
	_cleanup_free_ char *line = strdup(text);

	/* It stays one line, whatever it quotes. */
	for (char *p = line ? strchr(line, '\n') : NULL; p; p = strchr(p, '\n'))
		*p = ' ';
	text_safe(out, line ? line : "out of memory", false);
}

static void put_line(FILE *out, const char *prefix, const char *line)
{
	/* Both may quote what an image, a guest or a caller said. */
	put_part(out, prefix);
	put_part(out, line);
	fputc('\n', out);
	fflush(out);
}

static void write_log(void *context, enum log_level level, const char *line)
{
	const struct app *app = context;

	switch (level) {
	case LOG_LEVEL_DETAIL:
		if (app->shows_detail)
			put_line(app->err_out, "  ", line);
		break;
	case LOG_LEVEL_PROGRESS:
		if (app->shows_progress)
			put_line(app->err_out, "ctctl: ", line);
		break;
	case LOG_LEVEL_NOTICE:
		put_line(app->err_out, "ctctl: note: ", line);
		break;
	case LOG_LEVEL_WARNING:
		put_line(app->err_out, "ctctl: warning: ", line);
		break;
	}
}

void report_setup(struct app *app)
{
	app->log = (struct log){ .write = write_log, .context = app };
	app->shows_progress = isatty(fileno(app->err_out));
}

/* Does a message say itself which guest it is about: 'web1' or "web1: " at its beginning? */
static bool names_subject(const char *msg, const char *subject)
{
	_cleanup_free_ char *quoted = str_printf("'%s'", subject);
	size_t len = strlen(subject);

	return (strncmp(msg, subject, len) == 0 && msg[len] == ':') || (quoted && strstr(msg, quoted));
}

void report_error(struct app *app, const char *subject, const struct err *err)
{
	const char *msg = err->msg[0] ? err->msg : "failed without a message; please report it as a bug";
	_cleanup_free_ char *prefix = NULL;

	if (subject && !names_subject(msg, subject))
		prefix = str_printf("ctctl: %s: ", subject);
	put_line(app->err_out, prefix ? prefix : "ctctl: ", msg);
}

void report_hint(struct app *app, const char *fmt, ...)
{
	va_list ap;

	if (app->is_quiet)
		return;
	va_start(ap, fmt);
	vfprintf(app->err_out, fmt, ap);
	va_end(ap);
	fputc('\n', app->err_out);
}

int app_each_guest(struct app *app, const struct request *request,
		   int (*each)(struct app *app, const struct request *request, const char *name, struct err *err))
{
	for (size_t i = 0; i < request->n_arguments; i++) {
		struct err err = ERR_INIT;

		if (each(app, request, request->arguments[i], &err) == 0)
			continue;
		report_error(app, request->arguments[i], &err);
		if (app->status == EXIT_OK)
			app->status = (int)err.exit;
	}
	return 0;
}
