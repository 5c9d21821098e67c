/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "cmd/secrets.h"
#include "cmd/text.h"
#include "cmd/verbs.h"
#include "runtime/exec.h"
#include "runtime/inside.h"

/* Ctrl-A: as screen and xl have it. */
#define DETACH_KEY 0x01

static int check_env(const struct request *request, struct err *err)
{
	for (size_t i = 0; i < request->n_env; i++) {
		if (request->env[i][0] == '=' || !strchr(request->env[i], '='))
			return err_exit(err, EXIT_USAGE, EINVAL, "--env '%s': expected NAME=VALUE", request->env[i]);
	}
	return 0;
}

static int run_inside(struct app *app, const struct request *request, struct exec_spec *spec, struct err *err)
{
	int status = 0, r = check_env(request, err);

	if (r < 0)
		return r;
	spec->user = request->values[OPT_USER];
	spec->dir = request->values[OPT_DIR];
	spec->env = request->env;
	r = guest_exec(app->node, request->arguments[0], spec, &status, err);
	if (r == 0)
		app->status = status;
	return r;
}

int verb_exec(struct app *app, const struct request *request, struct err *err)
{
	struct exec_spec spec = { .argv = request->arguments + 1, .tty = request_has(request, OPT_TTY) };

	return run_inside(app, request, &spec, err);
}

int verb_enter(struct app *app, const struct request *request, struct err *err)
{
	struct exec_spec spec = { .tty = isatty(STDIN_FILENO) };

	return run_inside(app, request, &spec, err);
}

int verb_passwd(struct app *app, const struct request *request, struct err *err)
{
	const char *user = request_has(request, OPT_USER) ? request->values[OPT_USER] : "root";
	char password[PASSWORD_MAX + 1] = "";
	int r = secrets_read_password(app, user, password, err);

	if (r == 0)
		r = guest_passwd(app->node, request->arguments[0], user, password, err);
	explicit_bzero(password, sizeof(password));
	return r;
}

/* "^A" and "ctrl-a" are the control character; *ret is left alone if there is no text. */
static int parse_key(const char *text, char *ret, struct err *err)
{
	const char *key = text;

	if (!text)
		return 0;
	if (strncasecmp(key, "ctrl-", 5) == 0)
		key += 5;
	else
		key += *key == '^';

	int c = toupper((unsigned char)*key);

	if (key == text || c < 'A' || c > '_' || key[1])
		return err_exit(err, EXIT_USAGE, EINVAL, "--detach-key '%s': expected a control key such as ^B or ctrl-b", text);
	*ret = (char)(c & 0x1f);
	return 0;
}

static int print_log(struct app *app, const char *name, struct err *err)
{
	_cleanup_free_ char *log = NULL;
	size_t len;
	int r = guest_console_log(app->node, name, &log, &len, err);

	if (r < 0)
		return r;
	/* The guest wrote this: a terminal must not obey it. A file gets it as it is. */
	if (!isatty(fileno(app->out))) {
		fwrite(log, 1, len, app->out);
		return 0;
	}
	/* A NUL is padding, which terminals skip. */
	for (const char *s = log; s < log + len; s += strlen(s) + 1)
		text_safe(app->out, s, true);
	return 0;
}

int verb_console(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	char key = DETACH_KEY;
	int r = parse_key(request->values[OPT_DETACH_KEY], &key, err);

	if (r < 0)
		return r;
	if (request_has(request, OPT_LOG))
		return print_log(app, name, err);
	if (isatty(STDIN_FILENO))
		report_hint(app, "Console of %s: Ctrl-%c and then q leaves it.", name, key | 0x40);
	return guest_console(app->node, name, key, err);
}
