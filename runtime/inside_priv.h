/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/str.h"
#include "runtime/inside.h"

/*
 * Files of a guest, which are hostile: what is read is a plain file of a limited size, opened without waiting; what is written is
 * a new file that takes the old one's place in one step, so that nothing is written through a link, to a device or into a pipe,
 * and a full disk leaves the old file as it was. All return a negative errno.
 */

/* Of /etc/hosts and its like. */
#define INSIDE_TEXT_MAX (256 << 10)

/* A folder below the root, through the guest's own symlinks, if need be made with those above it. A descriptor for *at(). */
int inside_open_dir(int root_fd, const char *path, bool make) _must_check_;

bool inside_exists(int root_fd, const char *path);

/*
 * A file of an open folder. -ENOENT without one, -ELOOP if it is a symlink, -ENOTSUP if it is no plain file, -EFBIG past `max`
 * bytes. *ret (terminated, the caller frees) may be NULL, and so may *ret_stat. Returns its length.
 */
ssize_t inside_read(int dir_fd, const char *name, size_t max, char **ret, struct stat *ret_stat) _must_check_;

/* Its new content. `as`: whose owner and mode it takes (NULL: the caller's, and `mode`). */
int inside_replace(int dir_fd, const char *name, const char *text, const struct stat *as, mode_t mode) _must_check_;

/* A file of ctctl's own, folders included; nothing is written where it says the same already. */
int inside_put(int root_fd, const char *dir, const char *name, const char *text, mode_t mode) _must_check_;

/*
 * A text with a part of ctctl's between two lines that say so. A copy of `text` (NULL: empty) with `block`
 * (lines, each with its newline; "" or NULL: none, and no markers) in place of the one it had, or at its end; NULL when there is
 * no memory.
 */
char *inside_set_block(const char *text, const char *block) _must_check_;

/* The first line of every file that is ctctl's as a whole. */
#define INSIDE_NOTICE "# Written by ctctl."

bool inside_is_ours(int dir_fd, const char *name);

/* Calls `each` for the names in a folder of the guest, a limited number of them, until it returns false. */
typedef bool inside_each_fn(void *context, int dir_fd, const char *name);
void inside_each_file(int root_fd, const char *path, inside_each_fn *each, void *context);

/* The guest's own tools for networks, each that it has: inside_tools.c, where the table is, and inside_render.c. */
void inside_write_tools(int root_fd, const struct inside_network *network);

typedef void inside_render_fn(struct strbuf *b, const struct inside_network *network, const struct net_setup_spec *iface);
inside_render_fn inside_render_networkd, inside_render_networkmanager, inside_render_netplan, inside_render_ifupdown;

#define INSIDE_IFUPDOWN_DIR    "etc/network/interfaces.d"
#define INSIDE_IFUPDOWN_PREFIX "ctctl-"

/*
 * Sees to it that /etc/network/interfaces reads ours. False if the customer has configured that interface himself: then there is
 * no file of ours for it; or if it cannot be done.
 */
bool inside_prepare_ifupdown(int root_fd, const char *interface);

/* inside_copy.c: /etc/machine-id and /etc/hostname of a copy of another guest. The first error; both are tried. */
int inside_write_identity(int root_fd, const char *machine_id, const char *hostname, struct err *err) _must_check_;

/* inside_pending.c: *ret is NULL without the file, the caller frees it. */
int inside_pending_read(const struct guest *guest, const char *file, char **ret, struct err *err) _must_check_;
int inside_pending_remove(const struct guest *guest, const char *file) _must_check_;

/* Their content, in the guest: as much of it as can be done. The error is the first one. */
int inside_apply_passwords(int root_fd, const char *text, struct err *err) _must_check_;
int inside_apply_keys(int root_fd, const char *text, struct err *err) _must_check_;
