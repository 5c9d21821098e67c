/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * The host's mount table, read by libmount. Of a folder it tells what a system call cannot: from which source it is mounted, and
 * of which type by name.
 *
 * libmount is loaded with dlopen() at the first question, not linked, as systemd does with libraries that it seldom needs: it
 * pulls in libblkid, libselinux and pcre2, and their dynamic linking would cost every start of the program about 0.35 ms. No
 * usual start asks anything here (mounted_priv.h answers the usual questions by statx(2) and statfs(2)). Only mounts.c knows the
 * library; without it, mounts_find() fails and nothing else does.
 */
struct mount_entry {
	char *target; /* the mount point that the path is on */
	char *source; /* "/dev/loop3", or NULL */
	char *type;   /* "btrfs" */
	char *options;
};

void mount_entry_clear(struct mount_entry *entry);

/*
 * On which mount is `path` (absolute; it need not exist)? Fills `ret`, whose strings the caller frees with mount_entry_clear(),
 * and returns 1; 0 if the path itself is not a mount point but lies on the one returned. Exit status UNSUPPORTED: the library is
 * missing. Reads the table of the caller's mount namespace.
 */
int mounts_find(const char *path, struct mount_entry *ret, struct err *err) _must_check_;
