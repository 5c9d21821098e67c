/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/overlay_index_priv.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

#define INDEX	   "work/index"
#define ATTR_UPPER "trusted.overlay.upper"

/* How overlayfs writes a handle into an attribute (kernel fs/overlayfs/overlayfs.h, struct ovl_fb). */
struct overlay_handle {
	uint8_t version;
	uint8_t magic;
	uint8_t len; /* of all */
	uint8_t flags;
	uint8_t type;
	uint8_t uuid[16]; /* of the file system */
	uint8_t fid[MAX_HANDLE_SZ];
} __attribute__((packed));

#define HANDLE_MAGIC	  0xfb
#define HANDLE_HEAD_BYTES offsetof(struct overlay_handle, fid)

/* A handle of btrfs without the parent's (kernel fs/btrfs/export.h, struct btrfs_fid; linux/exportfs.h for its type). */
#define BTRFS_FID_TYPE 0x4d
struct btrfs_handle {
	uint64_t inode;
	uint64_t subvolume;
	uint32_t generation;
} __attribute__((packed));

/* -ENODATA: it has none. */
static int read_handle(int fd, struct overlay_handle *ret)
{
	ssize_t n = fgetxattr(fd, ATTR_UPPER, ret, sizeof(*ret));

	if (n < 0)
		return -errno;
	if (n < (ssize_t)HANDLE_HEAD_BYTES || ret->magic != HANDLE_MAGIC || ret->len != n)
		return -EBADMSG;
	return 0;
}

static int write_handle(int fd, const struct overlay_handle *handle)
{
	return fsetxattr(fd, ATTR_UPPER, handle, handle->len, XATTR_REPLACE) < 0 ? -errno : 0;
}

static int open_index(int area_fd)
{
	return path_open_beneath(area_fd, INDEX, O_RDONLY | O_DIRECTORY, 0);
}

/* The entry `fd` names the folder `dir_fd` from now on. */
static int point_at(int fd, int dir_fd)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .handle = { .handle_bytes = MAX_HANDLE_SZ } };
	struct overlay_handle is;
	int mount_id, r = read_handle(fd, &is);

	if (r < 0)
		return r == -ENODATA ? 0 : r;
	if (name_to_handle_at(dir_fd, "", &h.handle, &mount_id, AT_EMPTY_PATH) < 0)
		return -errno;
	is.type = (uint8_t)h.handle.handle_type;
	is.len = (uint8_t)(HANDLE_HEAD_BYTES + h.handle.handle_bytes);
	memcpy(is.fid, h.handle.f_handle, h.handle.handle_bytes);
	return write_handle(fd, &is);
}

int overlay_index_claim(int area_fd)
{
	_cleanup_fd_ int index = open_index(area_fd);
	_cleanup_fd_ int upper = path_open_dir(area_fd, "upper", O_RDONLY | O_NOFOLLOW);

	/* An area that was never mounted. */
	if (index == -ENOENT)
		return 0;
	return index < 0 ? index : upper < 0 ? upper : point_at(index, upper);
}

int overlay_index_point(int area_fd, int dir_fd, const void *origin, size_t len)
{
	char name[2 * sizeof(struct overlay_handle) + 1];
	_cleanup_fd_ int index = -EBADF, entry = -EBADF;

	if (len > sizeof(struct overlay_handle))
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		snprintf(name + 2 * i, 3, "%02x", ((const uint8_t *)origin)[i]);
	name[2 * len] = '\0';
	index = open_index(area_fd);
	if (index >= 0)
		entry = path_open_dir(index, name, O_RDONLY | O_NOFOLLOW);
	if (index < 0 || entry < 0)
		return index == -ENOENT || entry == -ENOENT || entry == -ENOTDIR ? 0 : index < 0 ? index : entry;
	return point_at(entry, dir_fd);
}

/* A folder's entry; a file's has no such attribute, and neither has that of a removed folder. */
static int move_entry(int index_fd, const char *name, uint64_t from, uint64_t to)
{
	_cleanup_fd_ int fd = path_open_dir(index_fd, name, O_RDONLY | O_NOFOLLOW);
	struct overlay_handle is;
	struct btrfs_handle fid;
	int r;

	if (fd < 0)
		return fd == -ENOTDIR || fd == -ELOOP ? 0 : fd;
	r = read_handle(fd, &is);
	if (r < 0)
		return r == -ENODATA ? 0 : r;
	if (is.type != BTRFS_FID_TYPE || is.len != HANDLE_HEAD_BYTES + sizeof(fid))
		return -EBADMSG;
	memcpy(&fid, is.fid, sizeof(fid));
	/* One that named a folder that is gone already is no business of ours. */
	if (fid.subvolume != from)
		return 0;
	fid.subvolume = to;
	memcpy(is.fid, &fid, sizeof(fid));
	return write_handle(fd, &is);
}

int overlay_index_move(int area_fd, uint64_t from_subvolume, uint64_t to_subvolume)
{
	_cleanup_fd_ int index = open_index(area_fd);
	_cleanup_dir_ DIR *dir = NULL;
	const struct dirent *e;

	if (index < 0)
		return index == -ENOENT ? 0 : index;
	dir = fdopendir(index);
	if (!dir)
		return -errno;
	TAKE_FD(index);
	while ((errno = 0, e = readdir(dir))) {
		int r = e->d_name[0] == '.' || e->d_type != DT_DIR
				? 0
				: move_entry(dirfd(dir), e->d_name, from_subvolume, to_subvolume);

		if (r < 0)
			return r;
	}
	return errno ? -errno : overlay_index_claim(area_fd);
}
