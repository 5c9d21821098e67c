/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/listing.h"
#include "runtime/params.h"

/* Columns of things that have parameters: some of their own, then one for each parameter. */
struct columns {
	struct column *columns;
	size_t n;
	char **keys; /* of JSON, made from the parameters' */
};

struct param_columns {
	const struct param *(*at)(size_t index); /* NULL past the last one */
	struct value (*get)(const void *row, const struct column *column);
	const char *const *shown; /* the keys of those that are COLUMN_DEFAULT, then NULL */
};

/* The parameter is the `detail` of its column. On failure, too, columns_free() is the caller's to call. */
int columns_new(const struct column *own, size_t n_own, const struct param_columns *params, struct columns *ret,
		struct err *err) _must_check_;
void columns_free(struct columns *c);
#define _cleanup_columns_ __attribute__((cleanup(columns_free)))

/* The value of a parameter of the guest, or of an interface; limits that are not set are no value. */
struct value value_of_param(const void *object, const struct param *param);

/* What kind of value it is, where it has one. */
enum value_kind value_kind_of_param(const struct param *param);

/* "memory_bytes" for "memory": what it is in JSON. The caller frees; NULL: no memory. */
char *json_key_of_param(const struct param *param) _must_check_;
