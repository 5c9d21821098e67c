/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * File systems by the kernel's mount API of descriptors (fsopen(2), Linux 5.2): a context is configured, makes a superblock, and
 * becomes a detached mount. All calls are made by the host's root.
 */

/* A new context for `type`, close-on-exec. A type that the kernel does not have is UNSUPPORTED. */
int fsctx_open(const char *type, struct err *err) _must_check_;

/*
 * Sets `key` to a string (at most 255 bytes: the kernel's limit for fsconfig(2)); a NULL value sets a flag. Bare, so that a
 * caller can try one way and then another: 0 or a negative errno.
 */
int fsctx_set(int fs_fd, const char *key, const char *value) _must_check_;

/* Makes the superblock: 0 or a negative errno. */
int fsctx_create(int fs_fd) _must_check_;

/*
 * As err_exit(), with ": " and the reason appended: the context's own message log where the kernel wrote one (it is emptied by
 * this), else the text of the errno.
 */
int fsctx_err(int fs_fd, struct err *err, enum exit_code exit, int code, const char *fmt, ...) _printf_(5, 6) _must_check_;

/*
 * Attaches a detached mount on the folder `target_fd`, and takes it out of every propagation group: nothing that is mounted below
 * it later appears elsewhere. `shown` is the folder's name for messages.
 */
int fsctx_attach(int mount_fd, int target_fd, const char *shown, struct err *err) _must_check_;
