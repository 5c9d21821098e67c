/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/net_columns.h"

#include <string.h>

#include "base/cleanup.h"
#include "netns/address.h"

static struct value get_guest(const void *row, const struct column *column _unused_)
{
	const struct net_row *n = row;

	return value_of_text(n->guest->name);
}

static struct value get_interface(const void *row, const struct column *column _unused_)
{
	const struct net_row *n = row;

	return value_of_text(n->iface->name);
}

static struct value get_state(const void *row, const struct column *column _unused_)
{
	const struct net_row *n = row;

	if (n->is_plugged)
		return value_of_text("up");
	if (n->state != GUEST_RUNNING && n->state != GUEST_UNMONITORED)
		return value_of_text(guest_state_word(n->state));
	return value_of_text(n->iface->net == NET_MODE_NONE ? "none" : "missing");
}

static struct value get_link(const void *row, const struct column *column _unused_)
{
	const struct net_row *n = row;

	return value_of_text(n->plan && n->plan->link[0] ? n->plan->link : NULL);
}

static struct value words_of(const struct net_address *list, size_t n, bool with_prefix)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < n; i++) {
		char room[NET_ADDRESS_ROOM];

		if (!list[i].family)
			continue;
		net_address_format(&list[i], with_prefix, room);
		strbuf_addf(&b, "%s%s", b.len > 0 ? ", " : "", room);
	}
	return value_of_words(strbuf_take(&b));
}

/* As the guest has them, with their prefixes; of one that is given nothing, as they were set. */
static struct value get_addresses(const void *row, const struct column *column _unused_)
{
	const struct net_row *n = row;

	return n->plan ? words_of(n->plan->addresses, n->plan->n_addresses, true)
		       : value_of_param(n->iface, interface_param_find("ip"));
}

static const struct column own_columns[] = {
	{ "guest", "guest", COLUMN_DEFAULT, get_guest, 0, NULL },
	{ "interface", "interface", COLUMN_DEFAULT, get_interface, 0, NULL },
	{ "state", "state", COLUMN_DEFAULT, get_state, 0, NULL },
	{ "addresses", "addresses", COLUMN_DEFAULT, get_addresses, 0, NULL },
	{ "link", "link", COLUMN_DEFAULT, get_link, 0, NULL },
};

static struct value mac_of(const struct net_plan *plan)
{
	const uint8_t *m = plan->mac;
	char room[sizeof("00:00:00:00:00:00")];

	snprintf(room, sizeof(room), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
	return value_of_text(room);
}

/* What was not set has a value all the same. */
static struct value derived(const struct net_plan *plan, const char *key)
{
	if (strcmp(key, "mac") == 0)
		return mac_of(plan);
	if (strcmp(key, "gateway") == 0)
		return words_of(plan->gateways, ARRAY_SIZE(plan->gateways), false);
	if (strcmp(key, "bridge") == 0 && plan->bridge[0])
		return value_of_text(plan->bridge);
	return (struct value){ 0 };
}

static struct value get_param(const void *row, const struct column *column)
{
	const struct net_row *n = row;
	const struct param *p = column->detail;
	struct value v = value_of_param(n->iface, p);

	return v.kind == VALUE_NONE && n->plan ? derived(n->plan, p->key) : v;
}

int net_columns_new(struct columns *ret, struct err *err)
{
	static const char *const shown[] = { "net", "rate-in", "rate-out", NULL };
	const struct param_columns params = { interface_param_at, get_param, shown };

	return columns_new(own_columns, ARRAY_SIZE(own_columns), &params, ret, err);
}
