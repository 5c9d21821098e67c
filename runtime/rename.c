/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "runtime/guest_priv.h"
#include "runtime/lifecycle.h"

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
