/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Questions about one folder that cost a system call or two, for the way that every start takes; mounts.h reads the whole mount
 * table and knows more.
 */

/* Is it the root of a mount of this type (statfs(2), f_type)? */
bool mounted_is_root_of(int dir_fd, long fs_magic);

/* Is it the root of any mount? (Linux 5.8) */
bool mounted_is_root(int dir_fd);

/*
 * Unmounts everything from the folder `name` below `dir_fd`. A missing folder is a success. 0 or a negative errno; -EBUSY while a
 * process uses the mount.
 */
int mounted_clear(int dir_fd, const char *name) _must_check_;

/* As mounted_clear(), then removes the folder, which has to be empty. */
int mounted_undo(int dir_fd, const char *name) _must_check_;
