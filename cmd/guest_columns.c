/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/guest_columns.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/interface.h"

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

/* A list of words, or no value where there is none. */
static struct value value_of_words(char *text)
{
	if (!text || !*text) {
		free(text);
		return value_of_text(NULL);
	}
	return (struct value){ .kind = VALUE_WORDS, .text = text };
}

/* Of all its interfaces, without what they are. */
static struct value get_ip(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;
	const struct guest_config *config = g->guest ? &g->guest->config : NULL;
	struct strbuf b = { 0 };

	strbuf_add(&b, "");
	for (size_t i = 0; config && i < config->n_interfaces; i++) {
		if (config->interfaces[i].ip)
			strbuf_addf(&b, "%s%s", b.len > 0 ? ", " : "", config->interfaces[i].ip);
	}
	return value_of_words(strbuf_take(&b));
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

static struct value get_suspended(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return known(VALUE_TIME, g->status.suspended_at);
}

static struct value get_checkpoint(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return known(VALUE_SIZE, g->status.checkpoint_bytes);
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

static struct value get_traffic(const void *row, const struct column *column)
{
	const struct guest_row *g = row;

	return value_of_number(g->has_traffic ? VALUE_SIZE : VALUE_NONE, *(const uint64_t *)((const char *)row + column->offset));
}

#define TRAFFIC(field) get_traffic, offsetof(struct guest_row, field), NULL
#define USAGE(field)   get_usage, offsetof(struct guest_status, field), NULL

static const struct column own_columns[] = {
	{ "name", "name", COLUMN_DEFAULT, get_name, 0, NULL },
	{ "state", "state", COLUMN_DEFAULT, get_state, 0, NULL },
	{ "init-pid", "init_pid", COLUMN_RIGHT, get_init_pid, 0, NULL },
	{ "monitor-pid", "monitor_pid", COLUMN_RIGHT, get_monitor_pid, 0, NULL },
	{ "started", "started_at", 0, get_started, 0, NULL },
	{ "busy", "busy", 0, get_busy, 0, NULL },
	{ "error", "error", 0, get_error, 0, NULL },
	{ "ip", "ip", COLUMN_DEFAULT, get_ip, 0, NULL },
	{ "memory-used", "memory_used_bytes", COLUMN_USAGE | COLUMN_RIGHT, USAGE(memory_bytes) },
	{ "cpu-time", "cpu_usec", COLUMN_USAGE | COLUMN_RIGHT, USAGE(cpu_usec) },
	{ "processes", "processes", COLUMN_USAGE | COLUMN_RIGHT, USAGE(n_pids) },
	{ "disk-used", "disk_used_bytes", COLUMN_USAGE | COLUMN_RIGHT, USAGE(disk_bytes) },
	{ "suspended", "suspended_at", COLUMN_USAGE, get_suspended, 0, NULL },
	{ "checkpoint", "checkpoint_bytes", COLUMN_USAGE | COLUMN_RIGHT, get_checkpoint, 0, NULL },
	{ "traffic-in", "traffic_in_bytes", COLUMN_USAGE | COLUMN_RIGHT, TRAFFIC(traffic_in) },
	{ "traffic-out", "traffic_out_bytes", COLUMN_USAGE | COLUMN_RIGHT, TRAFFIC(traffic_out) },
};

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
		return known(kind, *(const uint64_t *)field);
	if (p->kind == PARAM_FEATURES)
		return (struct value){ .kind = kind, .text = param_get(object, p) };
	if (kind == VALUE_WORDS)
		return value_of_words(param_get(object, p));

	_cleanup_free_ char *text = param_get(object, p);

	return value_of_string(p, text && *text ? text : NULL);
}

static struct value get_param(const void *row, const struct column *column)
{
	const struct guest_row *g = row;

	return g->guest ? value_of_param(&g->guest->config, column->detail) : value_of_text(NULL);
}

static bool is_default_column(const char *key)
{
	static const char *const keys[] = { "template", "memory", "cpus", "disk", "autostart" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i], key) == 0)
			return true;
	}
	return false;
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

static struct column param_column(const struct param *p, const char *key)
{
	bool right = value_kind_is_number(value_kind_of_param(p));
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
		ret->keys[i] = json_key_of_param(param_at(i));
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
