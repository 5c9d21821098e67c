/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/guest.h"
#include "runtime/state.h"

/* What the operations of runtime/ share about a guest. */

#define CONF_FILE	"guest.conf"
#define CONF_FILE_NEW	".guest.conf.new" /* of a save that was interrupted: fd_replace_file_at() */
#define GUEST_LOCK_FILE "lock"

/*
 * guest.conf, read into config; any interface's section too. guest_conf_read() reads into one that config_init() made, without
 * asking for the guest's identity.
 */
int guest_conf_read(int dir_fd, const char *shown, struct guest_config *config, struct err *err) _must_check_;
int guest_load(struct guest *guest, struct err *err) _must_check_;
/* Of a damaged guest.conf: uuid and pool, whatever else it says. BAD_CONFIG if these are damaged, too. */
int guest_load_identity(struct guest *guest, struct err *err) _must_check_;

/*
 * What changed, written back from config, whole and durably; comments and unknown keys stay. Of a setting, the value is not
 * looked at. One without a param stands for all of an interface: each of its keys if config has the interface, else its section
 * goes. guest_conf_edit() does it in memory: the new text, which the caller frees, NULL without memory.
 */
char *guest_conf_edit(const char *text, const struct guest_config *config, const struct guest_setting *changed,
		      size_t n) _must_check_;
int guest_save(struct guest *guest, const struct guest_setting *changed, size_t n_changed, struct err *err) _must_check_;

/* The verbs for which a monitor's last act holds the lock: not the user's, soon over, and waited for by who finds it. */
#define VERB_EXIT   "exit"
#define VERB_REBOOT "reboot"

/* Of the journal in RUN/NAME: a guest that has rebooted itself is to be started again. */
#define OP_REBOOT "reboot"

/* A monitor whose guest has ended waits at most a second before it takes the lock, and at most a start's time with it. */
#define MONITOR_ACT_TIMEOUT_MS 15000

/* Takes the guest's lock and opens its folder; neither settled nor loaded. */
int guest_acquire(const struct node *node, const char *name, const char *verb, bool wait, struct guest **ret,
		  struct err *err) _must_check_;

/* As guest_acquire(), after a monitor that is about to act on the end of its guest has done so. */
int guest_acquire_quiet(const struct node *node, const char *name, const char *verb, bool wait, struct guest **ret,
			struct err *err) _must_check_;

/*
 * Finishes or undoes whatever an interrupted operation left of this guest, and cleans up after an init that ended unseen. Under
 * the guest's lock. Loads the configuration. On return either nothing of the guest is in the kernel, or it runs and is watched by
 * a monitor; that it has none, or not the limits of its guest.conf, is only a warning, because a guest has to be stoppable all
 * the same: then the journal of a `set` is still open. *ret_gone (may be NULL) is set if the guest itself was undone away.
 *
 * It may START the guest, whatever the command that came: where the journal says that the guest has rebooted itself and nobody
 * has started it again, that is done here, with all that a start takes (policy, storage, network, up to a start's time), and
 * was_restarted is set. A failure of that is a warning, and the guest is stopped.
 */
int guest_settle(struct guest *guest, bool *ret_gone, struct err *err) _must_check_;

/* Removes everything that a run of the guest has in the kernel and in RUN/NAME, ending what still lives. */
int guest_cleanup_run(struct guest *guest, struct err *err) _must_check_;

/*
 * The guest was found running when it was settled, and is not now: it has ended by itself in between. As guest_cleanup_run()
 * then, so that what comes next finds nothing of that run and nothing is left when the guest's folders are gone. Nothing to do,
 * and cheap, if there was no run.
 */
int guest_cleanup_ended(struct guest *guest, struct err *err) _must_check_;

/* The handle without its files: a new guest's folders are made by create. */
int guest_new(const struct node *node, const char *name, struct guest **ret, struct err *err) _must_check_;
int guest_open_run(struct guest *guest, struct err *err) _must_check_;
int guest_lock(struct guest *guest, const char *verb, bool wait, struct err *err) _must_check_;

/*
 * Removes RUN/NAME, whose lock the caller holds. It stays if somebody else has taken a lock of his own in it, which he can once
 * ours is removed.
 */
int guest_remove_run(struct guest *guest, struct err *err) _must_check_;

/*
 * If the guest's init has ended and its monitor is about to deal with that (to reboot it, say), lets go of the lock, waits for
 * the monitor, and returns 1: take the lock again.
 */
int guest_yield_to_monitor(struct guest *guest, struct err *err) _must_check_;

/*
 * The monitor of the running guest as a pidfd, or negative; taken before the guest is ended. It waits for the lock to see that
 * there is nothing left for it to do: when the guest was ended, the lock is given to it, and its end waited for. Then nothing of
 * the guest is left, it included, and the next command does not find the guest busy.
 */
int guest_open_monitor(const struct guest *guest);
void guest_release_to_monitor(struct guest *guest, int monitor_fd);

/* 1 and who runs, if the init of the last start lives; 0 if not. */
int guest_get_run(const struct guest *guest, struct guest_run *ret, struct err *err) _must_check_;

/* EXIT_SUSPENDED, and what to do about it, if the guest is saved on the disk and does not run. */
int guest_check_not_suspended(const struct guest *guest, struct err *err) _must_check_;

/* For what is done to a running guest, which can be had by starting it: 0 and who runs, else SUSPENDED or NOT_RUNNING. */
int guest_need_running(const struct guest *guest, struct guest_run *ret, struct err *err) _must_check_;

/* "ctctl/web1", as every hierarchy has it: where the next start puts the guest. The caller frees; NULL: no memory. */
char *guest_cgroup_path(const struct guest *guest) _must_check_;

/*
 * Where the guest that runs, or has just ended, was put: as its start noted it, since the node's configuration may be another by
 * now, and ctctl too. Without a note, guest_cgroup_path(). The caller frees; NULL: no memory.
 */
char *guest_run_cgroup(const struct guest *guest) _must_check_;

/*
 * The host's end of the interface with that slot: "ct", the first 12 hexadecimal digits of the UUID, and the slot in base 32,
 * which fill IFNAMSIZ. The same on every node, and needs no search.
 */
#define LINK_NAME_ROOM 16
void guest_link_name(const struct guest *guest, unsigned int slot, char room[LINK_NAME_ROOM]);
