/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/erofs_priv.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/fsctx_priv.h"
#include "storage/loop_priv.h"

#define SUPERBLOCK_OFFSET 1024
/* fsconfig(2) takes strings of at most 255 bytes. */
#define FSCONFIG_STRING_ROOM 256

/* The head of the superblock (kernel fs/erofs/erofs_fs.h, struct erofs_super_block), little-endian. */
struct superblock {
	uint32_t magic;
	uint32_t checksum;
	uint32_t feature_compat;
	uint8_t block_bits;
	uint8_t ext_slots;
	uint16_t root_nid;
	uint64_t inodes;
	uint64_t build_time;
	uint32_t build_time_ns;
	uint32_t blocks; /* the low half where the image has more than 32 bits of them */
};
_Static_assert(sizeof(struct superblock) == 40, "the layout on disk");

/* What the kernel does not notice before it reads past the end: a copy that was cut short. */
static int check_superblock(int image_fd, struct err *err)
{
	struct superblock sb;
	struct stat st;
	ssize_t n = pread(image_fd, &sb, sizeof(sb), SUPERBLOCK_OFFSET);

	if (n < 0 || fstat(image_fd, &st) < 0)
		return err_sys(err, errno, "read the image");
	if ((size_t)n < sizeof(sb) || le32toh(sb.magic) != EROFS_MAGIC)
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG,
				"the file is no erofs image: build or import the template again");
	if (sb.block_bits < 9 || sb.block_bits > 16)
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG,
				"the image is damaged (blocks of 2^%u bytes): build or import the template again", sb.block_bits);
	if ((uint64_t)le32toh(sb.blocks) << sb.block_bits > (uint64_t)st.st_size)
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG,
				"the image is cut short (%llu bytes, expected %llu): build or import the template again",
				(unsigned long long)st.st_size, (unsigned long long)le32toh(sb.blocks) << sb.block_bits);
	return 0;
}

/* Is it the image's fault, or the host's? */
static int refused(int fs, int code, struct err *err)
{
	switch (code) {
	case EINVAL:
	case EBADMSG:
	case EUCLEAN:
	case EIO:
		return fsctx_err(fs, err, EXIT_BAD_TEMPLATE, code,
				 "the kernel refuses the image, it is damaged: build or import the template again");
	case EOPNOTSUPP:
		return fsctx_err(fs, err, EXIT_UNSUPPORTED, code,
				 "the image has a feature that this kernel lacks: build the template on this host");
	default:
		return fsctx_err(fs, err, EXIT_MOUNT, code, "mount the image");
	}
}

/* A superblock from `source`, -ENOTBLK without a message if the kernel wants a block device, as a detached mount. */
static int mount_source(const char *source, struct err *err)
{
	_cleanup_fd_ int fs = fsctx_open("erofs", err);

	if (fs < 0)
		return fs;

	int r = fsctx_set(fs, "source", source);

	if (r == 0)
		r = fsctx_set(fs, "ro", NULL);
	if (r == 0)
		r = fsctx_create(fs);
	if (r == -ENOTBLK)
		return r;
	if (r < 0)
		return refused(fs, -r, err);

	int fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);

	return fd < 0 ? fsctx_err(fs, err, EXIT_MOUNT, errno, "mount the image") : fd;
}

static int mount_by_loop(int image_fd, struct err *err)
{
	struct loop_dev loop;
	int r = loop_attach(image_fd, true, &loop, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int loop_fd = loop.fd;
	_cleanup_free_ char *source = str_printf("/dev/loop%d", loop.number);

	return source ? mount_source(source, err) : err_oom(err);
}

/*
 * The file's own name, so that the host's mount table says something to a reader; "/proc/self/fd/N" if it has none any more, or
 * the name has come to mean another file.
 */
static char *name_of_file(int fd)
{
	_cleanup_free_ char *name = malloc(FSCONFIG_STRING_ROOM);
	struct stat by_fd, by_name;

	if (!name)
		return NULL;

	ssize_t n = readlink(path_of_fd(fd).s, name, FSCONFIG_STRING_ROOM);

	if (n > 0 && n < FSCONFIG_STRING_ROOM) {
		name[n] = '\0';
		if (fstat(fd, &by_fd) == 0 && lstat(name, &by_name) == 0 && by_fd.st_ino == by_name.st_ino &&
		    by_fd.st_dev == by_name.st_dev)
			return TAKE_PTR(name);
	}
	return str_printf("%s", path_of_fd(fd).s);
}

int erofs_mount_by(enum erofs_way way, int image_fd, struct err *err)
{
	if (way == EROFS_BY_LOOP)
		return mount_by_loop(image_fd, err);

	_cleanup_free_ char *source = name_of_file(image_fd);

	return source ? mount_source(source, err) : err_oom(err);
}

int erofs_mount(int image_fd, struct err *err)
{
	int r = check_superblock(image_fd, err);

	if (r < 0)
		return r;

	int fd = erofs_mount_by(EROFS_BY_FILE, image_fd, err);

	return fd == -ENOTBLK ? erofs_mount_by(EROFS_BY_LOOP, image_fd, err) : fd;
}
