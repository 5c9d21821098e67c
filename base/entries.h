/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <dirent.h>

/*
 * The entries of a folder, by a descriptor of it that stays the caller's and may be O_PATH. NULL with errno; the caller closes it
 * (_cleanup_dir_).
 */
DIR *entries_open(int dir_fd);

/* The next but "." and "..". NULL with errno, which is 0 at the end; that the folder itself was removed meanwhile is an end. */
const struct dirent *entries_next(DIR *dir);
