/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/*
 * Included before everything when clang-tidy looks at a file. Its analyzer sees one file at a time, so it has to be told what is
 * known of the whole: that a failed call leaves a positive errno, and that the error functions return a negative number. Without
 * it every "if (r < 0) return r;" has a path on which the call failed and r is not negative.
 */
#include "base/err.h"
#include <errno.h>

static inline int *analyzer_errno(void)
{
	int *e = __errno_location();

	if (*e <= 0)
		__builtin_unreachable();
	return e;
}

#undef errno
#define errno (*analyzer_errno())

static inline int analyzer_negative(int r)
{
	if (r >= 0)
		__builtin_unreachable();
	return r;
}

#define err_set(...)  analyzer_negative(err_set(__VA_ARGS__))
#define err_sys(...)  analyzer_negative(err_sys(__VA_ARGS__))
#define err_exit(...) analyzer_negative(err_exit(__VA_ARGS__))
#define err_wrap(...) analyzer_negative(err_wrap(__VA_ARGS__))
