/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK_BYTES (256 * 1024)

_Static_assert(DIGEST_ROOM == SHA256_DIGEST_STRING_LENGTH, "room for a SHA-256 in hexadecimal");

int digest_file(int fd, char ret_hex[DIGEST_ROOM], uint64_t *ret_bytes)
{
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_BYTES);
	SHA2_CTX context;
	off_t at = 0;

	if (!chunk)
		return -ENOMEM;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	SHA256Init(&context);
	for (;;) {
		ssize_t n = pread(fd, chunk, CHUNK_BYTES, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		SHA256Update(&context, chunk, (size_t)n);
		at += n;
	}
	SHA256End(&context, ret_hex);
	*ret_bytes = (uint64_t)at;
	return 0;
}
