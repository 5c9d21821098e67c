/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* A user as the guest's own files know it. */
struct join_user {
	uid_t uid;
	gid_t gid;
	char *name;
	char *home;
	char *shell;
};

/*
 * Looks up "name", "UID" or "UID:GID" (NULL: root) in the /etc/passwd below `root_fd`, the guest's root. Called in the guest's
 * namespaces, before the user is changed: the file's content is the guest's, and so is the user that it leads to. A guest without
 * the file has a root with home / and shell /bin/sh.
 */
int join_user_find(int root_fd, const char *wanted, struct join_user *ret, struct err *err) _must_check_;
void join_user_free(struct join_user *user);

/* Becomes it, with the supplementary groups of /etc/group below `root_fd`. */
int join_user_become(int root_fd, const struct join_user *user, struct err *err) _must_check_;
