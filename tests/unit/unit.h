/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Included first by every unit test: cmocka wants these before its own header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/err.h"

/* A call that must succeed; on failure the test shows the error's own message. */
#define assert_ok(call, err)                                                   \
	do {                                                                   \
		if ((call) < 0)                                                \
			fail_msg("%s: %s", #call, (err)->msg);                 \
	} while (0)

/* An error must name its thing: `part` has to be in its message. */
#define assert_err_has(err, part)                                              \
	do {                                                                   \
		if (!strstr((err)->msg, (part)))                               \
			fail_msg("'%s' is not in: %s", (part), (err)->msg);    \
	} while (0)
