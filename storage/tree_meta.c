/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "storage/tree_priv.h"

/*
 * By way of /proc/self/fd, which leads to the file itself, also where that is a symbolic link, and whatever the descriptor may do
 * (proc_pid_fd(5)).
 */

struct tree_meta tree_meta_of(const struct stat *st)
{
	return (struct tree_meta){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
	};
}

int tree_read_link(int fd, const struct stat *st, char **ret)
{
	size_t room = (size_t)st->st_size + 1;
	_cleanup_free_ char *to = malloc(room);
	ssize_t n;

	if (!to)
		return -ENOMEM;
	n = readlinkat(fd, "", to, room);
	if (n < 0)
		return -errno;
	if ((size_t)n >= room)
		return -ESTALE;
	to[n] = '\0';
	*ret = TAKE_PTR(to);
	return 0;
}

int tree_set_owner(int fd, const struct tree_meta *meta)
{
	return fchownat(fd, "", meta->uid, meta->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

int tree_set_rest(int fd, const struct tree_meta *meta)
{
	const struct timespec times[2] = { meta->atime, meta->mtime };
	struct path_fd path = path_of_fd(fd);

	if (!S_ISLNK(meta->mode) && chmod(path.s, meta->mode & 07777) < 0)
		return -errno;
	return utimensat(AT_FDCWD, path.s, times, 0) < 0 ? -errno : 0;
}

int tree_set_attr(int fd, const char *name, const void *value, size_t len)
{
	return setxattr(path_of_fd(fd).s, name, value, len, 0) < 0 ? -errno : 0;
}

int tree_each_attr(int fd, int (*each)(void *context, const char *name, const void *value, size_t len), void *context)
{
	_cleanup_free_ char *names = NULL, *value = NULL;
	struct path_fd path = path_of_fd(fd);
	ssize_t len = listxattr(path.s, NULL, 0);

	if (len <= 0)
		return len < 0 && errno != EOPNOTSUPP ? -errno : 0;
	names = malloc((size_t)len);
	value = malloc(XATTR_SIZE_MAX);
	if (!names || !value)
		return -ENOMEM;
	len = listxattr(path.s, names, (size_t)len);
	if (len < 0)
		return -errno;
	for (const char *name = names; name < names + len; name += strlen(name) + 1) {
		ssize_t n = getxattr(path.s, name, value, XATTR_SIZE_MAX);
		int r = n < 0 ? -errno : each(context, name, value, (size_t)n);

		if (r < 0)
			return r;
	}
	return 0;
}
