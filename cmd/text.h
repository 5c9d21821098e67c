/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "base/str.h"

/* Text for humans. */

/*
 * Prints words, folded to `width` columns, each line but the first indented by `indent`; the first begins where `column` says the
 * cursor is.
 */
void text_fold(FILE *out, const char *text, size_t column, size_t indent, size_t width);

/* A term and, from column `indent` on, what it means. */
void text_define(FILE *out, const char *term, const char *meaning, size_t indent, size_t width);

/* "1.5G", "212K": at most four digits; for reading, not exact. */
void text_size(struct strbuf *b, uint64_t bytes);

/* "3 d 4 h", "12 min 3 s", "0.52 s" of microseconds. */
void text_duration(struct strbuf *b, uint64_t usec);

/* "2026-11-21 18:00:03", local time, of seconds since 1970. */
void text_time(struct strbuf *b, uint64_t seconds);

/*
 * Prints what a guest or an image gave us. Control characters could talk to the reader's terminal: all but newline and tab are
 * shown as \xNN, except that with `colours` those sequences stay which only set colours (ECMA-48 SGR), and carriage returns
 * before a newline go.
 */
void text_safe(FILE *out, const char *s, bool colours);
