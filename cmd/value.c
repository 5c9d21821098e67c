/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/value.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/text.h"

void value_free(struct value *v)
{
	free(v->text);
	*v = (struct value){ 0 };
}

struct value value_of_text(const char *text)
{
	struct value v = { .kind = VALUE_TEXT, .text = text ? strdup(text) : NULL };

	if (!v.text)
		v.kind = VALUE_NONE;
	return v;
}

struct value value_of_words(char *text)
{
	if (!text || !*text) {
		free(text);
		return (struct value){ 0 };
	}
	return (struct value){ .kind = VALUE_WORDS, .text = text };
}

void value_add_text(const struct value *v, struct strbuf *b)
{
	char room[STR_NUMBER_ROOM];

	switch (v->kind) {
	case VALUE_NONE:
		break;
	case VALUE_TEXT:
	case VALUE_WORDS:
		strbuf_add(b, v->text ? v->text : "");
		break;
	case VALUE_NUMBER:
		strbuf_addf(b, "%" PRIu64, v->number);
		break;
	case VALUE_SIZE:
		text_size(b, v->number);
		break;
	case VALUE_LIMIT:
		str_from_size(v->number, room);
		strbuf_add(b, room);
		break;
	case VALUE_RATE:
		str_from_rate(v->number, room);
		strbuf_add(b, room);
		break;
	case VALUE_MILLI:
		str_from_milli(v->number, room);
		strbuf_add(b, room);
		break;
	case VALUE_USEC:
		text_duration(b, v->number);
		break;
	case VALUE_TIME:
		text_time(b, v->number);
		break;
	case VALUE_BOOL:
		strbuf_add(b, v->number ? "yes" : "no");
		break;
	}
}

static void add_words(const char *words, struct json *object, const char *key)
{
	struct json *list = json_array_new_doc();

	while (list && words && *words) {
		words += strspn(words, " ");

		size_t len = strcspn(words, ",");
		_cleanup_free_ char *word = strndup(words, len);

		if (word && len > 0)
			json_append_string(list, word);
		words += len + (words[len] == ',');
	}
	json_add_child(object, key, list);
}

void value_add_json(const struct value *v, struct json *object, const char *key)
{
	switch (v->kind) {
	case VALUE_NONE:
		json_add_null(object, key);
		break;
	case VALUE_TEXT:
		json_add_string(object, key, v->text);
		break;
	case VALUE_WORDS:
		add_words(v->text, object, key);
		break;
	case VALUE_BOOL:
		json_add_bool(object, key, v->number);
		break;
	case VALUE_NUMBER:
	case VALUE_SIZE:
	case VALUE_LIMIT:
	case VALUE_RATE:
	case VALUE_MILLI:
	case VALUE_USEC:
	case VALUE_TIME:
		json_add_u64(object, key, v->number);
		break;
	}
}
