/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/images.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/manifest.h"

#define BLOCK_BYTES 512 /* of st_blocks, whatever the file system's own are: stat(3type) */

int checkpoint_abandon(const struct guest *guest, struct err *err)
{
	int r = path_remove_tree_at(guest->dir_fd, CHECKPOINT_DIR_NEW);

	return r < 0 ? err_sys(err, -r, "remove '" CHECKPOINT_DIR_NEW "' of guest '%s'", guest->name) : 0;
}

int checkpoint_begin(const struct guest *guest, struct err *err)
{
	int r = checkpoint_abandon(guest, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int fd = path_make_dir_at(guest->dir_fd, CHECKPOINT_DIR_NEW, 0700);

	if (fd < 0)
		return err_sys(err, -fd, "make '" CHECKPOINT_DIR_NEW "' of guest '%s'", guest->name);
	r = fault_point("suspend.begun", err);
	if (r < 0)
		(void)!path_remove_tree_at(guest->dir_fd, CHECKPOINT_DIR_NEW);
	return r < 0 ? r : TAKE_FD(fd);
}

/* What is done with each thing in the folder; a negative errno ends it. */
typedef int (*image_fn)(int images_fd, const char *name, const struct stat *st, void *context);

/* In no order. */
static int for_each_image(int images_fd, image_fn act, void *context)
{
	_cleanup_dir_ DIR *dir = entries_open(images_fd);
	const struct dirent *e;
	int r = 0;

	if (!dir)
		return -errno;
	while (r == 0 && (e = entries_next(dir))) {
		struct stat st;

		r = fstatat(images_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno
										: act(images_fd, e->d_name, &st, context);
	}
	return r < 0 ? r : -errno;
}

/* A file by itself, and not all of the file system by syncfs(2): that would wait for whatever other guests write. */
static int sync_image(int images_fd, const char *name, const struct stat *st, void *context)
{
	(void)context;
	if (S_ISDIR(st->st_mode))
		return -EISDIR; /* its files would be missed */
	if (!S_ISREG(st->st_mode))
		return 0; /* all of it is in the folder's own entry */

	_cleanup_fd_ int fd = openat(images_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	return fsync(fd) < 0 ? -errno : 0;
}

static int sync_images(int images_fd)
{
	int r = for_each_image(images_fd, sync_image, NULL);

	return r == 0 && fsync(images_fd) < 0 ? -errno : r;
}

static int sync_guest(const struct guest *guest, struct err *err)
{
	return fsync(guest->dir_fd) < 0 ? err_sys(err, errno, "sync the folder of guest '%s'", guest->name) : 0;
}

int checkpoint_sync(const struct guest *guest, int images_fd, struct err *err)
{
	int r = sync_images(images_fd);

	return r < 0 ? err_sys(err, -r, "write the checkpoint of guest '%s' to the disk", guest->name) : 0;
}

int checkpoint_commit(const struct guest *guest, int images_fd, struct err *err)
{
	int r = checkpoint_sync(guest, images_fd, err);

	if (r < 0)
		return r;
	r = fault_point("suspend.synced", err);
	if (r < 0)
		return r;
	if (renameat(guest->dir_fd, CHECKPOINT_DIR_NEW, guest->dir_fd, CHECKPOINT_DIR) < 0)
		return err_sys(err, errno, "rename '" CHECKPOINT_DIR_NEW "' of guest '%s' to '" CHECKPOINT_DIR "'", guest->name);
	r = fault_point("suspend.renamed", err);
	return r < 0 ? r : sync_guest(guest, err);
}

/* On the disk before the first file goes: else a crash could leave a checkpoint that lacks some. */
int checkpoint_disown(int guest_dir_fd, struct err *err)
{
	if (renameat(guest_dir_fd, CHECKPOINT_DIR, guest_dir_fd, CHECKPOINT_DIR_NEW) < 0)
		return err_sys(err, errno, "rename '" CHECKPOINT_DIR "' to '" CHECKPOINT_DIR_NEW "'");
	return fsync(guest_dir_fd) < 0 ? err_sys(err, errno, "sync the guest's folder") : fault_point("resume.discarding", err);
}

int checkpoint_discard(const struct guest *guest, struct err *err)
{
	int r = checkpoint_abandon(guest, err);

	if (r < 0 || !checkpoint_exists(guest))
		return r;
	r = checkpoint_disown(guest->dir_fd, err);
	return r < 0 ? r : checkpoint_abandon(guest, err);
}

bool checkpoint_exists(const struct guest *guest)
{
	return path_exists_at(guest->dir_fd, CHECKPOINT_DIR);
}

static int open_images(const struct guest *guest)
{
	return path_open_beneath(guest->dir_fd, CHECKPOINT_DIR, O_RDONLY | O_DIRECTORY, 0);
}

int checkpoint_open(const struct guest *guest, struct checkpoint_manifest *ret, struct err *err)
{
	_cleanup_fd_ int fd = open_images(guest);

	if (fd == -ENOENT)
		return err_exit(err, EXIT_NOT_SUSPENDED, ENOENT, "guest '%s' is not suspended", guest->name);
	if (fd < 0)
		return err_sys(err, -fd, "open '" CHECKPOINT_DIR "' of guest '%s'", guest->name);

	int r = checkpoint_read_manifest(fd, ret, err);

	return r < 0 ? err_wrap(err, "guest '%s'", guest->name) : TAKE_FD(fd);
}

static int add_size(int images_fd, const char *name, const struct stat *st, void *context)
{
	uint64_t *bytes = context;

	(void)images_fd;
	(void)name;
	*bytes += (uint64_t)st->st_blocks * BLOCK_BYTES;
	return 0;
}

int checkpoint_get_size(int images_fd, uint64_t *ret_bytes)
{
	uint64_t bytes = 0;
	struct stat st;
	int r = fstat(images_fd, &st) < 0 ? -errno : for_each_image(images_fd, add_size, &bytes);

	if (r == 0)
		*ret_bytes = bytes + (uint64_t)st.st_blocks * BLOCK_BYTES;
	return r;
}

/* What is written anew by each restore is not shared. */
static int share_image(int images_fd, const char *name, const struct stat *st, void *context)
{
	const char *end = strrchr(name, '.');
	const int *to = context;

	if (!S_ISREG(st->st_mode) || str_has_prefix(name, "stats-") || (end && strcmp(end, ".log") == 0))
		return 0;
	return linkat(images_fd, name, *to, name, 0) < 0 ? -errno : 0;
}

int checkpoint_share_images(int from_fd, int to_fd)
{
	struct stat st;

	if (fstat(from_fd, &st) < 0 || fchown(to_fd, st.st_uid, st.st_gid) < 0 || fchmod(to_fd, st.st_mode & 07777) < 0)
		return -errno;
	return for_each_image(from_fd, share_image, &to_fd);
}

int checkpoint_stat(const struct guest *guest, uint64_t *ret_bytes, uint64_t *ret_taken_at)
{
	_cleanup_(checkpoint_manifest_free) struct checkpoint_manifest manifest = { 0 };
	_cleanup_fd_ int fd = open_images(guest);
	struct err ignored = ERR_INIT;
	int r = fd < 0 ? fd : checkpoint_read_manifest(fd, &manifest, &ignored);

	if (r == 0)
		r = checkpoint_get_size(fd, ret_bytes);
	if (r == 0)
		*ret_taken_at = manifest.taken_at;
	return r;
}
