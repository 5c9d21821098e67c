/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/btrfs_image_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "storage/fsctx_priv.h"
#include "storage/loop_priv.h"

static int choose_size(struct pool *pool, const struct log *log, struct err *err)
{
	struct statfs st;

	if (fstatfs(pool->dir_fd, &st) < 0)
		return pool_err(pool, err, errno, "ask for the free space");

	uint64_t avail = (uint64_t)st.f_bavail * (uint64_t)st.f_bsize;

	if (pool->conf.size_bytes == 0)
		pool->conf.size_bytes = avail / 5 * 4;
	pool->conf.size_bytes &= ~((1ULL << 20) - 1);
	if (pool->conf.size_bytes < BTRFS_IMAGE_MIN_BYTES)
		return err_exit(err, avail < BTRFS_IMAGE_MIN_BYTES ? EXIT_NO_SPACE : EXIT_INVALID, ENOSPC,
				"pool '%s': %llu MiB are too little: expected at least %llu MiB", pool->name,
				(unsigned long long)pool->conf.size_bytes >> 20, BTRFS_IMAGE_MIN_BYTES >> 20);
	if (pool->conf.size_bytes > avail)
		log_warning(log, "pool '%s' is larger than the %llu MiB that are free below it: watch the host's disk",
			    pool->name, (unsigned long long)avail >> 20);
	return 0;
}

static int make_file(struct pool *pool, struct err *err)
{
	_cleanup_fd_ int fd = openat(pool->dir_fd, POOL_IMAGE, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)pool->conf.size_bytes) < 0)
		return pool_err(pool, err, errno, "create its file " POOL_IMAGE);
	return fault_point("pool.image", err);
}

static int format(struct pool *pool, struct err *err)
{
	_cleanup_free_ char *label = str_printf("ctctl-%s", pool->name);

	if (!label)
		return err_oom(err);

	/* A new file has nothing to discard. */
	const char *argv[] = { "mkfs.btrfs", "--quiet", "--nodiscard", "--label", label, POOL_IMAGE, NULL };
	struct proc_spec spec = PROC_SPEC_INIT;

	spec.argv = argv;
	spec.dir_fd = pool->dir_fd;

	int r = proc_run(&spec, "btrfs-progs", err);

	return r < 0 ? err_wrap(err, "pool '%s'", pool->name) : fault_point("pool.format", err);
}

/*
 * A detached mount. nosuid and nodev are for a process of the host that finds its way in; a guest's overlay does not look at
 * them. discard=async: what guests delete becomes free in the host's file system (the kernel's default only since 6.2).
 */
static int mount_device(int number, struct err *err)
{
	_cleanup_free_ char *source = str_printf("/dev/loop%d", number);

	if (!source)
		return err_oom(err);

	_cleanup_fd_ int fs = fsctx_open("btrfs", err);

	if (fs < 0)
		return fs;

	int r = fsctx_set(fs, "source", source);

	if (r == 0)
		r = fsctx_set(fs, "discard", "async");
	if (r == 0)
		r = fsctx_create(fs);
	if (r < 0)
		return fsctx_err(fs, err, EXIT_MOUNT, -r, "mount its file " POOL_IMAGE " (btrfs)");

	int fd = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);

	return fd < 0 ? fsctx_err(fs, err, EXIT_MOUNT, errno, "mount its file " POOL_IMAGE) : fd;
}

static int mount_file(struct pool *pool, struct err *err)
{
	_cleanup_fd_ int file = openat(pool->dir_fd, POOL_IMAGE, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (file < 0)
		return err_sys(err, errno, "open its file " POOL_IMAGE);

	struct loop_dev loop;
	int r = loop_attach(file, false, &loop, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int loop_fd = loop.fd;

	return mount_device(loop.number, err);
}

int btrfs_image_mount(struct pool *pool, struct err *err)
{
	_cleanup_fd_ int point = path_make_dir_at(pool->dir_fd, POOL_DATA, 0700);

	if (point < 0)
		return pool_err(pool, err, -point, "create the folder to mount it on");

	_cleanup_fd_ int mount_fd = mount_file(pool, err);

	if (mount_fd < 0)
		return err_wrap(err, "pool '%s'", pool->name);

	int r = fsctx_attach(mount_fd, point, POOL_DATA, err);

	if (r < 0)
		return err_wrap(err, "pool '%s'", pool->name);
	pool->data_fd = path_open_dir(pool->dir_fd, POOL_DATA, O_RDONLY | O_NOFOLLOW);
	return pool->data_fd < 0 ? pool_err(pool, err, -pool->data_fd, "open its mount") : 0;
}

int btrfs_image_create(struct pool *pool, const struct log *log, struct err *err)
{
	int r = choose_size(pool, log, err);

	if (r == 0)
		r = make_file(pool, err);
	if (r == 0)
		r = format(pool, err);
	if (r == 0)
		r = btrfs_image_mount(pool, err);
	if (r == 0)
		r = fault_point("pool.mount", err);
	if (r < 0)
		return r;
	return fchmod(pool->data_fd, 0700) < 0 ? pool_err(pool, err, errno, "set the mode of its folder") : 0;
}
