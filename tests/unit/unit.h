/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Included first by every unit test: cmocka wants these before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/err.h"

/* Functions and not macros, so that a test's own nesting is all that counts. */
static inline _unused_ void unit_check_ok(bool is_ok, const char *call, const struct err *err, const char *file, int line)
{
	if (is_ok)
		return;
	print_error("ERROR: %s: %s\n", call, err->msg);
	_fail(file, line);
}

static inline _unused_ void unit_check_has(const struct err *err, const char *part, const char *file, int line)
{
	if (strstr(err->msg, part))
		return;
	print_error("ERROR: '%s' is not in: %s\n", part, err->msg);
	_fail(file, line);
}

/* A call that must succeed; on failure the test shows the error's own message. */
#define assert_ok(call, err) unit_check_ok((call) >= 0, #call, (err), __FILE__, __LINE__)

/* An error must name its thing: `part` has to be in its message. */
#define assert_err_has(err, part) unit_check_has((err), (part), __FILE__, __LINE__)
