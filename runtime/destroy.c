/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/journal.h"
#include "base/str.h"
#include "runtime/checkpoint/back.h"
#include "runtime/guest_priv.h"
#include "runtime/lifecycle.h"
#include "runtime/operations.h"

static int end_guest(struct guest *guest, bool force, struct err *err)
{
	struct guest_stop_spec kill = { .kill = true };
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r <= 0)
		return r < 0 ? r : guest_cleanup_ended(guest, err);
	if (!force)
		return err_exit(err, EXIT_RUNNING, EBUSY, "guest '%s' is running: stop it first, or use --force", guest->name);
	return guest_stop_locked(guest, &kill, NULL, err);
}

static int destroy_known(struct guest *guest, bool force, struct err *err)
{
	_cleanup_free_ char *arg = str_printf("%s %s", guest->config.uuid, guest->config.pool);
	_cleanup_fd_ int monitor = guest_open_monitor(guest);
	int r = end_guest(guest, force, err);

	if (r < 0)
		return r;
	if (!arg)
		return err_oom(err);
	/* Another journal that says what to do stays: settle_existence(). */
	r = back_is_open(guest) ? 0 : journal_begin(guest->dir_fd, "destroy", arg, true, err);
	if (r == 0)
		r = fault_point("destroy.begin", err);
	if (r == 0)
		r = guest_finish_destroy(guest, guest->config.uuid, guest->config.pool, err);
	if (r == 0)
		guest_release_to_monitor(guest, monitor);
	return r;
}

int guest_destroy(const struct node *node, const char *name, bool force, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	bool gone = false;
	int r = guest_acquire_quiet(node, name, "destroy", false, &guest, err);

	if (r < 0)
		return r;
	r = guest_settle(guest, &gone, err);
	/*
	 * A guest.conf that cannot be read must not keep a guest for ever: what it says of uuid and pool is enough to remove the
	 * rest.
	 */
	if (r < 0 && err->exit == EXIT_BAD_CONFIG && force)
		r = guest_load_identity(guest, err);
	/* Nor a restore that cannot be finished, because what it needs is gone. */
	else if (r < 0 && force && back_is_open(guest))
		r = 0;
	/* An interrupted destroy that is finished now is what was asked for. */
	if (r < 0 || gone)
		return r;
	return destroy_known(guest, force, err);
}
