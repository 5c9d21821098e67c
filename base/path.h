/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * Files below a folder that is held by a descriptor. Every path in a guest or an image is hostile: it is opened here, with
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS (openat2(2), Linux 5.6), and nothing falls back to less.
 */

/*
 * Opens `path` as a process would whose root is `root_fd`: symlinks, "..", and absolute targets stay below it. `flags` as for
 * open(2); O_CLOEXEC and O_NOCTTY are added. Returns a descriptor or a negative errno.
 */
int path_open_in(int root_fd, const char *path, int flags, mode_t mode) _must_check_;

/* As path_open_in(), but a symlink anywhere in `path` is -ELOOP and ".." out of the folder -EXDEV. For our own trees. */
int path_open_beneath(int dir_fd, const char *path, int flags, mode_t mode) _must_check_;

/* Opens a folder of the host by name, O_PATH where `flags` has it. Returns a descriptor or a negative errno. */
int path_open_dir(int dir_fd, const char *path, int flags) _must_check_;

/* Makes `path` and what is missing above it (host paths); 0 only if it is a folder then. 0 or a negative errno. */
int path_make_dirs(const char *path, mode_t mode) _must_check_;

/* Makes one folder and opens it; an existing one is fine and keeps its mode. Returns a descriptor or a negative errno. */
int path_make_dir_at(int dir_fd, const char *name, mode_t mode) _must_check_;

/*
 * Removes `name` below `dir_fd` with everything in it. Follows no symlink and crosses into no mount and no other file system
 * (-EXDEV), `name` itself included. A missing one is a success, and so is what another process removes meanwhile. Takes an
 * explicit stack, so a deep tree cannot exhaust ours. 0 or a negative errno.
 */
int path_remove_tree_at(int dir_fd, const char *name) _must_check_;

/*
 * Removes what is in a folder, as path_remove_tree_at() does, but `keep`. What is put into it meanwhile may stay. 0 or a negative
 * errno.
 */
int path_empty_but(int dir_fd, const char *keep) _must_check_;

bool path_exists_at(int dir_fd, const char *name);

/* "/proc/self/fd/N" of a descriptor, for calls that take only a path. */
struct path_fd {
	char s[32];
};
struct path_fd path_of_fd(int fd);
