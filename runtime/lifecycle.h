/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "runtime/guest.h"
#include "runtime/node.h"

/*
 * What can be done with a guest. Each call is one whole operation: it takes the guest's lock, recovers what was interrupted, asks
 * the policy, is journalled, and is finished or undone by the next call if it is killed. All are called by root in the host's
 * namespaces.
 */

/*
 * Creates a guest from a template: "debian-12" or "debian-12@20261121.1". Makes the default pool on first use. Exit status
 * EXISTS, NO_TEMPLATE, INVALID, NO_SPACE.
 */
int guest_create(const struct node *node, const char *name, const char *template_ref, const struct guest_setting *settings,
		 size_t n_settings, struct err *err) _must_check_;

/*
 * Creates a guest from a checkpoint of another, `origin` being "GUEST@LABEL": a suspended guest, whose start resumes what the
 * checkpoint holds under an identity, ids and addresses of its own. Its parameters are those of the checkpoint, but for what
 * nobody else may have, and `settings`. The other guest and its checkpoint stay as they are. Exit status EXISTS, NO_GUEST,
 * CHECKPOINT, INVALID, NO_SPACE.
 */
int guest_create_warm(const struct node *node, const char *name, const char *origin, const struct guest_setting *settings,
		      size_t n_settings, struct err *err) _must_check_;

/*
 * Starts it and returns when its init program runs. Exit status RUNNING if it does. A suspended guest goes on where it was
 * (guest_resume()), and is never booted in its place: if that fails, the checkpoint stays. With `discard_checkpoint` a suspended
 * guest is booted, and what it had in memory is gone.
 */
int guest_start(const struct node *node, const char *name, bool discard_checkpoint, struct err *err) _must_check_;

/*
 * Writes a running container, its memory and connections, to the disk and ends it. If it cannot be saved, it goes on as if
 * nothing had been. NOT_RUNNING, UNSUPPORTED (no CRIU; a feature that cannot be saved), NO_SPACE.
 */
int guest_suspend(const struct node *node, const char *name, struct err *err) _must_check_;

/* The same for a shutdown of the host, which notes in the checkpoint that it was one: such a guest goes on with the host. */
int guest_suspend_for_shutdown(const struct node *node, const char *name, struct err *err) _must_check_;

/*
 * Lets a suspended guest go on. NOT_SUSPENDED if it is not; RUNNING. The checkpoint is removed when the guest runs, and only
 * then.
 */
int guest_resume(const struct node *node, const char *name, struct err *err) _must_check_;

struct guest_stop_spec {
	int timeout_s; /* until it is killed; -1: the guest's stop-timeout */
	bool kill;     /* at once */
};

/*
 * Asks the guest's init to shut down in the way that it understands, kills it when the time is over, and returns when all of it
 * is gone. NOT_RUNNING if it is stopped, SUSPENDED if it is suspended. Sets *ret_killed (may be NULL) if it had to be killed.
 */
int guest_stop(const struct node *node, const char *name, const struct guest_stop_spec *spec, bool *ret_killed,
	       struct err *err) _must_check_;

/* stop, if it runs, then start, under one lock. SUSPENDED if it is. */
int guest_restart(const struct node *node, const char *name, const struct guest_stop_spec *spec, struct err *err) _must_check_;

/* Removes the guest and its data, its checkpoint included. A running one is RUNNING, unless `force`, which kills it first. */
int guest_destroy(const struct node *node, const char *name, bool force, struct err *err) _must_check_;

/* Gives a guest that is stopped or suspended another name. */
int guest_rename(const struct node *node, const char *name, const char *new_name, struct err *err) _must_check_;

/*
 * Changes parameters, all or none: in guest.conf, and what is LIVE in the running guest. *ret_needs_restart is set if some count
 * only from the next start. Of a suspended guest only what is LIVE can be changed, as no checkpoint holds that: else SUSPENDED.
 */
int guest_set(const struct node *node, const char *name, const struct guest_setting *settings, size_t n_settings,
	      bool *ret_needs_restart, struct err *err) _must_check_;

/*
 * The monitor's last act, as `ctctl __exited NAME BOOT STATUS`: cleans up after an init that ended with the wait(2) status
 * `status`, and starts the guest again if it asked for a reboot (reboot(2) in a PID namespace: SIGHUP for a restart, SIGINT for a
 * power-off). Does nothing if the guest is no longer in boot `boot`.
 */
int guest_exited(const struct node *node, const char *name, const char *boot, int status, struct err *err) _must_check_;

/* Does any guest use this version of a template? Reads all guests: for `template remove`. -EBUSY (TEMPLATE_IN_USE) names one. */
int guest_check_template_unused(const struct node *node, const char *template_ref, struct err *err) _must_check_;

#define CHECKPOINT_LABEL_ROOM 64

struct guest_checkpoint {
	char label[CHECKPOINT_LABEL_ROOM];
	uint64_t taken_at;    /* seconds since 1970; 0: its manifest is damaged */
	uint64_t image_bytes; /* of its memory, on the disk */
	uint64_t disk_bytes;  /* of its area alone, if has_disk */
	bool has_disk;
};

struct guest_checkpoint_made {
	char label[CHECKPOINT_LABEL_ROOM];
	uint64_t stood_usec; /* how long the guest stood */
};

/*
 * Keeps the memory, processes, connections and files of a running guest as they are in this instant, under `label` (NULL: one is
 * made of the time); the guest goes on. NOT_RUNNING, SUSPENDED, EXISTS, INVALID (the label), UNSUPPORTED, CHECKPOINT, NO_SPACE.
 */
int guest_checkpoint_create(const struct node *node, const char *name, const char *label, struct guest_checkpoint_made *ret,
			    struct err *err) _must_check_;

/*
 * The guest as it was then, running. What it is now, running or not, is killed and gone, with its files; the checkpoint stays.
 * Parameters that count only LIVE stay as they are now; if others differ from what they were then, INVALID names them.
 * NO_CHECKPOINT, RECOVERY (it is damaged), NO_SPACE: the guest is as it was. RESTORE: it is suspended, as it was then.
 */
int guest_checkpoint_restore(const struct node *node, const char *name, const char *label, struct err *err) _must_check_;

/* NO_CHECKPOINT. */
int guest_checkpoint_remove(const struct node *node, const char *name, const char *label, struct err *err) _must_check_;

/* Calls `each` for every one, in no order; stops at a negative return and passes it on. Takes no lock. */
int guest_checkpoint_each(const struct node *node, const char *name,
			  int (*each)(void *context, const struct guest_checkpoint *checkpoint), void *context,
			  struct err *err) _must_check_;
