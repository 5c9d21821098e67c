/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/unpack/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/userns.h"
#include "templates/confine_ids.h"

/*
 * The hungriest honest filter is xz with its largest dictionary: 1.5 GiB, which nobody uses for a rootfs. xz -9 needs 65 MiB,
 * zstd --ultra 128 MiB.
 */
#define MEMORY_MAX_BYTES (1024ul << 20)
#define DESCRIPTORS_MAX	 64

/* The working folder as a detached mount that shows ids of the namespace and keeps those below it on the disk. */
static int clone_folder(int userns_fd, struct err *err)
{
	_cleanup_fd_ int fd = open_tree(AT_FDCWD, ".", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSYMFOLLOW,
		/*
		 * On a host whose mounts are shared, as systemd makes them, its clone is shared, too, and pivot_root(2) takes no
		 * such root.
		 */
		.propagation = MS_PRIVATE,
		.userns_fd = (uint64_t)(unsigned int)userns_fd,
	};

	if (fd < 0)
		return err_sys(err, errno, "clone the mount of the folder to unpack into");
	if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return TAKE_FD(fd);
	if (errno == EINVAL || errno == ENOSYS)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"the file system of the template catalogue has no id-mapped mounts: expected ext4, xfs, btrfs "
				"(Linux 5.15), or tmpfs (6.3)");
	return err_sys(err, errno, "map the ids of the folder to unpack into");
}

static int enter_namespaces(int userns_fd, struct err *err)
{
	if (setns(userns_fd, CLONE_NEWUSER) < 0)
		return err_sys(err, errno, "enter the user namespace");
	if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "become root of the user namespace");
	/*
	 * The change of ids made the kernel forget it. If the parent died meanwhile, nobody waits for the result and the folder
	 * is swept.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
		return err_sys(err, errno, "make namespaces to unpack in");
	return 0;
}

/*
 * The mount becomes the root and nothing else stays mounted. The second "." of pivot_root(2) puts the old root on top, from where
 * it is taken off.
 */
static int change_root(int tree_fd, struct err *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "make mounts private");
	if (move_mount(tree_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(tree_fd) < 0)
		return err_sys(err, errno, "mount the folder to unpack into");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_sys(err, errno, "make the folder to unpack into the root");
	return 0;
}

static int set_limit(__rlimit_resource_t what, uint64_t value, struct err *err)
{
	struct rlimit now, want;

	if (getrlimit(what, &now) < 0)
		return err_sys(err, errno, "read a resource limit");
	want.rlim_max = now.rlim_max < value ? now.rlim_max : value;
	want.rlim_cur = want.rlim_max;
	return setrlimit(what, &want) < 0 ? err_sys(err, errno, "set a resource limit") : 0;
}

static int limit_resources(const struct limits *limits, struct err *err)
{
	int r = set_limit(RLIMIT_FSIZE, limits->max_bytes, err);

	/* A file over the limit is then an error to report, not a signal to die of. */
	signal(SIGXFSZ, SIG_IGN);
	if (r == 0)
		r = set_limit(RLIMIT_CORE, 0, err);
	if (r == 0)
		r = set_limit(RLIMIT_NOFILE, DESCRIPTORS_MAX, err);
#ifndef __SANITIZE_ADDRESS__ /* which reserves terabytes of address space for itself */
	if (r == 0)
		r = set_limit(RLIMIT_AS, MEMORY_MAX_BYTES, err);
#endif
	return r;
}

int confine(const struct limits *limits, struct err *err)
{
	_cleanup_fd_ int userns_fd = userns_create(CONFINE_FIRST_ID, CONFINE_ID_COUNT, err);

	if (userns_fd < 0)
		return userns_fd;

	_cleanup_fd_ int tree_fd = clone_folder(userns_fd, err);
	int r = tree_fd;

	if (r >= 0)
		r = enter_namespaces(userns_fd, err);
	if (r >= 0)
		r = change_root(tree_fd, err);
	if (r >= 0)
		r = limit_resources(limits, err);
	if (r >= 0)
		r = confine_caps(err);
	if (r < 0)
		return r;
	fd_close(&tree_fd);
	fd_close(&userns_fd);
	if (syscall(SYS_close_range, 3, ~0U, 0) < 0)
		return err_sys(err, errno, "close descriptors");
	return confine_filter(err);
}
