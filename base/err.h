/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdarg.h>

#include "base/exit_code.h"

/*
 * One error, as plain data: a child sends it to its parent whole, over base/sync.h.
 *
 * A function that can fail takes `struct err *err` last and returns 0 (or a descriptor, or a count) or a negative
 * errno. The message is one line without a final full stop; it names the thing, says what was expected and what
 * to do next.
 */
struct err {
	int code;	     /* positive errno, 0 while there is none */
	enum exit_code exit; /* the status with which ctctl ends if nobody handles it */
	char msg[512];	     /* one line, always terminated, cut if longer; control characters become '?' */
};

#define ERR_INIT ((struct err){ .exit = EXIT_FAILED })

#define _printf_(fmt_index, first) __attribute__((format(printf, fmt_index, first)))
#define _must_check_		   __attribute__((warn_unused_result))

/*
 * Fills `err` and returns -code. `code` is a positive errno, passed explicitly so that a call in between cannot
 * replace it. The exit status follows from the errno (EPERM: PERMISSION, ENOSPC and EDQUOT: NO_SPACE, ...).
 * err_sys() appends ": " and the text of the errno to the message.
 */
int err_set(struct err *err, int code, const char *fmt, ...) _printf_(3, 4) _must_check_;
int err_sys(struct err *err, int code, const char *fmt, ...) _printf_(3, 4) _must_check_;

/* As err_set(), with an explicit exit status. */
int err_exit(struct err *err, enum exit_code exit, int code, const char *fmt, ...) _printf_(4, 5) _must_check_;

/* Puts "what: " before the message of an error that is already set; returns -err->code. */
int err_wrap(struct err *err, const char *fmt, ...) _printf_(2, 3) _must_check_;

/* Out of memory is an error like any other. */
#define err_oom(err) err_set((err), ENOMEM, "out of memory")
