/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "base/path.h"
#include "storage/erofs_priv.h"
#include "storage/fsctx_priv.h"
#include "storage/mounted_priv.h"

#define LOCK_FILE ".lock"

static int lock_images(int dir_fd, const char *name, const char *verb, struct err *err)
{
	return lock_take(dir_fd, LOCK_FILE, name, verb, true, err);
}

static int mount_image(int dir_fd, const char *name, int image_fd, struct err *err)
{
	_cleanup_fd_ int point = path_make_dir_at(dir_fd, name, 0700);

	if (point < 0)
		return err_sys(err, -point, "make the folder '%s' to mount an image on", name);
	/* Another process may have been faster while we waited for the lock. */
	if (mounted_is_root_of(point, EROFS_MAGIC))
		return TAKE_FD(point);

	_cleanup_fd_ int mount_fd = erofs_mount(image_fd, err);
	int r = mount_fd < 0 ? mount_fd : fsctx_attach(mount_fd, point, name, err);

	if (r < 0) {
		unlinkat(dir_fd, name, AT_REMOVEDIR);
		return r;
	}
	return TAKE_FD(mount_fd);
}

static int check_image_name(const char *name, struct err *err)
{
	if (*name && *name != '.' && !strchr(name, '/'))
		return 0;
	return err_set(err, EINVAL, "image name '%.80s': expected a file name that does not begin with a dot", name);
}

int image_open(const char *mounts_dir, const char *name, int image_fd, struct err *err)
{
	int r = check_image_name(name, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int dir = path_open_dir(AT_FDCWD, mounts_dir, O_PATH);

	if (dir < 0)
		return err_sys(err, -dir, "open the folder of mounted images '%s'", mounts_dir);

	_cleanup_fd_ int point = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (point >= 0 && mounted_is_root_of(point, EROFS_MAGIC))
		return TAKE_FD(point);

	_cleanup_fd_ int lock = lock_images(dir, name, "mount", err);

	if (lock < 0)
		return lock;

	int fd = mount_image(dir, name, image_fd, err);

	return fd < 0 ? err_wrap(err, "image '%s'", name) : fd;
}

int image_release(const char *mounts_dir, const char *name, struct err *err)
{
	int r = check_image_name(name, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int dir = path_open_dir(AT_FDCWD, mounts_dir, O_PATH);

	if (dir == -ENOENT)
		return 0;
	if (dir < 0)
		return err_sys(err, -dir, "open the folder of mounted images '%s'", mounts_dir);

	_cleanup_fd_ int lock = lock_images(dir, name, "unmount", err);

	if (lock < 0)
		return lock;

	r = mounted_undo(dir, name);

	return r < 0 ? err_sys(err, -r, "unmount the image '%s/%s'", mounts_dir, name) : 0;
}
