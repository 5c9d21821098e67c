/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/path.h"
#include "base/str.h"
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
	r = journal_begin(guest->dir_fd, "destroy", arg, true, err);
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
	/* A guest.conf that cannot be read must not keep a guest for ever: what it says of uuid and pool is enough to remove the rest. */
	if (r < 0 && err->exit == EXIT_BAD_CONFIG && force)
		r = guest_load_identity(guest, err);
	/* An interrupted destroy that is finished now is what was asked for. */
	if (r < 0 || gone)
		return r;
	return destroy_known(guest, force, err);
}

/* Gives GUESTS/NAME its new name. A failure leaves the old one. */
static int move_folder(const struct guest *guest, const char *new_name, struct err *err)
{
	_cleanup_fd_ int guests = path_open_dir(AT_FDCWD, guest->node->guests_dir, O_RDONLY);

	if (guests < 0)
		return err_sys(err, -guests, "open '%s'", guest->node->guests_dir);
	/* One step: the name is nowhere else on the disk. */
	if (renameat2(guests, guest->name, guests, new_name, RENAME_NOREPLACE) < 0) {
		if (errno == EEXIST)
			return err_exit(err, EXIT_EXISTS, EEXIST, "guest '%s' exists", new_name);
		return err_sys(err, errno, "rename guest '%s'", guest->name);
	}

	int r = fsync(guests) < 0 ? err_sys(err, errno, "sync '%s'", guest->node->guests_dir) : fault_point("rename.folder", err);

	if (r < 0 && renameat2(guests, new_name, guests, guest->name, RENAME_NOREPLACE) < 0)
		return err_wrap(err, "guest '%s' is called '%s' now", guest->name, new_name);
	return r;
}

/* A failed rename leaves no run folder under the new name, unless that is a guest's. The caller holds its lock. */
static void forget_target(struct guest *target)
{
	_cleanup_fd_ int guests = path_open_dir(AT_FDCWD, target->node->guests_dir, O_PATH);
	struct err ignored = ERR_INIT;

	if (guests >= 0 && !path_exists_at(guests, target->name))
		(void)!guest_remove_run(target, &ignored);
}

int guest_rename(const struct node *node, const char *name, const char *new_name, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL, *target = NULL;
	struct guest_run run;
	int r = guest_new(node, new_name, &target, err);

	if (r < 0)
		return r;
	r = guest_open_locked(node, name, "rename", false, &guest, err);
	if (r < 0)
		return r;
	r = guest_get_run(guest, &run, err);
	if (r < 0)
		return r;
	if (r > 0)
		return err_exit(err, EXIT_RUNNING, EBUSY, "guest '%s' is running: stop it to rename it", name);
	r = guest_cleanup_ended(guest, err);
	if (r == 0)
		r = guest_lock(target, "rename", false, err);
	if (r < 0)
		return r;
	r = move_folder(guest, new_name, err);
	if (r == 0)
		return guest_remove_run(guest, err);
	forget_target(target);
	return r;
}

struct template_use {
	const struct node *node;
	const char *reference;
	struct err *err;
};

static int check_use(void *context, const char *name)
{
	const struct template_use *use = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err ignored = ERR_INIT;

	if (guest_open(use->node, name, &guest, &ignored) < 0) {
		if (ignored.exit == EXIT_NO_GUEST)
			return 0;
		return err_exit(use->err, EXIT_TEMPLATE_IN_USE, EBUSY,
				"guest '%s' may use template '%s', but cannot be asked: %s", name, use->reference, ignored.msg);
	}
	if (strcmp(guest->config.template_ref, use->reference) != 0)
		return 0;
	return err_exit(use->err, EXIT_TEMPLATE_IN_USE, EBUSY, "template '%s' is used by guest '%s': destroy that first",
			use->reference, name);
}

int guest_check_template_unused(const struct node *node, const char *template_ref, struct err *err)
{
	struct template_use use = { .node = node, .reference = template_ref, .err = err };

	return guest_each(node, check_use, &use, err);
}
