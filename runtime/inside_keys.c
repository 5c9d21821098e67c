/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/inside_priv.h"
#include "runtime/join_user.h"

#define KEYS_FILE "authorized_keys"

/* Of authorized_keys: some thousand keys. */
#define KEYS_MAX (2 << 20)

/*
 * ~/.ssh itself is no symlink: it is the user's, and where he points it to is written by root here. One that is missing is made
 * and given to him.
 */
static int open_ssh_dir(int home_fd, const struct join_user *user)
{
	_cleanup_fd_ int fd = path_open_beneath(home_fd, ".ssh", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);

	if (fd != -ENOENT)
		return TAKE_FD(fd);
	if (mkdirat(home_fd, ".ssh", 0700) < 0)
		return -errno;
	fd = path_open_beneath(home_fd, ".ssh", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	if (fd >= 0 && fchown(fd, user->uid, user->gid) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int write_keys(int ssh_fd, const struct join_user *user, const char *keys)
{
	struct stat st = { .st_uid = user->uid, .st_gid = user->gid, .st_mode = S_IFREG | 0600 };
	_cleanup_free_ char *old = NULL;
	ssize_t n = inside_read(ssh_fd, KEYS_FILE, KEYS_MAX, &old, &st);

	if (n < 0 && n != -ENOENT)
		return (int)n;

	_cleanup_free_ char *text = inside_set_block(old, keys);

	if (!text)
		return -ENOMEM;
	if (strcmp(text, old ? old : "") == 0)
		return 0;
	return inside_replace(ssh_fd, KEYS_FILE, text, &st, 0);
}

int inside_write_keys(int root_fd, const char *name, const char *keys, struct err *err)
{
	_cleanup_(join_user_free) struct join_user user = { 0 };
	int r = join_user_find(root_fd, name, &user, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int home_fd = inside_open_dir(root_fd, user.home, false);

	if (home_fd < 0)
		return err_sys(err, -home_fd, "open the home folder of the guest's user '%s', '%s'", name, user.home);

	_cleanup_fd_ int ssh_fd = open_ssh_dir(home_fd, &user);

	r = ssh_fd < 0 ? ssh_fd : write_keys(ssh_fd, &user, keys);
	return r < 0 ? err_sys(err, -r, "write the keys of the guest's user '%s' to '%s/.ssh/" KEYS_FILE "'", name, user.home)
		     : 0;
}
