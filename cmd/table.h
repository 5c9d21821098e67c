/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* A table for the terminal, by libsmartcols. Nothing is cut off, and control characters in a cell are shown as \xNN. */
struct table;

int table_new(struct table **ret, struct err *err) _must_check_;
void table_free(struct table *table);
static inline void cleanup_table(struct table **t)
{
	table_free(*t);
}
#define _cleanup_table_ __attribute__((cleanup(cleanup_table)))

int table_add_column(struct table *table, const char *heading, bool right, struct err *err) _must_check_;
int table_add_row(struct table *table, struct err *err) _must_check_;
/* The text of a cell of the last row; columns count from 0. */
int table_set(struct table *table, size_t column, const char *text, struct err *err) _must_check_;

/* The whole table with its headings, which the caller frees. */
int table_render(struct table *table, char **ret, struct err *err) _must_check_;
