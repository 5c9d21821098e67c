/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/json.h"
#include "cmd/app.h"
#include "cmd/parse.h"
#include "cmd/value.h"

/*
 * Things of one kind (guests, templates, pools) as a table, as JSON, or one of them line by line. What can be shown of a thing is
 * a list of columns.
 */
enum column_flags {
	COLUMN_DEFAULT = 1 << 0, /* in the table unless -o says otherwise */
	COLUMN_USAGE = 1 << 1,	 /* costs time: only when asked for */
	COLUMN_RIGHT = 1 << 2,	 /* numbers */
	COLUMN_PARAM = 1 << 3,	 /* of guests: a parameter */
};

struct column {
	const char *name; /* as -o has it, lower case: "memory-used"; the heading is the same in capitals */
	const char *key;  /* in JSON, with its unit: "memory_used_bytes" */
	unsigned flags;
	struct value (*get)(const void *row, const struct column *column);
	size_t offset;	    /* for `get`: of the field in the row */
	const void *detail; /* for `get`: anything else */
};

struct listing;

/*
 * Chooses columns as --output says: "a,b", "all", or NULL for the default. Exit status USAGE names an unknown one and those that
 * exist.
 */
int listing_begin(const struct column *columns, size_t n_columns, const struct request *request, struct listing **ret,
		  struct err *err) _must_check_;
void listing_free(struct listing *listing);
static inline void cleanup_listing(struct listing **l)
{
	listing_free(*l);
}
#define _cleanup_listing_ __attribute__((cleanup(cleanup_listing)))

/* Is any column with one of these flags shown? */
bool listing_wants(const struct listing *listing, unsigned flags);
int listing_row(struct listing *listing, const void *row, struct err *err) _must_check_;
int listing_print(struct listing *listing, struct app *app, struct err *err) _must_check_;

/* An object with the columns whose flags have nothing of `without`; NULL when there is no memory. */
struct json *columns_to_json(const struct column *columns, size_t n, unsigned without, const void *row) _must_check_;

/* Prints "name   value" of the columns whose flags have nothing of `without`, but not those without a value. */
void columns_print(struct app *app, const struct column *columns, size_t n, unsigned without, const void *row);

/* Prints a document with its newline. */
int print_json(struct app *app, const struct json *doc, struct err *err) _must_check_;
