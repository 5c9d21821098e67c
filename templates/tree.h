/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * A tree that is being made, held by a descriptor of its root. Its content is that of strangers: every path is resolved inside of
 * it, nothing in it is executed, and a file that is read is a regular one, so that no fifo or device of theirs can hold us up.
 */

/* Opens a regular file of the tree for reading; -EINVAL if it is something else. Returns a descriptor or a negative errno. */
int tree_open_file(int tree_fd, const char *path) _must_check_;

/* Reads one whole into a terminated string that the caller frees; -EFBIG over `max`. Returns the length or a negative errno. */
ssize_t tree_read_file(int tree_fd, const char *path, size_t max, char **ret) _must_check_;

/*
 * Writes a file in place of what has its name, with the folders above it (0755). A link is replaced, not followed, as the last
 * component. 0 or a negative errno.
 */
int tree_write_file(int tree_fd, const char *path, const char *data, size_t len, mode_t mode) _must_check_;

/* Makes a symbolic link likewise. */
int tree_link(int tree_fd, const char *path, const char *target) _must_check_;

/* Makes a folder, and those above it (0755); an existing one gets the mode. */
int tree_make_dir(int tree_fd, const char *path, mode_t mode) _must_check_;

/*
 * Removes what has that name, with everything in it; nothing there is a success. A path that ends in '*' empties the folder
 * before it.
 */
int tree_remove(int tree_fd, const char *path) _must_check_;

/* The apparent size of all files and their number, the root not counted. 0 or a negative errno. */
int tree_measure(int tree_fd, uint64_t *ret_bytes, uint64_t *ret_files) _must_check_;
