/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netns/filter_priv.h"

int net_filter_table(const char *base, char room[NET_FILTER_TABLE_ROOM])
{
	int n = snprintf(room, NET_FILTER_TABLE_ROOM, "%s-v%d", base, NET_FILTER_VERSION);

	return n < NET_FILTER_TABLE_ROOM ? 0 : -ENAMETOOLONG;
}

int net_filter_open(const struct net_filter_node *node, struct err *err)
{
	static const uint8_t families[FILTER_FAMILIES] = { NFPROTO_INET, NFPROTO_BRIDGE, NFPROTO_ARP };
	uint8_t missing[FILTER_FAMILIES];

	for (int i = 0; i < FILTER_TRIES; i++) {
		size_t n = 0;

		for (size_t f = 0; f < FILTER_FAMILIES; f++) {
			int r = filter_has_chain(node->table, families[f], FILTER_MARKER_CHAIN, err);

			if (r < 0)
				return r;
			if (r == 0)
				missing[n++] = families[f];
		}
		if (n == 0)
			return 0;

		_cleanup_free_ char *text = filter_text_tables(node, missing, n);
		int r = text ? filter_run_text(text, err) : err_oom(err);

		if (r != -EEXIST)
			return r;
	}
	return err_exit(err, EXIT_NETWORK, EEXIST, "nftables: a table '%s' is there and is not ctctl's: remove it", node->table);
}

int net_filter_remove_all(const char *table, struct err *err)
{
	struct filter_request all[FILTER_FAMILIES] = {
		{ .type = NFT_MSG_DELTABLE, .family = NFPROTO_INET },
		{ .type = NFT_MSG_DELTABLE, .family = NFPROTO_BRIDGE },
		{ .type = NFT_MSG_DELTABLE, .family = NFPROTO_ARP },
	};
	struct filter_requests r = { .q = all, .n = FILTER_FAMILIES };

	return filter_delete_all(table, NULL, &r, err);
}

static void request_delete_chain(struct filter_requests *r, uint8_t family, const char *chain)
{
	r->q[r->n++] = (struct filter_request){ .type = NFT_MSG_DELCHAIN, .family = family, .chain = chain };
}

static void remove_rules(const char *table, const struct net_filter_spec *spec)
{
	struct filter_request q[1];
	struct filter_requests r = { .q = q };
	struct err ignored = ERR_INIT;
	char chain[FILTER_CHAIN_ROOM];

	filter_rules_chain(spec->link, chain);
	request_delete_chain(&r, spec->is_bridged ? NFPROTO_BRIDGE : NFPROTO_INET, chain);
	(void)!filter_delete_all(table, NULL, &r, &ignored);
}

/* Of sets that exclude each other, or that not every guest is in: what a killed start may have left in them, if it is there. */
static int find_stale(const char *table, const struct net_filter_spec *spec, struct filter_elements *ret, struct err *err)
{
	static const char *const sets[] = { "guests_full", "guests_mac",     "guests_none",  "receivers",
					    "ruled",	   "prefixed",	     "packet_limit", "syn_limit",
					    "quota_block", "quota_throttle", "throttle_in",  "throttle_out" };
	struct filter_answer answers[ARRAY_SIZE(sets)];
	size_t kept = 0;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		(void)filter_element_add(ret, spec->is_bridged ? NFPROTO_BRIDGE : NFPROTO_INET, sets[i], spec->link);
	if (ret->failed)
		return err_oom(err);

	int r = filter_ask(table, ret->e, answers, ARRAY_SIZE(sets), err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++) {
		if (answers[i].is_there)
			ret->e[kept++] = ret->e[i];
	}
	ret->n = kept;
	return 0;
}

static void request_new(struct filter_requests *r, const struct filter_elements *elements)
{
	for (size_t i = 0; i < elements->n; i++)
		filter_request_element(r, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, &elements->e[i]);
}

static int add_all(const char *table, const struct net_filter_spec *spec, const struct filter_elements *elements, struct err *err)
{
	_cleanup_(cleanup_elements) struct filter_elements stale = { 0 };
	_cleanup_(cleanup_requests) struct filter_requests first = { 0 }, again = { 0 };
	int ret = filter_requests_room(&first, elements->n, err);

	if (ret < 0)
		return ret;
	request_new(&first, elements);
	ret = filter_transaction(table, NULL, first.q, first.n, err);
	if (ret != -ECANCELED)
		return ret;
	ret = find_stale(table, spec, &stale, err);

	size_t room = 2 * (stale.n + elements->n);

	if (ret == 0)
		ret = filter_requests_room(&again, room, err);
	if (ret < 0)
		return ret;
	for (size_t i = 0; i < stale.n; i++)
		filter_request_element(&again, NFT_MSG_DELSETELEM, 0, &stale.e[i]);
	request_new(&again, elements);
	return filter_change_all(table, &again, room, err);
}

int net_filter_add(const char *table, const struct net_filter_spec *spec, struct err *err)
{
	_cleanup_(cleanup_elements) struct filter_elements elements = { 0 };
	int ret = filter_elements_of(spec, &elements, err);

	if (ret == 0 && spec->n_rules)
		ret = filter_rules_make(table, spec, err);
	if (ret < 0)
		return ret;
	ret = add_all(table, spec, &elements, err);
	if (ret < 0 && spec->n_rules)
		remove_rules(table, spec);
	return ret;
}

/* A port that another guest has published meanwhile is not this guest's to take away. */
static void forget_foreign(const char *table, struct filter_elements *elements)
{
	struct err ignored = ERR_INIT;
	size_t kept = 0;

	for (size_t i = 0; i < elements->n; i++) {
		if (!elements->e[i].owner || filter_check_owner(table, &elements->e[i], &ignored) == 0)
			elements->e[kept++] = elements->e[i];
	}
	elements->n = kept;
}

int net_filter_remove(const char *table, const struct net_filter_spec *spec, int *io_hold, struct err *err)
{
	_cleanup_(cleanup_elements) struct filter_elements elements = { 0 };
	_cleanup_(cleanup_requests) struct filter_requests r = { 0 };
	char chain[FILTER_CHAIN_ROOM];
	int ret = filter_elements_of(spec, &elements, err);

	if (ret == 0)
		ret = filter_requests_room(&r, elements.n + 1, err);
	if (ret != 0)
		return ret;
	forget_foreign(table, &elements);
	/* What refers to a chain goes before it. */
	for (size_t i = 0; i < elements.n; i++)
		filter_request_element(&r, NFT_MSG_DELSETELEM, 0, &elements.e[i]);
	filter_rules_chain(spec->link, chain);
	if (spec->n_rules)
		request_delete_chain(&r, spec->is_bridged ? NFPROTO_BRIDGE : NFPROTO_INET, chain);
	return filter_delete_all(table, io_hold, &r, err);
}

static bool same_element(const struct filter_element *a, const struct filter_element *b)
{
	return a->verdict == b->verdict && strcmp(a->chain, b->chain) == 0 && a->value_len == b->value_len &&
	       memcmp(a->value, b->value, a->value_len) == 0 && a->state == b->state && a->amount == b->amount &&
	       a->used == b->used;
}

static const struct filter_element *find_key(const struct filter_elements *list, const struct filter_element *e)
{
	for (size_t i = 0; i < list->n; i++) {
		if (filter_element_same_key(&list->e[i], e))
			return &list->e[i];
	}
	return NULL;
}

static struct filter_element *find_quota(const struct filter_elements *list)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->e[i].state == FILTER_STATE_QUOTA)
			return &list->e[i];
	}
	return NULL;
}

/* A quota of which the caller does not say that another part is used goes on from where it is, whatever its end brings. */
static int keep_quota(const char *table, const struct net_filter_spec *old, const struct filter_elements *before,
		      const struct net_filter_spec *spec, struct filter_elements *after, struct err *err)
{
	const struct filter_element *was = find_quota(before);
	struct filter_element *is = find_quota(after);
	struct filter_answer answer;

	if (!was || !is || old->quota_used_bytes != spec->quota_used_bytes)
		return 0;
	if (filter_element_same_key(was, is) && was->amount == is->amount)
		return 0;

	int r = filter_ask(table, was, &answer, 1, err);

	if (r < 0)
		return r;
	if (answer.is_there)
		is->used = answer.used < is->amount ? answer.used : is->amount;
	return 0;
}

static void request_change(struct filter_requests *r, const struct filter_elements *old, const struct filter_elements *new)
{
	for (size_t i = 0; i < old->n; i++) {
		const struct filter_element *after = find_key(new, &old->e[i]);

		if (!after || !same_element(&old->e[i], after))
			filter_request_element(r, NFT_MSG_DELSETELEM, 0, &old->e[i]);
	}
	for (size_t i = 0; i < new->n; i++) {
		const struct filter_element *before = find_key(old, &new->e[i]);

		if (!before || !same_element(before, &new->e[i]))
			filter_request_element(r, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL, &new->e[i]);
	}
}

int net_filter_change(const char *table, const struct net_filter_spec *old, const struct net_filter_spec *spec, struct err *err)
{
	_cleanup_(cleanup_elements) struct filter_elements before = { 0 }, after = { 0 };
	_cleanup_(cleanup_requests) struct filter_requests r = { 0 };
	int ret = filter_elements_of(old, &before, err);

	if (ret == 0)
		ret = filter_elements_of(spec, &after, err);
	if (ret == 0)
		ret = keep_quota(table, old, &before, spec, &after, err);
	if (ret == 0)
		ret = filter_requests_room(&r, 2 * (before.n + after.n), err);
	if (ret == 0 && spec->n_rules)
		ret = filter_rules_make(table, spec, err);
	if (ret != 0)
		return ret;
	request_change(&r, &before, &after);
	ret = filter_change_all(table, &r, 2 * (before.n + after.n), err);
	if (ret == 0 && old->n_rules && (!spec->n_rules || old->is_bridged != spec->is_bridged))
		remove_rules(table, old);
	return ret;
}

int net_filter_read(const char *table, const char *link, bool is_bridged, struct net_traffic *ret, struct err *err)
{
	static const char *const sets[] = { "out_local_v4", "out_local_v6", "out_outside_v4", "out_outside_v6",
					    "in_local_v4",  "in_local_v6",  "in_outside_v4",  "in_outside_v6",
					    "refused",	    "quota_block",  "quota_throttle" };
	enum { REFUSED = 8, BLOCK = 9, THROTTLE = 10, ARP_REFUSED = 11, ALL = 12 };
	_cleanup_(cleanup_elements) struct filter_elements elements = { 0 };
	struct filter_answer a[ALL];
	uint8_t family = is_bridged ? NFPROTO_BRIDGE : NFPROTO_INET;

	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		(void)filter_element_add(&elements, family, sets[i], link);
	(void)filter_element_add(&elements, NFPROTO_ARP, "refused", link);
	if (elements.failed)
		return err_oom(err);

	int r = filter_ask(table, elements.e, a, ALL, err);

	if (r < 0)
		return r;
	if (!a[REFUSED].is_there)
		return err_set(err, ENOENT, "the interface '%s' has no counters in the table '%s': is the guest running?", link,
			       table);
	*ret = (struct net_traffic){ .quota_used_bytes = a[BLOCK].used + a[THROTTLE].used };
	for (size_t i = 0; i < REFUSED; i++) {
		struct net_count *count = i < 4 ? &ret->out[i / 2][i % 2] : &ret->in[(i - 4) / 2][i % 2];

		*count = (struct net_count){ .bytes = a[i].bytes, .packets = a[i].packets };
	}
	ret->dropped.bytes = a[REFUSED].bytes + a[ARP_REFUSED].bytes;
	ret->dropped.packets = a[REFUSED].packets + a[ARP_REFUSED].packets;
	return 0;
}
