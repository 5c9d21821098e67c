/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Files of "key = value" lines in [sections], made to be edited by hand: # and ; begin a comment, and so does " ;" behind a
 * value; unknown keys stay where they are; a line may be indented and never continues the one above. Reading is libinih's;
 * changing keeps every other line as it was.
 */

/*
 * Called for each key. Returns 0, or a negative errno after setting `err`: the reader then stops and puts
 * "FILE line N: " before the message; N counts from 1.
 */
typedef int (*ini_key_fn)(void *context, const char *section, const char *key, const char *value, struct err *err);

/*
 * Reads the file `name` below `dir_fd`; `shown` is its name for messages. Errors of the file itself (no value, a NUL byte, a
 * key's line longer than libinih takes, which are 198 bytes) have the exit status BAD_CONFIG. A missing file is -ENOENT.
 */
int ini_read_at(int dir_fd, const char *name, const char *shown, ini_key_fn handler, void *context, struct err *err) _must_check_;

/*
 * Changes one key of a text in memory, or removes it (value NULL), and returns the new text, which the caller frees, or NULL when
 * there is no memory. A key that is not there goes to the end of its section, which is made if it is missing; "" is the part
 * before the first section. A value of several lines becomes as many lines of the key.
 */
char *ini_edit(const char *text, const char *section, const char *key, const char *value) _must_check_;

/* The text without a section: its line, and what follows up to the next section. The caller frees it; NULL: no memory. */
char *ini_remove_section(const char *text, const char *section) _must_check_;
