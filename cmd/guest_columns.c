/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/guest_columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/params.h"

static struct value get_name(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_text(g->name);
}

static struct value get_state(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_text(guest_state_word(g->status.state));
}

static struct value get_busy(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_text(g->status.busy[0] ? g->status.busy : NULL);
}

static struct value get_error(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_text(g->error);
}

/* 0 is no pid and no time of ours. */
static struct value known(enum value_kind kind, uint64_t number)
{
	return value_of_number(number ? kind : VALUE_NONE, number);
}

static struct value get_init_pid(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return known(VALUE_NUMBER, (uint64_t)g->status.init_pid);
}

static struct value get_monitor_pid(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return known(VALUE_NUMBER, (uint64_t)g->status.monitor_pid);
}

static struct value get_started(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return known(VALUE_TIME, g->status.started_at);
}

static struct value get_usage(const void *row, const struct column *column)
{
	const struct guest_row *g = row;
	size_t offset = column->offset;
	enum value_kind kind = offset == offsetof(struct guest_status, cpu_usec) ? VALUE_USEC
			       : offset == offsetof(struct guest_status, n_pids) ? VALUE_NUMBER
										 : VALUE_SIZE;
	bool has_it = g->has_usage && (offset != offsetof(struct guest_status, disk_bytes) || g->status.has_disk);

	return value_of_number(has_it ? kind : VALUE_NONE, *(const uint64_t *)((const char *)&g->status + offset));
}

#define USAGE(field) get_usage, offsetof(struct guest_status, field), NULL

static const struct column own_columns[] = {
	{ "name", "name", COLUMN_DEFAULT, get_name, 0, NULL },
	{ "state", "state", COLUMN_DEFAULT, get_state, 0, NULL },
	{ "init-pid", "init_pid", COLUMN_RIGHT, get_init_pid, 0, NULL },
	{ "monitor-pid", "monitor_pid", COLUMN_RIGHT, get_monitor_pid, 0, NULL },
	{ "started", "started_at", 0, get_started, 0, NULL },
	{ "busy", "busy", 0, get_busy, 0, NULL },
	{ "error", "error", 0, get_error, 0, NULL },
	{ "memory-used", "memory_used_bytes", COLUMN_USAGE | COLUMN_RIGHT, USAGE(memory_bytes) },
	{ "cpu-time", "cpu_usec", COLUMN_USAGE | COLUMN_RIGHT, USAGE(cpu_usec) },
	{ "processes", "processes", COLUMN_USAGE | COLUMN_RIGHT, USAGE(n_pids) },
	{ "disk-used", "disk_used_bytes", COLUMN_USAGE | COLUMN_RIGHT, USAGE(disk_bytes) },
};

static struct value value_of_string(const struct param *p, const char *text)
{
	uint64_t number;

	/* Of the values that ctctl itself writes, the first id is a number. */
	if (text && p->kind == PARAM_INTERNAL && str_to_u64(text, UINT64_MAX, &number) == 0)
		return value_of_number(VALUE_NUMBER, number);
	return value_of_text(text);
}

struct value value_of_param(const struct guest_config *config, const struct param *p)
{
	const void *field = (const char *)config + p->offset;
	uint64_t number = param_is_number(p) ? *(const uint64_t *)field : 0;

	switch (p->kind) {
	case PARAM_SIZE:
		return known(VALUE_LIMIT, number);
	case PARAM_MILLI:
		return known(VALUE_MILLI, number);
	case PARAM_NUMBER:
		return *p->dflt ? value_of_number(VALUE_NUMBER, number) : known(VALUE_NUMBER, number);
	case PARAM_BOOL:
		return value_of_number(VALUE_BOOL, number);
	case PARAM_FEATURES:
		return (struct value){ .kind = VALUE_WORDS, .text = config_get(config, p) };
	case PARAM_TEXT:
	case PARAM_NAME:
	case PARAM_HOSTNAME:
	case PARAM_CIDR:
	case PARAM_ADDRESS:
	case PARAM_CPUSET:
	case PARAM_INTERNAL:
		break;
	}
	return value_of_string(p, *(char *const *)field);
}

static struct value get_param(const void *row, const struct column *column)
{
	const struct guest_row *g = row;

	return g->guest ? value_of_param(&g->guest->config, column->detail) : value_of_text(NULL);
}

static bool is_default_column(const char *key)
{
	static const char *const keys[] = { "template", "memory", "cpus", "disk", "ip", "autostart" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
}

/* "memory" becomes "memory_bytes": a number without its unit is a riddle. */
static char *json_key(const struct param *p)
{
	const char *unit = p->kind == PARAM_SIZE ? "_bytes" : p->kind == PARAM_MILLI ? "_milli" : "";
	char *key = str_printf("%s%s", p->key, unit);

	for (char *c = key; c && *c; c++) {
		if (*c == '-')
			*c = '_';
	}
	return key;
}

static struct column param_column(const struct param *p, const char *key)
{
	bool right = p->kind == PARAM_SIZE || p->kind == PARAM_MILLI || p->kind == PARAM_NUMBER;
	unsigned flags = COLUMN_PARAM | (right ? COLUMN_RIGHT : 0) | (is_default_column(p->key) ? COLUMN_DEFAULT : 0);

	return (struct column){ p->key, key, flags, get_param, 0, p };
}

int guest_columns_new(struct guest_columns *ret, struct err *err)
{
	size_t n_params = 0;

	while (param_at(n_params))
		n_params++;
	*ret = (struct guest_columns){
		.columns = calloc(ARRAY_SIZE(own_columns) + n_params, sizeof(*ret->columns)),
		.keys = calloc(n_params + 1, sizeof(*ret->keys)),
	};
	if (!ret->columns || !ret->keys)
		return err_oom(err);
	memcpy(ret->columns, own_columns, sizeof(own_columns));
	ret->n = ARRAY_SIZE(own_columns);
	for (size_t i = 0; i < n_params; i++) {
		ret->keys[i] = json_key(param_at(i));
		if (!ret->keys[i])
			return err_oom(err);
		ret->columns[ret->n++] = param_column(param_at(i), ret->keys[i]);
	}
	return 0;
}

void guest_columns_free(struct guest_columns *c)
{
	for (size_t i = 0; c->keys && c->keys[i]; i++)
		free(c->keys[i]);
	free(c->keys);
	free(c->columns);
	*c = (struct guest_columns){ 0 };
}
