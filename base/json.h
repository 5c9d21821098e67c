/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * JSON documents, by json-c. An object is built with the json_add calls and rendered once; a failed allocation is remembered in
 * the document and comes out at the end, as with strbuf.
 */
struct json;

struct json *json_object_new_doc(void) _must_check_; /* NULL when there is no memory */
struct json *json_array_new_doc(void) _must_check_;
void json_free(struct json *j);
static inline void cleanup_json(struct json **j)
{
	json_free(*j);
}
#define _cleanup_json_ __attribute__((cleanup(cleanup_json)))

void json_add_string(struct json *object, const char *key, const char *value); /* NULL becomes null */
void json_add_u64(struct json *object, const char *key, uint64_t value);
void json_add_bool(struct json *object, const char *key, bool value);
void json_add_null(struct json *object, const char *key);
/* The child belongs to the parent afterwards, also when the call fails. `key` is NULL in an array. */
void json_add_child(struct json *parent, const char *key, struct json *child);
void json_append_string(struct json *array, const char *value);

/* The text, which the caller frees; indented by two blanks if `pretty`. NULL when there is no memory. */
char *json_render(const struct json *j, bool pretty) _must_check_;

/* Parses a whole text strictly; `what` names it in messages. -EBADMSG on anything that is not one JSON value. */
int json_parse(const char *text, const char *what, struct json **ret, struct err *err) _must_check_;

/*
 * Members of an object: 0, -ENOENT if it is missing, -EBADMSG if it has another type, is negative, or is a string with a zero in
 * it. A number that does not fit is the largest that does. Strings belong to the document.
 */
int json_get_string(const struct json *object, const char *key, const char **ret) _must_check_;
int json_get_u64(const struct json *object, const char *key, uint64_t *ret) _must_check_;
int json_get_bool(const struct json *object, const char *key, bool *ret) _must_check_;
