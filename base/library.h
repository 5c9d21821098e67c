/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"

/*
 * Libraries that few commands need are loaded when they are needed (dlopen(3)): no other command pays for them, and their package
 * need not be there.
 */

/* A function, and the pointer to it that is filled; the caller declares that with the type of the library's own header. */
struct library_symbol {
	const char *name;
	void *ret;
};

/*
 * Loads the library `soname` of Debian's `package` and fills the `n` pointers. The handle is for library_close(). A library or a
 * function that is missing has exit status UNSUPPORTED and a message that names the package; the handle is NULL then.
 */
int library_open(const char *soname, const char *package, const struct library_symbol *symbols, size_t n, void **ret_handle,
		 struct err *err) _must_check_;

/* No function of it may be called after that. Nothing happens with NULL. */
void library_close(void *handle);
