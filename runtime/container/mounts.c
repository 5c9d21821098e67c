/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "runtime/container/launch_priv.h"

#define OPTIONS_MAX 4

/* The file systems of a guest, in the order in which they are mounted. */
struct fs_mount {
	const char *type;
	const char *target;
	unsigned int attr;
	struct {
		const char *key;
		const char *value;
	} options[OPTIONS_MAX];
};

#define NO_SUID		 MOUNT_ATTR_NOSUID
#define NO_SUID_DEV	 (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
#define NO_SUID_DEV_EXEC (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const struct fs_mount mounts[] = {
	{ "proc", "proc", NO_SUID_DEV_EXEC, {} },
	/* Read-only, as systemd expects of a container: no udev, no writes to the host's devices. */
	{ "sysfs", "sys", NO_SUID_DEV_EXEC | MOUNT_ATTR_RDONLY, {} },
	/* The guest's own part of the unified hierarchy: the caller is in its cgroup namespace already. */
	{ "cgroup2", "sys/fs/cgroup", NO_SUID_DEV_EXEC, {} },
	{ "tmpfs", "dev", NO_SUID, { { "mode", "755" }, { "size", "64k" }, { "nr_inodes", "1024" } } },
	{ "devpts",
	  "dev/pts",
	  MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC,
	  { { "ptmxmode", "0666" }, { "mode", "0620" }, { "gid", CT_TTY_GID_TEXT } } },
	{ "tmpfs", "dev/shm", NO_SUID_DEV, { { "mode", "1777" } } },
	{ "tmpfs", "run", NO_SUID_DEV, { { "mode", "755" }, { "size", "20%" } } },
};

static const struct {
	const char *name;
	const char *target;
} links[] = {
	{ "dev/fd", "/proc/self/fd" },	     { "dev/stdin", "/proc/self/fd/0" }, { "dev/stdout", "/proc/self/fd/1" },
	{ "dev/stderr", "/proc/self/fd/2" }, { "dev/ptmx", "pts/ptmx" },
};

/* Opens a mount point below the root, which may be hostile: no symlink is followed, a missing folder is made. */
static int open_target(int root_fd, const char *target)
{
	int fd = path_open_beneath(root_fd, target, O_PATH | O_DIRECTORY, 0);

	if (fd != -ENOENT)
		return fd;
	if (mkdirat(root_fd, target, 0755) < 0 && errno != EEXIST)
		return -errno;
	return path_open_beneath(root_fd, target, O_PATH | O_DIRECTORY, 0);
}

int ct_attach(int tree_fd, int target_fd)
{
	long r = syscall(SYS_move_mount, tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 ? -errno : 0;
}

/* A mounted file system without a place, or a negative errno. */
static int make_fs(const struct fs_mount *m)
{
	_cleanup_fd_ int fs = (int)syscall(SYS_fsopen, m->type, FSOPEN_CLOEXEC);

	if (fs < 0)
		return -errno;
	for (int i = 0; i < OPTIONS_MAX && m->options[i].key; i++) {
		if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, m->options[i].key, m->options[i].value, 0) < 0)
			return -errno;
	}
	/* What /proc/mounts shows as the device. */
	if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", m->type, 0) < 0)
		return -errno;
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;

	long fd = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, m->attr);

	return fd < 0 ? -errno : (int)fd;
}

static int mount_at(int root_fd, const struct fs_mount *m, struct err *err)
{
	_cleanup_fd_ int target = open_target(root_fd, m->target);
	_cleanup_fd_ int tree = target < 0 ? -EBADF : make_fs(m);
	int r = target < 0 ? target : tree < 0 ? tree : ct_attach(tree, target);

	return r < 0 ? err_exit(err, EXIT_MOUNT, -r, "mount %s on the guest's /%s: %s", m->type, m->target, strerror(-r)) : 0;
}

static int attach_device(int root_fd, const struct ct_device *d, struct err *err)
{
	char target[32];
	const char *slash = strchr(d->name, '/');
	int r = 0;

	if (slash) {
		snprintf(target, sizeof(target), "dev/%.*s", (int)(slash - d->name), d->name);
		if (mkdirat(root_fd, target, 0755) < 0 && errno != EEXIST)
			r = -errno;
	}
	snprintf(target, sizeof(target), "dev/%s", d->name);

	_cleanup_fd_ int file = r < 0 ? r : path_open_beneath(root_fd, target, O_RDONLY | O_CREAT | O_EXCL, 0666);

	if (file < 0)
		r = file;
	if (r == 0)
		r = ct_attach(d->tree_fd, file);
	return r < 0 ? err_exit(err, EXIT_MOUNT, -r, "put /%s into the guest: %s", target, strerror(-r)) : 0;
}

static int fill_dev(int root_fd, const struct ct_devices *devices, struct err *err)
{
	for (int i = 0; i < devices->n; i++) {
		int r = attach_device(root_fd, &devices->list[i], err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (symlinkat(links[i].target, root_fd, links[i].name) < 0)
			return err_exit(err, EXIT_MOUNT, errno, "make the guest's /%s: %s", links[i].name, strerror(errno));
	}
	return 0;
}

/*
 * The new root is put over the old one and pivoted with ".", "." so that neither needs a folder in the other (pivot_root(2),
 * NOTES). Until the host's tree is let go, its /proc and /sys are in sight, as the kernel demands of whoever mounts new ones in a
 * user namespace (mount_too_revealing()).
 */
static int pivot(int root_fd, struct err *err)
{
	_cleanup_fd_ int host_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (host_root < 0)
		return err_sys(err, errno, "open the host's root");

	int r = ct_attach(root_fd, host_root);

	if (r < 0)
		return err_exit(err, EXIT_MOUNT, -r, "attach the guest's root: %s", strerror(-r));
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_exit(err, EXIT_MOUNT, errno, "pivot into the guest's root: %s", strerror(errno));
	return 0;
}

int ct_enter_root(int root_fd, const struct ct_devices *devices, struct err *err)
{
	int r = pivot(root_fd, err);
	mode_t mask = umask(0);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(mounts); i++)
		r = mount_at(root_fd, &mounts[i], err);
	if (r == 0)
		r = fill_dev(root_fd, devices, err);
	umask(mask);
	if (r < 0)
		return r;
	/* The old root is stacked on ours, at ".". */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_exit(err, EXIT_MOUNT, errno, "let go of the host's tree: %s", strerror(errno));
	return 0;
}
