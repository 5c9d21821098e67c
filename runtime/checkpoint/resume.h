/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/checkpoint/images.h"
#include "runtime/container/container.h"
#include "runtime/guest.h"

/*
 * Bringing a suspended guest back. It is a start (start.c, container.h) but for what the monitor does in the middle of it:
 *
 *   a staging network namespace    the guest's links with their ends in it, and nothing passes
 *   a private mount namespace      the guest's root, mounted over RUN/NAME
 *   CRIU, from within both         makes the guest's namespaces, takes the links over, and fills all with what was saved
 *   NETWORK_UNLOCK                 its sockets are there: the links are opened
 *
 *   POST_RESTORE                   all is there and nothing runs yet: the guest is noted as running, its checkpoint is disowned
 *
 * Journalled as "resume": up to POST_RESTORE the checkpoint is what counts, afterwards the guest.
 */
#define OP_RESUME "resume"

struct resume {
	struct checkpoint_manifest manifest;
	int images_fd;
};
#define RESUME_INIT ((struct resume){ .images_fd = -EBADF })

/* Opens the guest's checkpoint, and looks whether it is of this guest as it is: of the same template, ids and identity. */
int resume_open(const struct guest *guest, struct resume *ret, struct err *err) _must_check_;
void resume_close(struct resume *resume);

/* ct_restore.run, with a struct resume as its context. */
pid_t resume_run(void *context, const struct ct_spec *spec, int console_fd, const char *console_path, struct err *err);

/*
 * Settles one that failed or was interrupted, under the guest's lock, when CRIU and the monitor have come to their end: 1 if the
 * guest runs all the same, which is what was asked for; 0 if nothing of it is left and it is suspended as before. Closes the
 * journal.
 */
int resume_settle(struct guest *guest, struct err *err) _must_check_;
