/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * The journal of one object: at most one operation is open, as the file "journal" in the object's folder. Intent first, then the
 * work, then done; whoever finds an open one, under the object's lock, rolls it forward or back.
 *
 *   line 1: the operation and one argument        create web1
 *   then:   a step that was completed, per line   area
 *
 * A last line without its newline is a torn write and does not count.
 */
#define JOURNAL_FILE	  "journal"
#define JOURNAL_STEPS_MAX 16

struct journal_entry {
	char op[32];
	char arg[256]; /* free text without newline */
	char steps[JOURNAL_STEPS_MAX][32];
	int n_steps;
};

/*
 * Opens an operation. `durable` puts it on the disk before the call returns: for what outlives a reboot; not for what is lost
 * with /run anyway. -EBUSY if another one is open; -EINVAL for an operation, argument or step that has no room in struct
 * journal_entry or is not one line.
 */
int journal_begin(int dir_fd, const char *op, const char *arg, bool durable, struct err *err) _must_check_;

/* Notes a completed step. */
int journal_step(int dir_fd, const char *step, bool durable, struct err *err) _must_check_;

/* Ends it. A missing journal is a success. */
int journal_done(int dir_fd, bool durable, struct err *err) _must_check_;

/* Reads the open operation: 1 if there is one, 0 if not, or a negative errno. A damaged file is -EBADMSG. */
int journal_read(int dir_fd, struct journal_entry *ret, struct err *err) _must_check_;

bool journal_has_step(const struct journal_entry *entry, const char *step);
