/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Variables that release what they hold when they go out of scope. A descriptor starts as -EBADF, a pointer as NULL;
 * TAKE_FD() and TAKE_PTR() hand the content over to the caller. No destructor changes errno.
 */
#define _cleanup_(fn) __attribute__((cleanup(fn)))
#define _unused_      __attribute__((unused))

#define DEFINE_CLEANUP(type, name, call)          \
	static inline _unused_ void name(type *p) \
	{                                         \
		int saved_errno = errno;          \
		call;                             \
		errno = saved_errno;              \
	}

DEFINE_CLEANUP(int, cleanup_fd, if (*p >= 0) close(*p))
DEFINE_CLEANUP(FILE *, cleanup_file, if (*p) fclose(*p))
DEFINE_CLEANUP(DIR *, cleanup_dir, if (*p) closedir(*p))

static inline void cleanup_free(void *p)
{
	int saved_errno = errno;

	free(*(void **)p);
	errno = saved_errno;
}

#define _cleanup_fd_   _cleanup_(cleanup_fd)
#define _cleanup_file_ _cleanup_(cleanup_file)
#define _cleanup_dir_  _cleanup_(cleanup_dir)
#define _cleanup_free_ _cleanup_(cleanup_free)

#define TAKE_FD(fd)                \
	({                         \
		int *fdp_ = &(fd); \
		int fd_ = *fdp_;   \
		*fdp_ = -EBADF;    \
		fd_;               \
	})

#define TAKE_PTR(ptr)                          \
	({                                     \
		__typeof__(ptr) *pp_ = &(ptr); \
		__typeof__(ptr) p_ = *pp_;     \
		*pp_ = NULL;                   \
		p_;                            \
	})

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
