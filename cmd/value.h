/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"
#include "base/str.h"

/* One value of something that is shown: the same for tables, for lines of text, and, with its type, for JSON. */
enum value_kind {
	VALUE_NONE, /* unknown or unlimited: empty, null */
	VALUE_TEXT,
	VALUE_WORDS, /* text, separated by commas: a list in JSON */
	VALUE_NUMBER,
	VALUE_SIZE,  /* bytes, rounded for humans */
	VALUE_LIMIT, /* bytes, exact: as it was set */
	VALUE_RATE,  /* bits per second */
	VALUE_MILLI, /* thousandths */
	VALUE_USEC,  /* a duration */
	VALUE_TIME,  /* seconds since 1970 */
	VALUE_BOOL,
};

struct value {
	enum value_kind kind;
	uint64_t number;
	char *text; /* owned */
};

void value_free(struct value *v);
static inline void cleanup_value(struct value *v)
{
	value_free(v);
}
#define _cleanup_value_ __attribute__((cleanup(cleanup_value)))

/* A copy of the text; NULL is no value. Without memory it is no value either. */
struct value value_of_text(const char *text);
static inline struct value value_of_number(enum value_kind kind, uint64_t number)
{
	return (struct value){ .kind = kind, .number = number };
}

/* Of a number of which 0 means that there is none. */
static inline struct value value_of_nonzero(enum value_kind kind, uint64_t number)
{
	return value_of_number(number ? kind : VALUE_NONE, number);
}

/* A list of words, whose text it takes over; an empty one, and NULL, is no value. */
struct value value_of_words(char *text);

/* As humans read it: "1.5G", "2 h 3 min", "yes". */
void value_add_text(const struct value *v, struct strbuf *b);
void value_add_json(const struct value *v, struct json *object, const char *key);

static inline bool value_kind_is_number(enum value_kind kind)
{
	return kind == VALUE_NUMBER || kind == VALUE_SIZE || kind == VALUE_LIMIT || kind == VALUE_RATE || kind == VALUE_MILLI ||
	       kind == VALUE_USEC;
}
