/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/journal.h"
#include "runtime/guest_priv.h"
#include "runtime/lifecycle.h"
#include "runtime/operations.h"
#include "runtime/policy.h"

/* Is there one open already, of a change that could not be settled? Then it stays, and what the limits are is not known: 1. */
static int open_journal(const struct guest *guest, struct err *err)
{
	struct journal_entry entry;
	int r = journal_read(guest->run_fd, &entry, err);

	return r != 0 ? r : journal_begin(guest->run_fd, "set", "", false, err);
}

static int put_back(struct guest *guest, const struct guest_config *old, bool is_known, struct err *err)
{
	struct guest_config failed = guest->config;

	guest->config = *old;

	int r = guest_apply_live(guest, is_known ? &failed : NULL, err);

	guest->config = failed;
	return r;
}

/*
 * Applies, writes, and puts the old limits back if either fails. If that fails, too, the journal stays open: the next command on
 * the guest tries again.
 */
static int commit(struct guest *guest, const struct guest_config *old, const struct param *const *changed, size_t n,
		  struct err *err)
{
	int r = open_journal(guest, err);
	bool is_known = r == 0;

	if (r < 0)
		return r;
	r = guest_apply_live(guest, is_known ? old : NULL, err);
	if (r == 0)
		r = fault_point("set.applied", err);
	if (r == 0)
		r = guest_save(guest, changed, n, err);
	if (r == 0)
		return journal_done(guest->run_fd, false, err);

	struct err undo = ERR_INIT;

	if (put_back(guest, old, is_known, &undo) < 0 || journal_done(guest->run_fd, false, &undo) < 0)
		log_warning(guest->node->log, "guest '%s': the old limits could not be put back: %s", guest->name, undo.msg);
	return r;
}

static int check_scope(const struct guest *guest, const struct param *p, bool is_running, bool *ret_restart, struct err *err)
{
	if (p->scope == PARAM_FIXED)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: is ctctl's own and cannot be set", p->key);
	if (p->scope == PARAM_CREATE)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: is fixed when a guest is created; guest '%s' exists", p->key,
				guest->name);
	if (p->scope == PARAM_START && is_running)
		*ret_restart = true;
	return 0;
}

static int read_settings(struct guest *guest, const struct guest_setting *settings, size_t n, const struct param **changed,
			 bool *ret_restart, struct err *err)
{
	struct guest_run run;
	int is_running = guest_get_run(guest, &run, err);

	if (is_running < 0)
		return is_running;
	for (size_t i = 0; i < n; i++) {
		int r = check_scope(guest, settings[i].param, is_running, ret_restart, err);

		if (r == 0)
			r = config_set(&guest->config, settings[i].param, settings[i].value, err);
		if (r < 0)
			return r;
		changed[i] = settings[i].param;
	}

	int r = policy_check(guest->node, &guest->config, err);

	return r < 0 ? r : guest_check_limits(guest, NULL, err);
}

int guest_set(const struct node *node, const char *name, const struct guest_setting *settings, size_t n_settings,
	      bool *ret_needs_restart, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL, *before = NULL;
	_cleanup_free_ const struct param **changed = reallocarray(NULL, n_settings + 1, sizeof(void *));
	int r = guest_open_locked(node, name, "set", false, &guest, err);

	*ret_needs_restart = false;
	if (r < 0)
		return r;
	if (!changed)
		return err_oom(err);
	/* A second handle keeps the old values. */
	r = guest_open(node, name, &before, err);
	if (r == 0)
		r = read_settings(guest, settings, n_settings, changed, ret_needs_restart, err);
	return r < 0 ? r : commit(guest, &before->config, changed, n_settings, err);
}
