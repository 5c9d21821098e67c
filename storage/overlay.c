/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/fsctx_priv.h"
#include "storage/mounter_priv.h"
#include "storage/rootfs_priv.h"

/*
 * Kernel doc, overlayfs.rst. index and nfs_export: handles of inotify watches in a checkpoint can be opened again. metacopy
 * conflicts with nfs_export. redirect_dir: a folder of the template can be renamed, not only copied (EXDEV). xino: one st_dev for
 * the whole root, so that `find -xdev` and checkpoints see one file system. The kernel may have other defaults, so each is said.
 */
static const char *const options[][2] = {
	{ "source", "ctctl" }, { "index", "on" },	 { "nfs_export", "on" },
	{ "metacopy", "off" }, { "redirect_dir", "on" }, { "xino", "on" },
};

static int set_options(int fs, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		int r = fsctx_set(fs, options[i][0], options[i][1]);

		if (r < 0)
			return fsctx_err(fs, err, EXIT_UNSUPPORTED, -r, "overlay option %s=%s", options[i][0], options[i][1]);
	}
	return 0;
}

/*
 * The first call that a kernel may not know decides whether descriptors work. Kernels answer a layer of this type, or one opened
 * with O_PATH as ours are, with EINVAL (6.1) or EBADF (6.12); our descriptors are valid.
 */
static int set_layers_by_fd(int fs, const struct overlay_parts *parts, struct err *err)
{
	for (int i = 0; i < parts->n_layers; i++) {
		if (fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, parts->layer_fds[i]) == 0)
			continue;
		if (errno == EINVAL || errno == EBADF)
			return err_set(err, EOPNOTSUPP, "this kernel takes no overlay layer by descriptor");
		return fsctx_err(fs, err, EXIT_MOUNT, errno, "overlay layer %d", i);
	}
	if (fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, parts->upper_fd) < 0)
		return fsctx_err(fs, err, EXIT_MOUNT, errno, "overlay upperdir");
	if (fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, parts->work_fd) < 0)
		return fsctx_err(fs, err, EXIT_MOUNT, errno, "overlay workdir");
	return 0;
}

/* Eight paths of at most 24 bytes stay below the 255 that the kernel takes in one string. */
static int set_layers_by_path(int fs, const struct overlay_parts *parts, struct err *err)
{
	struct strbuf lower = { 0 };

	for (int i = 0; i < parts->n_layers; i++)
		strbuf_addf(&lower, "%s%s", i > 0 ? ":" : "", path_of_fd(parts->layer_fds[i]).s);

	_cleanup_free_ char *value = strbuf_take(&lower);

	if (!value)
		return err_oom(err);

	int r = fsctx_set(fs, "lowerdir", value);

	if (r == 0)
		r = fsctx_set(fs, "upperdir", path_of_fd(parts->upper_fd).s);
	if (r == 0)
		r = fsctx_set(fs, "workdir", path_of_fd(parts->work_fd).s);
	return r < 0 ? fsctx_err(fs, err, EXIT_MOUNT, -r, "overlay layers") : 0;
}

/*
 * overlayfs gives less rather than fail: a read-only mount when it cannot use its work folder, no index and no handles when a
 * layer has no usable UUID, and says so only in the kernel's log. A guest with a read-only root, or one that can never be
 * checkpointed, is not what was asked for.
 */
static int check_is_whole(int mount_fd, struct err *err)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + MAX_HANDLE_SZ];
	} h = { .handle = { .handle_bytes = MAX_HANDLE_SZ } };
	struct statvfs st;
	int mount_id;

	if (fstatvfs(mount_fd, &st) < 0)
		return err_sys(err, errno, "look at the new root");
	if (st.f_flag & ST_RDONLY)
		return err_exit(err, EXIT_MOUNT, EROFS,
				"the kernel made the guest's root read-only because it cannot use the private area: "
				"see the lines of overlayfs in dmesg");
	if (name_to_handle_at(mount_fd, "", &h.handle, &mount_id, AT_EMPTY_PATH) < 0)
		return err_exit(err, EXIT_MOUNT, errno,
				"the kernel made the guest's root without the index that a checkpoint needs: "
				"see the lines of overlayfs in dmesg");
	return 0;
}

static int configure_and_create(enum rootfs_way way, const struct overlay_parts *parts, struct err *err)
{
	_cleanup_fd_ int fs = fsctx_open("overlay", err);

	if (fs < 0)
		return fs;

	int r = way == ROOTFS_BY_FD ? set_layers_by_fd(fs, parts, err) : set_layers_by_path(fs, parts, err);

	if (r < 0)
		return r;
	r = set_options(fs, err);
	if (r < 0)
		return r;
	r = fsctx_create(fs);
	/* 6.13 and 6.14 take descriptors, but not of detached mounts. */
	if (r == -EINVAL && way == ROOTFS_BY_FD)
		return err_set(err, EOPNOTSUPP, "this kernel takes no detached mount as a layer");
	if (r < 0)
		return fsctx_err(fs, err, EXIT_MOUNT, -r, "make the guest's root (overlayfs says more in dmesg)");
	return TAKE_FD(fs);
}

int overlay_make(enum rootfs_way way, const struct overlay_parts *parts, struct err *err)
{
	struct mounter saved;
	int r = mounter_enter(&saved, parts->root_uid, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int fs = configure_and_create(way, parts, err);
	struct err leave_err = ERR_INIT;

	r = mounter_leave(&saved, &leave_err);
	if (r < 0) {
		*err = leave_err;
		return r;
	}
	if (fs < 0)
		return fs;

	/* Not nosuid: the guest has setuid programs of its own. Its devices are in its /dev, which is another mount. */
	_cleanup_fd_ int mount_fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NODEV | MOUNT_ATTR_RELATIME);

	if (mount_fd < 0)
		return fsctx_err(fs, err, EXIT_MOUNT, errno, "mount the guest's root");
	r = check_is_whole(mount_fd, err);
	return r < 0 ? r : TAKE_FD(mount_fd);
}
