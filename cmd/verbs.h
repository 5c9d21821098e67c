/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/app.h"
#include "cmd/parse.h"

/*
 * What each command does: 0, or a negative errno with `err` set, which app_main() reports and ends with. app->node is open,
 * except for commands that need none.
 */
typedef int verb_fn(struct app *app, const struct request *request, struct err *err);

/* verbs_life.c */
verb_fn verb_create, verb_start, verb_stop, verb_restart, verb_kill, verb_destroy, verb_rename;
/* verbs_inside.c */
verb_fn verb_exec, verb_enter, verb_passwd, verb_console;
/* verbs_look.c */
verb_fn verb_list, verb_show, verb_status, verb_set;
/* verbs_template.c */
verb_fn verb_template_build, verb_template_list, verb_template_show, verb_template_remove, verb_template_import,
	verb_template_verify;
/* verbs_pool.c */
verb_fn verb_pool_create, verb_pool_list, verb_pool_show, verb_pool_remove;
/* verbs_host.c */
verb_fn verb_autostart, verb_doctor, verb_version, verb_help, verb_exited;
/* manpage.c, completion.c, complete.c */
verb_fn verb_man, verb_completion, verb_complete;
