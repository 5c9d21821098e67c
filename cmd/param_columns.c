/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/param_columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/interface.h"

static struct value value_of_string(const struct param *p, const char *text)
{
	uint64_t number;

	/* Of the values that ctctl itself writes, the first id is a number. */
	if (text && p->kind == PARAM_INTERNAL && str_to_u64(text, UINT64_MAX, &number) == 0)
		return value_of_number(VALUE_NUMBER, number);
	return value_of_text(text);
}

enum value_kind value_kind_of_param(const struct param *p)
{
	if (p->kind == PARAM_SIZE)
		return VALUE_LIMIT;
	if (p->kind == PARAM_RATE)
		return VALUE_RATE;
	if (p->kind == PARAM_MILLI)
		return VALUE_MILLI;
	if (p->kind == PARAM_NUMBER)
		return VALUE_NUMBER;
	if (p->kind == PARAM_BOOL)
		return VALUE_BOOL;
	return p->kind == PARAM_FEATURES || param_is_list(p) ? VALUE_WORDS : VALUE_TEXT;
}

struct value value_of_param(const void *object, const struct param *p)
{
	enum value_kind kind = value_kind_of_param(p);
	const void *field = (const char *)object + p->offset;

	/* Of a number without a default, 0 is none. */
	if (kind == VALUE_BOOL || (kind == VALUE_NUMBER && *p->dflt))
		return value_of_number(kind, *(const uint64_t *)field);
	if (value_kind_is_number(kind))
		return value_of_nonzero(kind, *(const uint64_t *)field);
	if (p->kind == PARAM_FEATURES)
		return (struct value){ .kind = kind, .text = param_get(object, p) };
	if (kind == VALUE_WORDS)
		return value_of_words(param_get(object, p));

	_cleanup_free_ char *text = param_get(object, p);

	return value_of_string(p, text && *text ? text : NULL);
}

/* "memory" becomes "memory_bytes": a number without its unit is a riddle. */
char *json_key_of_param(const struct param *p)
{
	const char *unit = p->kind == PARAM_SIZE    ? "_bytes"
			   : p->kind == PARAM_MILLI ? "_milli"
			   : p->kind == PARAM_RATE  ? "_bits_per_second"
						    : "";
	char *key = str_printf("%s%s", p->key, unit);

	for (char *c = key; c && *c; c++) {
		if (*c == '-')
			*c = '_';
	}
	return key;
}

static unsigned flags_of(const struct param *p, const char *const *shown)
{
	unsigned flags = COLUMN_PARAM | (value_kind_is_number(value_kind_of_param(p)) ? COLUMN_RIGHT : 0);

	for (; *shown; shown++)
		flags |= strcmp(*shown, p->key) == 0 ? COLUMN_DEFAULT : 0;
	return flags;
}

int columns_new(const struct column *own, size_t n_own, const struct param_columns *params, struct columns *ret, struct err *err)
{
	size_t n_params = 0;

	while (params->at(n_params))
		n_params++;
	*ret = (struct columns){
		.columns = calloc(n_own + n_params, sizeof(*ret->columns)),
		.keys = calloc(n_params + 1, sizeof(*ret->keys)),
	};
	if (!ret->columns || !ret->keys)
		return err_oom(err);
	memcpy(ret->columns, own, n_own * sizeof(*own));
	ret->n = n_own;
	for (size_t i = 0; i < n_params; i++) {
		const struct param *p = params->at(i);

		ret->keys[i] = json_key_of_param(p);
		if (!ret->keys[i])
			return err_oom(err);
		ret->columns[ret->n++] = (struct column){ p->key, ret->keys[i], flags_of(p, params->shown), params->get, 0, p };
	}
	return 0;
}

void columns_free(struct columns *c)
{
	for (size_t i = 0; c->keys && c->keys[i]; i++)
		free(c->keys[i]);
	free(c->keys);
	free(c->columns);
	*c = (struct columns){ 0 };
}
