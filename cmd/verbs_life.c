/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "cmd/secrets.h"
#include "cmd/verbs.h"
#include "runtime/inside.h"
#include "runtime/lifecycle.h"

#define TIMEOUT_MAX_S 3600

static int start_one(struct app *app, const struct request *request, const char *name, struct err *err)
{
	return guest_start(app->node, name, request_has(request, OPT_DISCARD_CHECKPOINT), err);
}

static int suspend_one(struct app *app, const struct request *request _unused_, const char *name, struct err *err)
{
	return guest_suspend(app->node, name, err);
}

static int resume_one(struct app *app, const struct request *request _unused_, const char *name, struct err *err)
{
	return guest_resume(app->node, name, err);
}

static int read_stop_spec(const struct request *request, struct guest_stop_spec *ret, struct err *err)
{
	uint64_t timeout = 0;
	int r = request_number(request, OPT_TIMEOUT, TIMEOUT_MAX_S, &timeout, err);

	*ret = (struct guest_stop_spec){
		.timeout_s = request_has(request, OPT_TIMEOUT) ? (int)timeout : -1,
		.kill = request_has(request, OPT_KILL),
	};
	return r;
}

static int stop_one(struct app *app, const struct request *request, const char *name, struct err *err)
{
	struct guest_stop_spec spec;
	bool killed = false;
	int r = read_stop_spec(request, &spec, err);

	if (r == 0)
		r = guest_stop(app->node, name, &spec, &killed, err);
	if (r == 0 && killed && !spec.kill)
		log_warning(&app->log, "%s did not shut down in time and was killed", name);
	return r;
}

static int restart_one(struct app *app, const struct request *request, const char *name, struct err *err)
{
	struct guest_stop_spec spec;
	int r = read_stop_spec(request, &spec, err);

	return r < 0 ? r : guest_restart(app->node, name, &spec, err);
}

static int kill_one(struct app *app, const struct request *request _unused_, const char *name, struct err *err)
{
	const struct guest_stop_spec spec = { .timeout_s = -1, .kill = true };

	return guest_stop(app->node, name, &spec, NULL, err);
}

static int destroy_one(struct app *app, const struct request *request, const char *name, struct err *err)
{
	return guest_destroy(app->node, name, request_has(request, OPT_FORCE), err);
}

int verb_start(struct app *app, const struct request *request, struct err *err _unused_)
{
	return app_each_guest(app, request, start_one);
}

int verb_suspend(struct app *app, const struct request *request, struct err *err _unused_)
{
	return app_each_guest(app, request, suspend_one);
}

int verb_resume(struct app *app, const struct request *request, struct err *err _unused_)
{
	return app_each_guest(app, request, resume_one);
}

int verb_stop(struct app *app, const struct request *request, struct err *err)
{
	struct guest_stop_spec spec;
	int r = read_stop_spec(request, &spec, err);

	return r < 0 ? r : app_each_guest(app, request, stop_one);
}

int verb_restart(struct app *app, const struct request *request, struct err *err)
{
	struct guest_stop_spec spec;
	int r = read_stop_spec(request, &spec, err);

	return r < 0 ? r : app_each_guest(app, request, restart_one);
}

int verb_kill(struct app *app, const struct request *request, struct err *err _unused_)
{
	return app_each_guest(app, request, kill_one);
}

int verb_destroy(struct app *app, const struct request *request, struct err *err _unused_)
{
	return app_each_guest(app, request, destroy_one);
}

int verb_rename(struct app *app, const struct request *request, struct err *err)
{
	return guest_rename(app->node, request->arguments[0], request->arguments[1], err);
}

/* From a template, given as an argument or as an option, or from a checkpoint. */
static int create(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0], *option = request->values[OPT_TEMPLATE], *warm = request->values[OPT_WARM];
	const char *template_ref = request_argument(request, 1);

	if (!!template_ref + !!option + !!warm != 1)
		return err_exit(err, EXIT_USAGE, EINVAL,
				"expected one template, or --warm: ctctl create %s TEMPLATE; see ctctl template list", name);
	if (warm)
		return guest_create_warm(app->node, name, warm, request->settings, request->n_settings, err);
	return guest_create(app->node, name, template_ref ? template_ref : option, request->settings, request->n_settings, err);
}

static int set_keys(struct app *app, const char *name, const char *keys, struct err *err)
{
	int r = *keys ? guest_set_keys(app->node, name, "root", keys, err) : 0;

	return r < 0 ? err_wrap(err, "'%s' was created, but without its ssh keys", name) : 0;
}

int verb_create(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	bool is_warm = request_has(request, OPT_WARM), is_started = request_has(request, OPT_START);
	_cleanup_free_ char *keys = NULL;
	int r = secrets_read_keys(request, &keys, err);

	/* The files of a suspended guest are those of its memory. */
	if (r == 0 && *keys && is_warm && !is_started)
		return err_exit(err, EXIT_USAGE, EINVAL, "ssh-key: with --warm it needs --start, too");
	if (r == 0)
		r = create(app, request, err);
	if (r == 0 && !is_warm)
		r = set_keys(app, name, keys, err);
	if (r < 0)
		return r;
	if (!is_started) {
		report_hint(app, "Created %s. Next: ctctl start %s", name, name);
		return 0;
	}
	r = guest_start(app->node, name, false, err);
	if (r < 0)
		return err_wrap(err, "'%s' was created but not started", name);
	if (is_warm && set_keys(app, name, keys, err) < 0)
		return -err->code;
	report_hint(app, "Created and started %s. Next: ctctl enter %s", name, name);
	return 0;
}
