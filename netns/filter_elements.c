/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What an interface is, as elements of the sets and maps of filter_rules.c. */

#define ASKS_PER_S 10 /* a host asks once per second for each neighbour, and routed, it has one */

static const char *const counters[] = {
	"refused",     "out_local_v4", "out_local_v6",	"out_outside_v4", "out_outside_v6",
	"in_local_v4", "in_local_v6",  "in_outside_v4", "in_outside_v6",
};

static void append(uint8_t *room, uint32_t *len, const void *part, size_t part_len)
{
	size_t filled = (part_len + 3) & ~(size_t)3; /* each part of a concatenation fills whole 32-bit registers */

	if (*len + filled > FILTER_KEY_ROOM)
		return;
	memcpy(room + *len, part, part_len);
	*len += (uint32_t)filled;
}

void filter_key_add(struct filter_element *e, const void *part, size_t len)
{
	if (e)
		append(e->key, &e->key_len, part, len);
}

void filter_value_add(struct filter_element *e, const void *part, size_t len)
{
	if (e)
		append(e->value, &e->value_len, part, len);
}

struct filter_element *filter_element_add(struct filter_elements *list, uint8_t family, const char *set, const char *link)
{
	if (list->n == list->room) {
		size_t room = list->room ? 2 * list->room : 32;
		struct filter_element *grown = reallocarray(list->e, room, sizeof(*grown));

		if (!grown) {
			list->failed = true;
			return NULL;
		}
		list->e = grown;
		list->room = room;
	}

	struct filter_element *e = &list->e[list->n++];
	char name[IFNAMSIZ] = "";

	*e = (struct filter_element){ .family = family, .set = set };
	if (link) {
		memcpy(name, link, strnlen(link, IFNAMSIZ - 1));
		filter_key_add(e, name, sizeof(name));
	}
	return e;
}

bool filter_element_same_key(const struct filter_element *a, const struct filter_element *b)
{
	return a->family == b->family && strcmp(a->set, b->set) == 0 && a->key_len == b->key_len &&
	       memcmp(a->key, b->key, a->key_len) == 0;
}

static void set_verdict(struct filter_element *e, int verdict, const char *chain)
{
	if (!e)
		return;
	e->verdict = verdict;
	snprintf(e->chain, sizeof(e->chain), "%s", chain);
}

static void set_state(struct filter_element *e, enum filter_state state, uint64_t amount, uint64_t used)
{
	if (!e)
		return;
	e->state = state;
	e->amount = amount;
	e->used = used;
}

static void add_mac(struct filter_elements *list, uint8_t family, const char *set, const struct net_filter_spec *spec)
{
	filter_key_add(filter_element_add(list, family, set, spec->link), spec->mac, sizeof(spec->mac));
}

static void add_address(struct filter_elements *list, uint8_t family, const struct net_filter_spec *spec,
			const struct net_address *a)
{
	if (a->family == AF_INET) {
		filter_key_add(filter_element_add(list, family, "own_v4", spec->link), a->bytes, 4);
		return;
	}
	filter_key_add(filter_element_add(list, family, "own_v6", spec->link), a->bytes, 16);
	filter_key_add(filter_element_add(list, family, "nd_target", spec->link), a->bytes, 16);
}

/* Of one family, or of any (AF_UNSPEC). */
static bool has_prefix(const struct net_filter_spec *spec, int family)
{
	for (size_t i = 0; i < spec->n_prefixes; i++) {
		if (family == AF_UNSPEC || spec->prefixes[i].family == family)
			return true;
	}
	return false;
}

static void add_ask_limit(struct filter_elements *list, uint8_t family, const struct net_filter_spec *spec)
{
	set_state(filter_element_add(list, family, "ask_limit", spec->link), FILTER_STATE_PACKETS, ASKS_PER_S, 0);
}

/* Who it is. */
static void add_identity(struct filter_elements *list, uint8_t family, const struct net_filter_spec *spec)
{
	if (spec->level == NET_FILTER_NONE)
		return;
	add_mac(list, family, "own_mac", spec);
	if (spec->level == NET_FILTER_MAC)
		return;
	add_mac(list, family, "nd_mac", spec);

	struct net_address link_local;

	net_address_link_local(spec->mac, &link_local);
	add_address(list, family, spec, &link_local);
	for (size_t i = 0; i < spec->n_addresses; i++)
		add_address(list, family, spec, &spec->addresses[i]);
	if (has_prefix(spec, AF_UNSPEC))
		(void)filter_element_add(list, family, "prefixed", spec->link);
	if (family == NFPROTO_INET && has_prefix(spec, AF_INET6))
		add_ask_limit(list, family, spec);
}

/* A routed interface's ARP passes its own table: on a bridge it is a frame among others. */
static void add_arp(struct filter_elements *list, const struct net_filter_spec *spec)
{
	(void)filter_element_add(list, NFPROTO_ARP, "refused", spec->link);
	add_mac(list, NFPROTO_ARP, "own_mac", spec);
	for (size_t i = 0; i < spec->n_addresses; i++) {
		if (spec->addresses[i].family == AF_INET)
			add_address(list, NFPROTO_ARP, spec, &spec->addresses[i]);
	}
	if (has_prefix(spec, AF_INET)) {
		add_ask_limit(list, NFPROTO_ARP, spec);
		(void)filter_element_add(list, NFPROTO_ARP, "prefixed", spec->link);
	}
	(void)filter_element_add(list, NFPROTO_ARP, "guests_full", spec->link);
}

static void add_limits(struct filter_elements *list, uint8_t family, const struct net_filter_spec *spec)
{
	uint64_t bytes = spec->throttle_bits / 8;

	if (spec->packets_per_s)
		set_state(filter_element_add(list, family, "packet_limit", spec->link), FILTER_STATE_PACKETS, spec->packets_per_s,
			  0);
	if (spec->connections_per_s)
		set_state(filter_element_add(list, family, "syn_limit", spec->link), FILTER_STATE_PACKETS,
			  spec->connections_per_s, 0);
	if (!spec->quota_bytes)
		return;

	bool block = spec->quota_action == NET_QUOTA_BLOCK || bytes == 0;

	if (!block) {
		set_state(filter_element_add(list, family, "throttle_out", spec->link), FILTER_STATE_BYTES, bytes, 0);
		set_state(filter_element_add(list, family, "throttle_in", spec->link), FILTER_STATE_BYTES, bytes, 0);
	}

	uint64_t used = spec->quota_used_bytes < spec->quota_bytes ? spec->quota_used_bytes : spec->quota_bytes;

	/* The kernel refuses a quota of which more is used than there is. */
	set_state(filter_element_add(list, family, block ? "quota_block" : "quota_throttle", spec->link), FILTER_STATE_QUOTA,
		  spec->quota_bytes, used);
}

static void add_publish(struct filter_elements *list, const struct net_filter_spec *spec, const struct net_publish *p, int family)
{
	const struct net_address *target = NULL;

	if (p->listen.family != 0 && p->listen.family != family)
		return;
	for (size_t i = 0; i < spec->n_addresses && !target; i++) {
		if (spec->addresses[i].family == family)
			target = &spec->addresses[i];
	}
	if (!target)
		return;

	const char *any = family == AF_INET ? "publish_v4" : "publish_v6";
	const char *at = family == AF_INET ? "publish_at_v4" : "publish_at_v6";
	uint16_t host_port = htons(p->host_port);
	uint16_t guest_port = htons(p->guest_port);
	struct filter_element *e = filter_element_add(list, NFPROTO_INET, p->listen.family ? at : any, NULL);

	if (!e)
		return;
	e->owner = spec->link;
	if (p->listen.family)
		filter_key_add(e, p->listen.bytes, net_address_len(&p->listen));
	filter_key_add(e, &p->protocol, 1);
	filter_key_add(e, &host_port, sizeof(host_port));
	filter_value_add(e, target->bytes, net_address_len(target));
	filter_value_add(e, &guest_port, sizeof(guest_port));
}

int filter_elements_of(const struct net_filter_spec *spec, struct filter_elements *ret, struct err *err)
{
	static const char *const levels[] = { "guests_full", "guests_mac", "guests_none" };
	uint8_t family = spec->is_bridged ? NFPROTO_BRIDGE : NFPROTO_INET;
	char chain[FILTER_CHAIN_ROOM];

	for (size_t i = 0; i < ARRAY_SIZE(counters); i++)
		(void)filter_element_add(ret, family, counters[i], spec->link);
	add_identity(ret, family, spec);
	add_limits(ret, family, spec);
	for (size_t i = 0; i < spec->n_publish; i++) {
		add_publish(ret, spec, &spec->publish[i], AF_INET);
		add_publish(ret, spec, &spec->publish[i], AF_INET6);
	}
	if (!spec->is_bridged && spec->level == NET_FILTER_FULL)
		add_arp(ret, spec);
	if (spec->n_rules) {
		filter_rules_chain(spec->link, chain);
		set_verdict(filter_element_add(ret, family, "ruled", spec->link), NFT_GOTO, chain);
	} else {
		(void)filter_element_add(ret, family, "receivers", spec->link);
	}
	(void)filter_element_add(ret, family, levels[spec->level], spec->link);
	return ret->failed ? err_oom(err) : 0;
}
