/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "storage/tree_priv.h"

#define BLOCK_BYTES (256 * 1024)

int tree_next_data(int fd, uint64_t offset, uint64_t size, uint64_t *ret_start, uint64_t *ret_end)
{
	off_t start, end;

	if (offset >= size)
		return 0;
	start = lseek(fd, (off_t)offset, SEEK_DATA);
	if (start < 0)
		return errno == ENXIO ? 0 : -errno;
	end = lseek(fd, start, SEEK_HOLE);
	if (end < 0)
		return -errno;
	*ret_start = (uint64_t)start;
	*ret_end = (uint64_t)end < size ? (uint64_t)end : size;
	return *ret_start < *ret_end;
}

static int copy_by_hand(int from, int to, off_t offset, size_t n)
{
	_cleanup_free_ char *block = malloc(BLOCK_BYTES);

	if (!block)
		return -ENOMEM;
	while (n > 0) {
		ssize_t got = pread(from, block, n < BLOCK_BYTES ? n : BLOCK_BYTES, offset);

		if (got <= 0)
			return got < 0 ? -errno : -ESTALE;
		for (ssize_t done = 0; done < got;) {
			ssize_t put = pwrite(to, block + done, (size_t)(got - done), offset + done);

			if (put < 0)
				return -errno;
			done += put;
		}
		offset += got;
		n -= (size_t)got;
	}
	return 0;
}

static bool is_unable(int code)
{
	return code == EINVAL || code == EXDEV || code == EOPNOTSUPP || code == ENOTTY || code == ENOSYS;
}

static int copy_range(int from, int to, uint64_t start, uint64_t end)
{
	off_t in = (off_t)start, out = (off_t)start;

	while ((uint64_t)in < end) {
		ssize_t n = copy_file_range(from, &in, to, &out, (size_t)(end - (uint64_t)in), 0);

		if (n < 0 && is_unable(errno))
			return copy_by_hand(from, to, in, (size_t)(end - (uint64_t)in));
		if (n <= 0)
			return n < 0 ? -errno : -ESTALE;
	}
	return 0;
}

int tree_copy_data(int from, int to, uint64_t size)
{
	uint64_t start = 0, end = 0;
	int r;

	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return 0;
	if (!is_unable(errno))
		return -errno;
	while ((r = tree_next_data(from, end, size, &start, &end)) > 0) {
		r = copy_range(from, to, start, end);
		if (r < 0)
			return r;
	}
	return r == 0 && ftruncate(to, (off_t)size) < 0 ? -errno : r;
}
