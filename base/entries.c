/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/entries.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"

DIR *entries_open(int dir_fd)
{
	_cleanup_fd_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (dir)
		TAKE_FD(fd);
	return dir;
}

const struct dirent *entries_next(DIR *dir)
{
	const struct dirent *e;

	do {
		errno = 0;
		e = readdir(dir);
	} while (e && (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0));
	if (!e && errno == ENOENT)
		errno = 0;
	return e;
}
