/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/checkpoint/back.h"
#include "runtime/checkpoint/images.h"
#include "runtime/checkpoint/resume.h"
#include "runtime/checkpoint/suspend.h"
#include "runtime/checkpoint/take.h"
#include "runtime/guest_priv.h"
#include "runtime/operations.h"

int guest_yield_to_monitor(struct guest *guest, struct err *err)
{
	struct guest_run run;
	int r = state_read(guest->run_fd, &run, err);

	if (r <= 0 || proc_is_alive(&run.init) || run.monitor.pid == getpid())
		return r < 0 ? r : 0;

	_cleanup_fd_ int monitor = proc_open(&run.monitor);

	if (monitor < 0)
		return 0;
	fd_close(&guest->lock_fd);
	r = proc_wait_pidfd(monitor, MONITOR_ACT_TIMEOUT_MS);
	if (r < 0)
		return err_exit(err, EXIT_LOCKED, EBUSY,
				"guest '%s' has ended and its monitor, process %d, does not clean up: end that process",
				guest->name, run.monitor.pid);
	return 1;
}

/*
 * Neither guest.conf nor journal: killed before the intent was written, or after all but the folder was removed. Such a folder is
 * empty; one that is not has lost its guest.conf in another way, and is nobody's to remove.
 */
static int settle_empty(struct guest *guest, struct err *err)
{
	_cleanup_fd_ int guests = path_open_dir(AT_FDCWD, guest->node->guests_dir, O_RDONLY);

	if (guests < 0)
		return err_sys(err, -guests, "open '%s'", guest->node->guests_dir);
	if (unlinkat(guests, guest->name, AT_REMOVEDIR) < 0 && errno == ENOTEMPTY)
		return err_exit(err, EXIT_BAD_CONFIG, ENOENT,
				"guest '%s' has no " CONF_FILE
				": put it back, or remove the folder '%s/%s' if there is no such guest",
				guest->name, guest->node->guests_dir, guest->name);

	int r = guest_finish_destroy(guest, NULL, NULL, err);

	if (r < 0)
		return r;
	log_notice(guest->node->log, "guest '%s': the empty folder of an interrupted creation or destruction was removed",
		   guest->name);
	return 1;
}

/* An interrupted create or destroy: both end with the guest gone. Returns 1 then. */
static int settle_existence(struct guest *guest, struct err *err)
{
	struct journal_entry entry;
	char uuid[40], pool[64] = "";
	int r = journal_read(guest->dir_fd, &entry, err);

	if (r < 0)
		return err_wrap(err, "guest '%s'", guest->name);
	if (r == 0)
		return path_exists_at(guest->dir_fd, CONF_FILE) ? 0 : settle_empty(guest, err);
	/* Of a guest that stays (back_settle()), or one that was destroyed in place of that, up to its folder. */
	if (strcmp(entry.op, OP_RESTORE) == 0 && path_exists_at(guest->dir_fd, CONF_FILE))
		return 0;
	if (strcmp(entry.op, OP_RESTORE) == 0)
		return guest_finish_destroy(guest, NULL, NULL, err) < 0 ? -err->code : 1;
	if (sscanf(entry.arg, "%39s %63s", uuid, pool) < 1)
		return err_exit(err, EXIT_RECOVERY, EBADMSG,
				"guest '%s': its journal is damaged: look at the file '" JOURNAL_FILE "' in its folder",
				guest->name);
	r = guest_finish_destroy(guest, uuid, pool, err);
	if (r < 0)
		return err_wrap(err, "guest '%s': an interrupted '%s'", guest->name, entry.op);
	log_notice(guest->node->log,
		   strcmp(entry.op, "create") == 0 ? "an interrupted creation of guest '%s' was undone"
						   : "an interrupted destruction of guest '%s' was finished",
		   guest->name);
	return 1;
}

static int settle_start(struct guest *guest, bool is_alive, struct err *err)
{
	if (is_alive) {
		guest_protect_or_warn(guest, guest->config.memory_low);
		log_notice(guest->node->log, "guest '%s': an interrupted start was found complete", guest->name);
		return journal_done(guest->run_fd, false, err);
	}

	int r = guest_cleanup_run(guest, err);

	if (r < 0)
		return err_wrap(err, "undo an interrupted start of guest '%s'", guest->name);
	log_notice(guest->node->log, "guest '%s': an interrupted start was undone", guest->name);
	return journal_done(guest->run_fd, false, err);
}

/*
 * A failure is no reason to refuse what comes next, a stop or a destroy say. The journal stays open then: each command tries it
 * again, and so does a start.
 */
static int settle_set(struct guest *guest, struct err *err)
{
	struct err why = ERR_INIT;

	if (guest_apply_live(guest, NULL, &why) < 0 || guest_apply_network(guest, NULL, &why) < 0) {
		log_warning(guest->node->log,
			    "guest '%s': after an interrupted change, what its guest.conf says could not be put in force: %s",
			    guest->name, why.msg);
		return 0;
	}
	log_notice(guest->node->log, "guest '%s': after an interrupted change, what its guest.conf says is in force",
		   guest->name);
	return journal_done(guest->run_fd, false, err);
}

/* A start in the reboot's journal (guest_start_locked()), so that it is not lost between the two. */
static int restart(struct guest *guest, struct err *err)
{
	int r = guest_cleanup_run(guest, err);

	if (r == 0)
		r = fault_point("reboot.cleaned", err);
	return r < 0 ? r : guest_start_locked(guest, err);
}

/*
 * A customer's reboot restarts his guest, by its monitor's last act or, if that was killed, by whoever comes next. If it cannot
 * be started it is stopped, and tried no more.
 */
static int settle_reboot(struct guest *guest, bool is_alive, struct err *err)
{
	struct err why = ERR_INIT;

	if (is_alive) {
		guest_protect_or_warn(guest, guest->config.memory_low);
		log_notice(guest->node->log, "guest '%s': an interrupted reboot was found complete", guest->name);
	} else if (restart(guest, &why) < 0) {
		log_warning(guest->node->log, "guest '%s' has rebooted and could not be started again: %s", guest->name, why.msg);
	} else {
		log_notice(guest->node->log, "guest '%s' had rebooted and was started again", guest->name);
		guest->was_restarted = true;
		return 0;
	}
	return journal_done(guest->run_fd, false, err);
}

static int settle_resume(struct guest *guest, struct err *err)
{
	int r = resume_settle(guest, err);

	if (r >= 0)
		log_notice(guest->node->log,
			   r > 0 ? "guest '%s': an interrupted resume was found complete"
				 : "guest '%s': an interrupted resume was undone: it is suspended",
			   guest->name);
	return r < 0 ? r : 0;
}

static int settle_operation(struct guest *guest, bool is_alive, struct err *err)
{
	struct journal_entry entry;
	int r = journal_read(guest->run_fd, &entry, err);

	if (r <= 0)
		return r < 0 ? err_wrap(err, "guest '%s'", guest->name) : 0;
	if (strcmp(entry.op, "start") == 0)
		return settle_start(guest, is_alive, err);
	if (strcmp(entry.op, "set") == 0)
		return settle_set(guest, err);
	if (strcmp(entry.op, OP_REBOOT) == 0)
		return settle_reboot(guest, is_alive, err);
	if (strcmp(entry.op, OP_SUSPEND) == 0)
		return suspend_settle(guest, err);
	if (strcmp(entry.op, OP_RESUME) == 0)
		return settle_resume(guest, err);
	if (strcmp(entry.op, OP_CHECKPOINT) == 0)
		return take_settle(guest, err);
	return journal_done(guest->run_fd, false, err);
}

/* Its init may have ended and nobody cleaned up: its monitor was killed, too. Or a suspend ended with the host. */
static int settle_stopped(struct guest *guest, struct err *err)
{
	int r = checkpoint_abandon(guest, err);

	if (r == 0)
		r = guest_cleanup_ended(guest, err);
	return r < 0 ? err_wrap(err, "clean up after guest '%s'", guest->name) : 0;
}

static void settle_monitor(struct guest *guest, const struct guest_run *run)
{
	struct err why = ERR_INIT;

	if (!proc_is_alive(&run->monitor) && guest_adopt(guest, run, &why) < 0)
		log_warning(guest->node->log, "guest '%s' has lost its monitor and could not be given another: %s", guest->name,
			    why.msg);
}

/* Once the kernel has what guest.conf says, what else the guest took is free. */
static void settle_addresses(struct guest *guest)
{
	if (guest_settle_addresses(guest, &guest->config) == 1)
		log_notice(guest->node->log, "guest '%s': addresses of an interrupted change were given back", guest->name);
}

int guest_settle(struct guest *guest, bool *ret_gone, struct err *err)
{
	struct guest_run run;
	int r = settle_existence(guest, err);

	if (ret_gone)
		*ret_gone = r == 1;
	if (r != 0)
		return r < 0 ? r : 0;
	r = guest_load(guest, err);
	if (r < 0)
		return r;

	r = guest_get_run(guest, &run, err);
	if (r >= 0)
		r = settle_operation(guest, r, err);
	if (r == 0)
		r = back_settle(guest, err);
	if (r == 0)
		r = archive_settle(guest, err);
	if (r < 0)
		return r;
	settle_addresses(guest);
	if (guest->was_restarted)
		return 0;
	/* Again: a suspend that was finished has ended it. */
	r = guest_get_run(guest, &run, err);
	if (r <= 0)
		return r < 0 ? r : settle_stopped(guest, err);
	settle_monitor(guest, &run);
	return 0;
}

int guest_acquire_quiet(const struct node *node, const char *name, const char *verb, bool wait, struct guest **ret,
			struct err *err)
{
	for (;;) {
		_cleanup_guest_ struct guest *guest = NULL;
		int r = guest_acquire(node, name, verb, wait, &guest, err);

		if (r == 0)
			r = guest_yield_to_monitor(guest, err);
		if (r == 1)
			continue;
		if (r == 0)
			*ret = TAKE_PTR(guest);
		return r;
	}
}

int guest_open_locked(const struct node *node, const char *name, const char *verb, bool wait, struct guest **ret, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	bool gone = false;
	int r = guest_acquire_quiet(node, name, verb, wait, &guest, err);

	if (r == 0)
		r = guest_settle(guest, &gone, err);
	if (r < 0)
		return r;
	if (gone)
		return err_exit(err, EXIT_NO_GUEST, ENOENT, "no guest '%s': see ctctl list", name);
	*ret = TAKE_PTR(guest);
	return 0;
}
