/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/journal.h"
#include "runtime/guest_priv.h"
#include "runtime/interface.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"
#include "runtime/operations.h"
#include "runtime/policy.h"

/* What guest_save() is to write. */
#define CHANGES_PER_SETTING 5
struct changes {
	struct guest_setting *list;
	size_t n;
};

static void note(struct changes *changes, const struct param *p, const char *interface)
{
	changes->list[changes->n++] = (struct guest_setting){ .param = p, .interface = interface };
}

static const char *setting_interface(const struct guest_setting *s)
{
	return s->interface ? s->interface : INTERFACE_FIRST;
}

/* Is there one open already, of a change that could not be settled? Then it stays, and what the limits are is not known: 1. */
static int open_journal(const struct guest *guest, struct err *err)
{
	struct journal_entry entry;
	int r = journal_read(guest->run_fd, &entry, err);

	return r != 0 ? r : journal_begin(guest->run_fd, "set", "", false, err);
}

/* Limits, then the network, of which every step that was made is undone if one fails. */
static int apply(struct guest *guest, const struct guest_config *old, bool is_known, struct err *err)
{
	int r = guest_apply_live(guest, is_known ? old : NULL, err);

	return r < 0 ? r : guest_apply_network(guest, old, err);
}

static int put_back(struct guest *guest, const struct guest_config *old, bool is_known, struct err *err)
{
	struct guest_config failed = guest->config;

	guest->config = *old;

	int r = apply(guest, &failed, is_known, err);

	guest->config = failed;
	return r;
}

int guest_commit(struct guest *guest, const struct guest_config *old, const struct guest_setting *changed, size_t n,
		 struct err *err)
{
	int r = open_journal(guest, err);
	bool is_known = r == 0;

	if (r < 0)
		return r;
	r = apply(guest, old, is_known, err);
	if (r == 0)
		r = fault_point("set.applied", err);
	if (r == 0)
		r = guest_save(guest, changed, n, err);
	if (r == 0)
		return journal_done(guest->run_fd, false, err);

	struct err undo = ERR_INIT;

	if (put_back(guest, old, is_known, &undo) < 0 || journal_done(guest->run_fd, false, &undo) < 0)
		log_warning(guest->node->log, "guest '%s': the old values could not be put back: %s", guest->name, undo.msg);
	return r;
}

/* What a checkpoint holds would be another in guest.conf than in the guest that goes on. */
static int check_unsaved(const struct guest *guest, const struct param *p, struct err *err)
{
	int r = p->scope == PARAM_LIVE ? 0 : guest_check_not_suspended(guest, err);

	return r < 0 ? err_wrap(err, "%s", p->key) : 0;
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
	return check_unsaved(guest, p, err);
}

/* An option of eth0 is also how a guest without it gets it. */
static int provide_interface(struct guest *guest, const struct guest_setting *s, struct changes *changes, struct err *err)
{
	struct guest_interface *added;

	if (s->param->owner != PARAM_OF_INTERFACE || config_interface(&guest->config, setting_interface(s)) ||
	    strcmp(setting_interface(s), INTERFACE_FIRST) != 0)
		return 0;

	int r = guest_check_not_suspended(guest, err);

	if (r < 0)
		return err_wrap(err, "%s: there is no " INTERFACE_FIRST " yet", s->param->key);
	note(changes, NULL, INTERFACE_FIRST);
	return config_add_interface(&guest->config, INTERFACE_FIRST, &added, err);
}

static int read_setting(struct guest *guest, const struct guest_setting *s, struct changes *changes, struct err *err)
{
	int r = provide_interface(guest, s, changes, err);

	if (r == 0)
		r = config_set_on(&guest->config, s->interface, s->param, s->value, err);
	note(changes, s->param, setting_interface(s));
	if (r < 0 || s->param->owner != PARAM_OF_INTERFACE)
		return r;
	/* What may follow from it. */
	note(changes, interface_param_find("net"), setting_interface(s));
	note(changes, interface_param_find("net-pool"), setting_interface(s));
	note(changes, interface_param_find("ip"), setting_interface(s));
	return 0;
}

static int read_settings(struct guest *guest, const struct guest_setting *settings, size_t n, struct changes *changes,
			 bool *ret_restart, struct err *err)
{
	struct guest_run run;
	int is_running = guest_get_run(guest, &run, err);

	if (is_running < 0)
		return is_running;
	for (size_t i = 0; i < n; i++) {
		int r = check_scope(guest, settings[i].param, is_running, ret_restart, err);

		if (r == 0)
			r = read_setting(guest, &settings[i], changes, err);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		struct guest_interface *iface = config_interface(&guest->config, setting_interface(&settings[i]));
		int r = iface && settings[i].param->owner == PARAM_OF_INTERFACE
				? policy_complete_interface(guest->node, iface, err)
				: 0;

		if (r < 0)
			return r;
	}

	int r = policy_check(guest->node, &guest->config, err);

	return r < 0 ? r : guest_check_limits(guest, NULL, err);
}

int guest_set(const struct node *node, const char *name, const struct guest_setting *settings, size_t n_settings,
	      bool *ret_needs_restart, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL, *before = NULL;
	_cleanup_free_ struct guest_setting *list = reallocarray(NULL, n_settings * CHANGES_PER_SETTING + 1, sizeof(*list));
	struct changes changes = { .list = list };
	int r = guest_open_locked(node, name, "set", false, &guest, err);

	*ret_needs_restart = false;
	if (r < 0)
		return r;
	if (!list)
		return err_oom(err);
	/* A second handle keeps the old values. */
	r = guest_open(node, name, &before, err);
	if (r == 0)
		r = read_settings(guest, settings, n_settings, &changes, ret_needs_restart, err);
	if (r == 0)
		r = guest_take_addresses(guest, &before->config, err);
	if (r < 0)
		return r;
	r = guest_commit(guest, &before->config, changes.list, changes.n, err);
	(void)guest_settle_addresses(guest, r < 0 ? &before->config : &guest->config);
	if (r == 0)
		network_warn_of_listeners(guest, &before->config);
	return r;
}
