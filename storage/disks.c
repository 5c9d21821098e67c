/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which disks a pool lies on: from sysfs, which knows the devices of a file system whatever their nodes in /dev are called. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/btrfs_priv.h"
#include "storage/pool_priv.h"

#define SYSFS_MAX 4096

struct disks {
	struct pool_disk *list;
	int n;
	enum pool_disks which;
};

static int add_file(struct disks *d, int fd);
static int add_device(struct disks *d, int at_fd, const char *path);

/* "none [mq-deadline] kyber bfq": the one in brackets. */
static void read_scheduler(int disk_fd, char *ret, size_t room)
{
	_cleanup_free_ char *text = NULL;
	char *start, *end;

	ret[0] = '\0';
	if (fd_read_file_at(disk_fd, "queue/scheduler", SYSFS_MAX, &text) < 0)
		return;
	start = strchr(text, '[');
	end = start ? strchr(start, ']') : NULL;
	if (end) {
		*end = '\0';
		(void)!str_copy(ret, room, start + 1);
	}
}

/* The kernel's name of a device is where its link in sysfs leads: "../../devices/.../block/sda". */
static int read_name(int disk_fd, char *ret, size_t room)
{
	struct path_fd self = path_of_fd(disk_fd);
	char target[512];
	ssize_t n = readlink(self.s, target, sizeof(target) - 1);
	const char *slash;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	return slash ? str_copy(ret, room, slash + 1) : -EBADMSG;
}

static int describe(int disk_fd, struct pool_disk *ret)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(disk_fd, "dev", SYSFS_MAX, &text);
	int r;

	if (n < 0)
		return (int)n;
	if (sscanf(text, "%u:%u", &ret->major, &ret->minor) != 2)
		return -EBADMSG;
	r = read_name(disk_fd, ret->name, sizeof(ret->name));
	read_scheduler(disk_fd, ret->scheduler, sizeof(ret->scheduler));
	return r;
}

/* The file of a loop device is the host's root's, and so is its name. */
static int add_loop_file(struct disks *d, char *path)
{
	_cleanup_fd_ int fd = open(str_trim(path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : add_file(d, fd);
}

/* Each device that the folder `dir_fd` has links to; how many there are, or a negative errno. */
static int add_devices_in(struct disks *d, int dir_fd)
{
	_cleanup_dir_ DIR *dir = fdopendir(dir_fd);
	struct dirent *e;
	int n = 0;

	if (!dir) {
		n = -errno;
		close(dir_fd);
		return n;
	}
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;

		int r = add_device(d, dirfd(dir), e->d_name);

		if (r < 0)
			return r;
		n++;
	}
	return n;
}

/* What lies below: the file of a loop device, the disks of LVM, LUKS or a RAID. 0: nothing, it is a disk itself. */
static int add_what_is_below(struct disks *d, int disk_fd)
{
	_cleanup_free_ char *file = NULL;

	if (fd_read_file_at(disk_fd, "loop/backing_file", SYSFS_MAX, &file) > 0) {
		int r = add_loop_file(d, file);

		return r < 0 ? r : 1;
	}

	int slaves = openat(disk_fd, "slaves", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (slaves < 0)
		return errno == ENOENT ? 0 : -errno;
	return add_devices_in(d, slaves);
}

static int add_disk(struct disks *d, int disk_fd)
{
	struct pool_disk disk = { 0 };
	int r = d->which == POOL_DISKS_LOWEST ? add_what_is_below(d, disk_fd) : 0;

	if (r != 0)
		return r < 0 ? r : 0;
	r = describe(disk_fd, &disk);
	if (r < 0)
		return r;
	for (int i = 0; i < d->n; i++) {
		if (d->list[i].major == disk.major && d->list[i].minor == disk.minor)
			return 0;
	}
	if (d->n == POOL_DISKS_MAX)
		return -E2BIG;
	d->list[d->n++] = disk;
	return 0;
}

/* The folder of a device in sysfs; that of a partition lies in its disk's. */
static int add_device(struct disks *d, int at_fd, const char *path)
{
	_cleanup_fd_ int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), disk = -EBADF;

	if (fd < 0)
		return -errno;
	if (!path_exists_at(fd, "partition"))
		return add_disk(d, fd);
	disk = openat(fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return disk < 0 ? -errno : add_disk(d, disk);
}

/* btrfs has any number of devices and an anonymous number of its own, which no limit knows. */
static int add_btrfs(struct disks *d, int fd)
{
	char fsid[BTRFS_FSID_ROOM];
	int r = btrfs_fsid(fd, fsid);
	_cleanup_free_ char *path = r < 0 ? NULL : str_printf("/sys/fs/btrfs/%s/devices", fsid);
	int dir;

	if (r < 0)
		return r;
	if (!path)
		return -ENOMEM;
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = dir < 0 ? -errno : add_devices_in(d, dir);
	return r < 0 ? r : 0;
}

/* Whatever the file or folder `fd` is on. */
static int add_file(struct disks *d, int fd)
{
	struct statfs fs;
	struct stat st;

	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (fs.f_type == BTRFS_MAGIC)
		return add_btrfs(d, fd);

	/* Major number 0: tmpfs, overlayfs, a network's. */
	_cleanup_free_ char *path = str_printf("/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));

	return path ? add_device(d, AT_FDCWD, path) : -ENOMEM;
}

int pool_disks_of_device(const char *sysfs, enum pool_disks which, struct pool_disk ret[POOL_DISKS_MAX])
{
	struct disks d = { .list = ret, .which = which };
	int r = add_device(&d, AT_FDCWD, sysfs);

	return r < 0 ? r : d.n;
}

int pool_get_disks(struct pool *pool, enum pool_disks which, struct pool_disk ret[POOL_DISKS_MAX], struct err *err)
{
	struct disks d = { .list = ret, .which = which };
	int r = add_file(&d, pool->data_fd);

	if (r == -ENOENT || (r == 0 && d.n == 0))
		return err_exit(
			err, EXIT_UNSUPPORTED, EOPNOTSUPP,
			"pool '%s' lies on a file system without a disk of its own, such as tmpfs or overlayfs, and the use of "
			"its disk cannot be limited: use another pool",
			pool->name);
	if (r == -E2BIG)
		return err_exit(err, EXIT_UNSUPPORTED, E2BIG, "pool '%s' lies on more than %d disks, whose use cannot be limited",
				pool->name, POOL_DISKS_MAX);
	return r < 0 ? pool_err(pool, err, -r, "find its disks in /sys") : d.n;
}
