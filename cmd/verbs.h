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
verb_fn verb_create, verb_start, verb_stop, verb_restart, verb_kill, verb_suspend, verb_resume, verb_destroy, verb_rename;
/* verbs_checkpoint.c */
verb_fn verb_checkpoint_create, verb_checkpoint_list, verb_checkpoint_restore, verb_checkpoint_remove;
/* verbs_check.c */
verb_fn verb_check_migrate;
/* verbs_inside.c */
verb_fn verb_exec, verb_enter, verb_passwd, verb_console;
/* verbs_look.c */
verb_fn verb_list, verb_show, verb_status, verb_set;
/* verbs_template.c */
verb_fn verb_template_build, verb_template_list, verb_template_show, verb_template_remove, verb_template_import,
	verb_template_verify;
/* verbs_pool.c */
verb_fn verb_pool_create, verb_pool_list, verb_pool_show, verb_pool_remove;
/* verbs_net.c, verbs_net_show.c */
verb_fn verb_net_list, verb_net_add, verb_net_set, verb_net_remove, verb_net_show;
/* verbs_net_rules.c */
verb_fn verb_net_allow, verb_net_deny, verb_net_rules, verb_net_forget;
/* verbs_net_traffic.c */
verb_fn verb_net_traffic, verb_net_account, verb_net_capture;
/* verbs_net_pool.c */
verb_fn verb_net_pool_create, verb_net_pool_list, verb_net_pool_show, verb_net_pool_remove;
/* verbs_host.c */
verb_fn verb_autostart, verb_doctor, verb_version, verb_help, verb_exited;
/* manpage.c, completion.c, complete.c */
verb_fn verb_man, verb_completion, verb_complete;
