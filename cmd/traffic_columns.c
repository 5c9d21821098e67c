/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/cleanup.h"
#include "cmd/net_columns.h"

static struct value get_guest(const void *row, const struct column *column _unused_)
{
	const struct traffic_row *t = row;

	return value_of_text(t->guest);
}

static struct value get_interface(const void *row, const struct column *column _unused_)
{
	const struct traffic_row *t = row;

	return value_of_text(t->report->interface);
}

static const void *field_of(const void *row, const struct column *column)
{
	const struct traffic_row *t = row;

	return (const char *)t->report + column->offset;
}

static struct value get_size(const void *row, const struct column *column)
{
	return value_of_number(VALUE_SIZE, *(const uint64_t *)field_of(row, column));
}

static struct value get_number(const void *row, const struct column *column)
{
	return value_of_number(VALUE_NUMBER, *(const uint64_t *)field_of(row, column));
}

static struct value get_quota(const void *row, const struct column *column)
{
	uint64_t quota = *(const uint64_t *)field_of(row, column);

	return value_of_number(quota ? VALUE_LIMIT : VALUE_NONE, quota);
}

/* Of both families. */
static struct value get_both(const void *row, const struct column *column)
{
	const struct net_count *of = field_of(row, column);

	return value_of_number(VALUE_SIZE, of[0].bytes + of[1].bytes);
}

#define TOTAL(field) offsetof(struct traffic_report, total.field)
#define BOTH(name, key, field)                                                                           \
	{                                                                                                \
		name, key "_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_both, TOTAL(field[0].bytes), NULL \
	}
#define ONE(name, key, field)                                                                         \
	{ name, key "_bytes", COLUMN_RIGHT, get_size, TOTAL(field.bytes), NULL },                     \
	{                                                                                             \
		name "-packets", key "_packets", COLUMN_RIGHT, get_number, TOTAL(field.packets), NULL \
	}

const struct column traffic_columns[] = {
	{ "guest", "guest", COLUMN_DEFAULT, get_guest, 0, NULL },
	{ "interface", "interface", COLUMN_DEFAULT, get_interface, 0, NULL },
	BOTH("in-outside", "in_outside", in[NET_OUTSIDE]),
	BOTH("out-outside", "out_outside", out[NET_OUTSIDE]),
	BOTH("in-local", "in_local", in[NET_LOCAL]),
	BOTH("out-local", "out_local", out[NET_LOCAL]),
	{ "month", "month_outside_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_size,
	  offsetof(struct traffic_report, month_outside_bytes), NULL },
	{ "quota", "quota_bytes", COLUMN_DEFAULT | COLUMN_RIGHT, get_quota, offsetof(struct traffic_report, quota_bytes), NULL },
	ONE("in-outside-ipv4", "in_outside_ipv4", in[NET_OUTSIDE][0]),
	ONE("in-outside-ipv6", "in_outside_ipv6", in[NET_OUTSIDE][1]),
	ONE("out-outside-ipv4", "out_outside_ipv4", out[NET_OUTSIDE][0]),
	ONE("out-outside-ipv6", "out_outside_ipv6", out[NET_OUTSIDE][1]),
	ONE("in-local-ipv4", "in_local_ipv4", in[NET_LOCAL][0]),
	ONE("in-local-ipv6", "in_local_ipv6", in[NET_LOCAL][1]),
	ONE("out-local-ipv4", "out_local_ipv4", out[NET_LOCAL][0]),
	ONE("out-local-ipv6", "out_local_ipv6", out[NET_LOCAL][1]),
	ONE("dropped", "dropped", dropped),
};
const size_t n_traffic_columns = ARRAY_SIZE(traffic_columns);
