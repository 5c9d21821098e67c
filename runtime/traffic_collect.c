/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/guest_priv.h"
#include "runtime/interface.h"
#include "runtime/lifecycle.h"
#include "runtime/traffic.h"
#include "runtime/traffic_priv.h"

#define HOOK "hooks/quota"

/* What is to be done for a guest when its traffic has been added up. */
struct task {
	const struct node *node;
	const char *name;
	struct traffic_spent spent[INTERFACES_MAX];
	enum quota_action actions[INTERFACES_MAX];
	size_t n;
};

/* Whoever can write it, or put another one in its place, would be root. */
static int check_hook_owner(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return err_sys(err, errno, "%s", path);
	if (st.st_uid != 0 || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(err, EPERM, "%s: expected it to be root's and writable by nobody else: chown root, chmod go-w",
			       path);
	return 0;
}

/* 1 if there is one to be run, 0 if there is none. */
static int check_hook(const struct node *node, const char *path, struct err *err)
{
	_cleanup_free_ char *dir = str_printf("%s/hooks", node->conf_dir);
	int r = dir ? check_hook_owner(dir, err) : err_oom(err);

	if (r == 0)
		r = check_hook_owner(path, err);
	if (r < 0)
		return r == -ENOENT ? 0 : r;

	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IXUSR))
		return err_set(err, EACCES, "%s: expected a program: chmod +x", path);
	return 1;
}

static const char *action_word(enum quota_action action)
{
	return param_word(interface_param_find("quota-action"), action);
}

static void show_line(void *context, const char *line)
{
	log_detail(context, "%s", line);
}

static int run_hook(const struct task *t, const struct traffic_spent *spent, enum quota_action action, struct err *err)
{
	_cleanup_free_ char *path = str_printf("%s/" HOOK, t->node->conf_dir);
	_cleanup_free_ char *used = str_printf("%" PRIu64, spent->used);
	_cleanup_free_ char *quota = str_printf("%" PRIu64, spent->quota);
	const char *argv[] = { path, t->name, spent->interface, used, quota, action_word(action), NULL };
	struct proc_spec spec = PROC_SPEC_INIT;

	if (!path || !used || !quota)
		return err_oom(err);

	int r = check_hook(t->node, path, err);

	if (r <= 0)
		return r;
	spec.argv = argv;
	spec.timeout_ms = QUOTA_HOOK_TIMEOUT_S * 1000;
	spec.on_line = show_line;
	spec.context = (void *)t->node->log;
	return proc_run(&spec, "(nothing: it is yours)", err);
}

static void tell(const struct task *t, const struct traffic_spent *spent, enum quota_action action)
{
	char quota[STR_NUMBER_ROOM];
	struct err why = ERR_INIT;

	str_from_size(spent->quota, quota);
	log_notice(t->node->log, "guest '%s': %s has used up its quota of %s this month: %s", t->name, spent->interface, quota,
		   action_word(action));
	if (run_hook(t, spent, action, &why) < 0)
		log_warning(t->node->log, "guest '%s': the hook for its quota: %s", t->name, why.msg);
}

static void stop(const struct task *t)
{
	const struct guest_stop_spec spec = { .timeout_s = -1 };
	struct err why = ERR_INIT;

	if (guest_stop(t->node, t->name, &spec, NULL, &why) < 0 && why.exit != EXIT_NOT_RUNNING && why.exit != EXIT_SUSPENDED &&
	    why.exit != EXIT_NO_GUEST)
		log_warning(t->node->log, "guest '%s' has used up its quota and could not be stopped: %s", t->name, why.msg);
}

static void perform(const struct task *t)
{
	bool is_to_stop = false;

	for (size_t i = 0; i < t->n; i++) {
		if (t->spent[i].is_new)
			tell(t, &t->spent[i], t->actions[i]);
		is_to_stop |= t->actions[i] == QUOTA_STOP;
	}
	if (is_to_stop)
		stop(t);
}

/* Actions as they are set while the guest is open; performed when it is not, so that a hook may do with it what it likes. */
static int prepare(struct task *t, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_run run;
	int r = guest_open(t->node, t->name, &guest, err);

	if (r == 0)
		r = guest_get_run(guest, &run, err);
	if (r <= 0)
		return r;
	r = traffic_fold_book(guest, false, t->spent, &t->n, err);
	for (size_t i = 0; i < t->n; i++)
		t->actions[i] = (enum quota_action)config_interface(&guest->config, t->spent[i].interface)->quota_action;
	return r;
}

static int collect_one(void *context, const char *name)
{
	struct task t = { .node = context, .name = name };
	struct err why = ERR_INIT;
	int r = prepare(&t, &why);

	/* One that is gone, or about to be restarted, is none of ours; a broken one is what `ctctl list` is for. */
	if (r < 0 && why.exit != EXIT_NO_GUEST && why.exit != EXIT_BAD_CONFIG && r != -EAGAIN)
		log_warning(t.node->log, "guest '%s': its traffic could not be added up: %s", name, why.msg);
	if (r == 0)
		perform(&t);
	return 0;
}

int traffic_collect(const struct node *node, struct err *err)
{
	return guest_each(node, collect_one, (void *)node, err);
}
