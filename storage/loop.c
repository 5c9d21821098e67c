/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/loop_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/str.h"

/* How often another process may snatch the device that we were offered before we give up. */
#define LOOP_RACES_MAX 64

/* 0, or a negative errno; -EBUSY: another process was faster. */
static int configure(int dev_fd, int file_fd, bool read_only)
{
	struct loop_config config = {
		.fd = (uint32_t)file_fd,
		.block_size = 4096,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO | (read_only ? LO_FLAGS_READ_ONLY : 0),
	};

	if (ioctl(dev_fd, LOOP_CONFIGURE, &config) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	/* Direct I/O that the backing file system cannot do is an error on some kernels and ignored on others. */
	config.info.lo_flags &= ~(uint32_t)LO_FLAGS_DIRECT_IO;
	return ioctl(dev_fd, LOOP_CONFIGURE, &config) < 0 ? -errno : 0;
}

static int try_attach(int control_fd, int file_fd, bool read_only, struct loop_dev *ret)
{
	int number = ioctl(control_fd, LOOP_CTL_GET_FREE);

	if (number < 0)
		return -errno;

	_cleanup_free_ char *path = str_printf("/dev/loop%d", number);

	if (!path)
		return -ENOMEM;

	_cleanup_fd_ int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0)
		return -errno;

	int r = configure(fd, file_fd, read_only);

	if (r < 0)
		return r;
	*ret = (struct loop_dev){ .fd = TAKE_FD(fd), .number = number };
	return 0;
}

/* Opens /dev/loopN if the file is what it is bound to, in the same mode: a descriptor or a negative errno. */
static int open_if_bound(int number, const struct stat *file, bool read_only)
{
	_cleanup_free_ char *path = str_printf("/dev/loop%d", number);
	struct loop_info64 info;

	if (!path)
		return -ENOMEM;

	_cleanup_fd_ int fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, LOOP_GET_STATUS64, &info) < 0)
		return -errno;
	if (info.lo_inode != file->st_ino || info.lo_device != file->st_dev ||
	    !!(info.lo_flags & LO_FLAGS_READ_ONLY) != read_only)
		return -ENOENT;
	return TAKE_FD(fd);
}

/* Looks through all devices that are bound: 1, 0 if it is none of them, or a negative errno. Once per boot and pool. */
static int find_bound(int file_fd, bool read_only, struct loop_dev *ret)
{
	_cleanup_dir_ DIR *dir = opendir("/sys/block");
	struct stat file;
	struct dirent *e;

	if (!dir || fstat(file_fd, &file) < 0)
		return -errno;
	while ((e = readdir(dir))) {
		uint64_t number;

		if (!str_has_prefix(e->d_name, "loop") || str_to_u64(e->d_name + strlen("loop"), INT_MAX, &number) < 0)
			continue;

		int fd = open_if_bound((int)number, &file, read_only);

		if (fd >= 0) {
			*ret = (struct loop_dev){ .fd = fd, .number = (int)number };
			return 1;
		}
	}
	return 0;
}

int loop_attach(int file_fd, bool read_only, struct loop_dev *ret, struct err *err)
{
	_cleanup_fd_ int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return err_exit(err, EXIT_UNSUPPORTED, errno,
				"no /dev/loop-control: load the kernel's module 'loop' (modprobe loop) and try again");

	int r = find_bound(file_fd, read_only, ret);

	if (r > 0)
		return 0;
	if (r == 0)
		r = -EBUSY;
	for (int i = 0; i < LOOP_RACES_MAX && r == -EBUSY; i++)
		r = try_attach(control, file_fd, read_only, ret);
	return r < 0 ? err_sys(err, -r, "attach a file to a loop device") : 0;
}
