/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/guest_columns.h"

#include "base/cleanup.h"
#include "base/str.h"

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

static struct value get_init_pid(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_nonzero(VALUE_NUMBER, (uint64_t)g->status.init_pid);
}

static struct value get_monitor_pid(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_nonzero(VALUE_NUMBER, (uint64_t)g->status.monitor_pid);
}

static struct value get_started(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_nonzero(VALUE_TIME, g->status.started_at);
}

static struct value get_suspended(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_nonzero(VALUE_TIME, g->status.suspended_at);
}

static struct value get_checkpoint(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_nonzero(VALUE_SIZE, g->status.checkpoint_bytes);
}

static struct value get_checkpoints(const void *row, const struct column *column _unused_)
{
	const struct guest_row *g = row;

	return value_of_nonzero(VALUE_NUMBER, g->status.n_checkpoints);
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
	{ "checkpoints", "checkpoints", COLUMN_USAGE | COLUMN_RIGHT, get_checkpoints, 0, NULL },
	{ "traffic-in", "traffic_in_bytes", COLUMN_USAGE | COLUMN_RIGHT, TRAFFIC(traffic_in) },
	{ "traffic-out", "traffic_out_bytes", COLUMN_USAGE | COLUMN_RIGHT, TRAFFIC(traffic_out) },
};

static struct value get_param(const void *row, const struct column *column)
{
	const struct guest_row *g = row;

	return g->guest ? value_of_param(&g->guest->config, column->detail) : value_of_text(NULL);
}

int guest_columns_new(struct columns *ret, struct err *err)
{
	static const char *const shown[] = { "template", "memory", "cpus", "disk", "autostart", NULL };
	const struct param_columns params = { param_at, get_param, shown };

	return columns_new(own_columns, ARRAY_SIZE(own_columns), &params, ret, err);
}
