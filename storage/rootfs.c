/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "storage/headroom_priv.h"
#include "storage/rootfs_priv.h"

static void overlay_parts_close(struct overlay_parts *parts)
{
	for (int i = 0; i < parts->n_layers; i++)
		cleanup_fd(&parts->layer_fds[i]);
	cleanup_fd(&parts->work_fd);
	cleanup_fd(&parts->upper_fd);
	cleanup_fd(&parts->area_fd);
}

/* A detached copy of a mount, or of the part of it below a folder, on which files appear with the ids of the guest. */
static int clone_idmapped(int fd, int userns_fd, const char *what, struct err *err)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP,
		.propagation = MS_PRIVATE,
		.userns_fd = (uint64_t)userns_fd,
	};
	_cleanup_fd_ int tree = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (tree < 0)
		return err_sys(err, errno, "copy the mount of the %s", what);
	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return TAKE_FD(tree);
	if (errno == EINVAL)
		return err_exit(err, EXIT_UNSUPPORTED, EINVAL,
				"the file system of the %s cannot be id-mapped on this kernel (see ctctl doctor), or is "
				"id-mapped already",
				what);
	return err_sys(err, errno, "id-map the %s", what);
}

static int open_area_folder(int area_fd, const char *name, struct err *err)
{
	int fd = openat(area_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open the folder '%s' of the private area", name) : fd;
}

static int open_parts(const struct rootfs_spec *spec, struct overlay_parts *parts, struct err *err)
{
	for (int i = 0; i < spec->n_layers; i++) {
		int fd = clone_idmapped(spec->layer_fds[i], spec->userns_fd, "template's layer", err);

		if (fd < 0)
			return fd;
		parts->layer_fds[parts->n_layers++] = fd;
	}
	parts->area_fd = clone_idmapped(spec->area_fd, spec->userns_fd, "private area", err);
	if (parts->area_fd < 0)
		return parts->area_fd;
	parts->upper_fd = open_area_folder(parts->area_fd, "upper", err);
	if (parts->upper_fd < 0)
		return parts->upper_fd;
	parts->work_fd = open_area_folder(parts->area_fd, "work", err);
	return parts->work_fd < 0 ? parts->work_fd : 0;
}

int rootfs_assemble_by(enum rootfs_way way, const struct rootfs_spec *spec, struct err *err)
{
	if (spec->n_layers < 1 || spec->n_layers > ROOTFS_LAYERS_MAX)
		return err_set(err, EINVAL, "a root of %d layers: expected 1 to %d", spec->n_layers, ROOTFS_LAYERS_MAX);

	_cleanup_(overlay_parts_close) struct overlay_parts parts = {
		.area_fd = -EBADF,
		.upper_fd = -EBADF,
		.work_fd = -EBADF,
		.root_uid = spec->root_uid,
	};
	int r = open_parts(spec, &parts, err);

	if (r < 0)
		return r;
	return way == ROOTFS_BY_FD ? overlay_make(way, &parts, err) : overlay_make_in_helper(&parts, err);
}

static int assemble(const struct rootfs_spec *spec, struct err *err)
{
	int fd = rootfs_assemble_by(ROOTFS_BY_FD, spec, err);

	if (fd == -EOPNOTSUPP)
		fd = rootfs_assemble_by(ROOTFS_BY_PATH, spec, err);
	return fd;
}

int rootfs_assemble(const struct rootfs_spec *spec, struct err *err)
{
	struct headroom headroom;
	_cleanup_fd_ int fd = assemble(spec, err);

	if (fd >= 0 || headroom_take(spec->pool, spec->area_id, &headroom) <= 0)
		return TAKE_FD(fd);
	fd = assemble(spec, err);

	struct err back_err = ERR_INIT;
	int r = headroom_give_back(&headroom, &back_err);

	if (fd >= 0 && r < 0) {
		*err = back_err;
		return r;
	}
	return TAKE_FD(fd);
}
