/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* For readers that take a file below a folder: a folder of this input, which holds the input as `name`. */
struct place {
	char path[40];
	int fd;
};

static inline _unused_ void place_put(const struct place *p, const char *name, const void *data, size_t size)
{
	_cleanup_fd_ int fd = openat(p->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || fd_write_all(fd, data, size) < 0)
		abort();
}

static inline _unused_ void place_open(struct place *p, const char *name, const void *data, size_t size)
{
	strcpy(p->path, "/dev/shm/ctctl-fuzz-XXXXXX");
	if (!mkdtemp(p->path))
		abort();
	p->fd = path_open_dir(AT_FDCWD, p->path, O_RDONLY);
	place_put(p, name, data, size);
}

static inline _unused_ void place_close(struct place *p)
{
	close(p->fd);
	if (path_remove_tree_at(AT_FDCWD, p->path) < 0)
		abort();
}

/* An error says something, in one line. */
static inline _unused_ void check_err(const struct err *err)
{
	if (err->code <= 0 || !err->msg[0] || strpbrk(err->msg, "\n\x1b"))
		abort();
}
