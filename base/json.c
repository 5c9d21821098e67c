/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#include "base/cleanup.h"

/* A struct json is json-c's own object: no wrapper, no allocation of ours. */
static struct json_object *raw(const struct json *j)
{
	return (struct json_object *)j;
}

struct json *json_object_new_doc(void)
{
	return (struct json *)json_object_new_object();
}

struct json *json_array_new_doc(void)
{
	return (struct json *)json_object_new_array();
}

void json_free(struct json *j)
{
	json_object_put(raw(j));
}

static void add(struct json *parent, const char *key, struct json_object *child)
{
	int r = key ? json_object_object_add(raw(parent), key, child) : json_object_array_add(raw(parent), child);

	if (r < 0)
		json_object_put(child);
}

void json_add_string(struct json *object, const char *key, const char *value)
{
	add(object, key, value ? json_object_new_string(value) : NULL);
}

void json_add_u64(struct json *object, const char *key, uint64_t value)
{
	add(object, key, json_object_new_uint64(value));
}

void json_add_bool(struct json *object, const char *key, bool value)
{
	add(object, key, json_object_new_boolean(value));
}

void json_add_null(struct json *object, const char *key)
{
	add(object, key, NULL);
}

void json_add_child(struct json *parent, const char *key, struct json *child)
{
	add(parent, key, raw(child));
}

void json_append_string(struct json *array, const char *value)
{
	add(array, NULL, json_object_new_string(value));
}

char *json_render(const struct json *j, bool pretty)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE |
		    (pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN);
	const char *text = json_object_to_json_string_ext(raw(j), flags);

	return text ? strdup(text) : NULL;
}

int json_parse(const char *text, const char *what, struct json **ret, struct err *err)
{
	struct json_tokener *tok = json_tokener_new_ex(32);
	size_t len = strlen(text);

	if (!tok)
		return err_oom(err);
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);

	/* With its terminator, so that a bare number at the end is complete. */
	struct json_object *o = len < INT32_MAX ? json_tokener_parse_ex(tok, text, (int)len + 1) : NULL;
	enum json_tokener_error e = json_tokener_get_error(tok);
	size_t end = json_tokener_get_parse_end(tok);

	json_tokener_free(tok);
	if (e != json_tokener_success || !o || end < len) {
		json_object_put(o);
		return err_set(err, EBADMSG, "%s: not valid JSON at byte %zu", what, end);
	}
	*ret = (struct json *)o;
	return 0;
}

static int member(const struct json *object, const char *key, enum json_type type, struct json_object **ret)
{
	if (!json_object_is_type(raw(object), json_type_object))
		return -EBADMSG;
	if (!json_object_object_get_ex(raw(object), key, ret))
		return -ENOENT;
	return json_object_is_type(*ret, type) ? 0 : -EBADMSG;
}

int json_get_string(const struct json *object, const char *key, const char **ret)
{
	struct json_object *o;
	int r = member(object, key, json_type_string, &o);

	/* A zero in it ("\u0000") would hide the rest of it. */
	if (r == 0 && strlen(json_object_get_string(o)) != (size_t)json_object_get_string_len(o))
		return -EBADMSG;
	if (r == 0)
		*ret = json_object_get_string(o);
	return r;
}

int json_get_u64(const struct json *object, const char *key, uint64_t *ret)
{
	struct json_object *o;
	int r = member(object, key, json_type_int, &o);

	if (r == 0 && json_object_get_int64(o) < 0)
		return -EBADMSG;
	if (r == 0)
		*ret = json_object_get_uint64(o);
	return r;
}

int json_get_bool(const struct json *object, const char *key, bool *ret)
{
	struct json_object *o;
	int r = member(object, key, json_type_boolean, &o);

	if (r == 0)
		*ret = json_object_get_boolean(o);
	return r;
}
