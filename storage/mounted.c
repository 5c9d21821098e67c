/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/mounted_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"

bool mounted_is_root(int dir_fd)
{
	struct statx st;

	/* No field is asked for: the attribute alone makes no file system look anything up. */
	return statx(dir_fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

bool mounted_is_root_of(int dir_fd, long fs_magic)
{
	struct statfs st;

	return mounted_is_root(dir_fd) && fstatfs(dir_fd, &st) == 0 && st.f_type == fs_magic;
}

/*
 * 1, 0 if the folder is no mount point or is missing, or a negative errno. The descriptor is closed again: it would keep the
 * mount busy.
 */
static int has_mount(int dir_fd, const char *name)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return mounted_is_root(fd);
}

int mounted_clear(int dir_fd, const char *name)
{
	_cleanup_free_ char *path = str_printf("%s/%s", path_of_fd(dir_fd).s, name);
	int r;

	if (!path)
		return -ENOMEM;
	while ((r = has_mount(dir_fd, name)) > 0) {
		if (umount2(path, UMOUNT_NOFOLLOW) < 0)
			return -errno;
	}
	return r;
}

int mounted_undo(int dir_fd, const char *name)
{
	int r = mounted_clear(dir_fd, name);

	if (r < 0)
		return r;
	return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT ? -errno : 0;
}
