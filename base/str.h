/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Strings, numbers with units, and a growing buffer. */

/* A new string that the caller frees, or NULL when there is no memory. */
char *str_printf(const char *fmt, ...) _printf_(1, 2) _must_check_;

static inline bool str_is_empty(const char *s)
{
	return !s || !*s;
}

bool str_has_prefix(const char *s, const char *prefix);

/* Cuts white space from both ends, in place; returns the first kept character. */
char *str_trim(char *s);

/* Is it UTF-8 (RFC 3629) without control characters, those of U+0080 to U+009F included? */
bool str_is_printable(const char *s);

/*
 * Copies `src` into `dst` of `size` bytes. -ENAMETOOLONG, and an empty `dst`, if it does not fit: a cut name is a different name.
 */
int str_copy(char *dst, size_t size, const char *src) _must_check_;

/* Frees the string that `field` owns (NULL: none) and puts a copy of `value`, which may be a part of it, there. 0 or -ENOMEM. */
int str_replace(char **field, const char *value, struct err *err) _must_check_;

/*
 * The names of guests, templates, pools and plans: [a-z0-9][a-z0-9-]{0,62}. `kind` is the word for the message ("guest").
 * Returns 0, or -EINVAL with a message that says what is allowed.
 */
int str_check_name(const char *kind, const char *name, struct err *err) _must_check_;

/* Whole decimal number without sign, blanks or rest, at most `max`. 0 or -EINVAL / -ERANGE. */
int str_to_u64(const char *s, uint64_t max, uint64_t *ret) _must_check_;

/*
 * A size in bytes: a number, an optional K, M, G or T (powers of 1024, "iB" and "B" may follow, either case).
 * Decimal fractions are allowed with a unit ("1.5G"). 0 or -EINVAL / -ERANGE.
 */
int str_to_size(const char *s, uint64_t *ret) _must_check_;

/*
 * A rate in bits per second: a number, an optional K, M, G or T (powers of 1000, "bit" may follow, either case), with decimals as
 * above. 0 or -EINVAL / -ERANGE.
 */
int str_to_rate(const char *s, uint64_t *ret) _must_check_;

/* A number with at most three decimals, in thousandths ("1.5" is 1500). 0 or -EINVAL / -ERANGE. */
int str_to_milli(const char *s, uint64_t *ret) _must_check_;

/* yes/no, true/false, on/off, 1/0. 0 or -EINVAL. */
int str_to_bool(const char *s, bool *ret) _must_check_;

/* Writes the shortest exact form that str_to_size(), _rate() or _milli() reads back ("512M"). The room is 32 bytes. */
#define STR_NUMBER_ROOM 32
void str_from_size(uint64_t bytes, char room[STR_NUMBER_ROOM]);
void str_from_rate(uint64_t bits, char room[STR_NUMBER_ROOM]);
void str_from_milli(uint64_t milli, char room[STR_NUMBER_ROOM]);

/*
 * A string that grows. Starts as { 0 }; an append that finds no memory leaves `failed` set and later ones do nothing,
 * so that the caller checks once, at strbuf_take(), which returns NULL then. The data is always terminated.
 */
struct strbuf {
	char *data;
	size_t len;
	size_t room;
	bool failed;
};

void strbuf_add(struct strbuf *b, const char *s);
void strbuf_add_bytes(struct strbuf *b, const char *s, size_t len);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) _printf_(2, 3);
char *strbuf_take(struct strbuf *b) _must_check_;
void strbuf_free(struct strbuf *b);
