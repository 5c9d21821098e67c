/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

/* Bridges whose networks are behind the host. */

/* The chain is what says that the rules are there; they come in one transaction. */
static int open_nat(const char *table, struct err *err)
{
	int r = filter_has_chain(table, NFPROTO_INET, FILTER_NAT_CHAIN, err);

	if (r != 0)
		return r < 0 ? r : 0;

	_cleanup_free_ char *text = filter_text_nat(table);

	r = text ? filter_run_text(text, err) : err_oom(err);
	return r == -EEXIST ? 0 : r;
}

static void add_network(struct filter_elements *elements, const char *bridge, const struct net_address *network)
{
	bool v4 = network->family == AF_INET;
	struct net_address first = *network, last = *network;

	(void)filter_element_add(elements, NFPROTO_INET, v4 ? "nat_v4" : "nat_v6", bridge);

	struct filter_element *e = filter_element_add(elements, NFPROTO_INET, v4 ? "nat_hairpin_v4" : "nat_hairpin_v6", bridge);

	if (!e)
		return;
	net_address_network(&first);
	net_address_last(&last);
	filter_key_add(e, first.bytes, net_address_len(&first));
	memcpy(e->key_end, e->key, sizeof(e->key_end));
	memcpy(e->key_end + IFNAMSIZ, last.bytes, net_address_len(&last));
	e->has_end = true;
}

static void add_pair(struct filter_elements *elements, const char *bridge)
{
	struct filter_element *e = filter_element_add(elements, NFPROTO_INET, "nat_pair", bridge);
	char name[IFNAMSIZ];

	if (!e)
		return;
	memcpy(name, e->key, sizeof(name));
	filter_key_add(e, name, sizeof(name));
}

int net_filter_add_nat(const char *table, const char *bridge, const struct net_address *networks, size_t n, struct err *err)
{
	_cleanup_(cleanup_elements) struct filter_elements elements = { 0 };
	int r = open_nat(table, err);

	if (r < 0)
		return r;
	(void)filter_element_add(&elements, NFPROTO_INET, "nat_bridges", bridge);
	add_pair(&elements, bridge);
	for (size_t i = 0; i < n; i++)
		add_network(&elements, bridge, &networks[i]);

	_cleanup_free_ struct filter_request *requests = elements.failed ? NULL : calloc(elements.n, sizeof(*requests));

	if (!requests)
		return err_oom(err);
	/* Without NLM_F_EXCL what is there already is fine. */
	for (size_t i = 0; i < elements.n; i++)
		requests[i] = (struct filter_request){
			.type = NFT_MSG_NEWSETELEM, .flags = NLM_F_CREATE, .family = NFPROTO_INET, .element = &elements.e[i]
		};
	r = filter_transaction(table, NULL, requests, elements.n, err);
	for (size_t i = 0; r == -ECANCELED && i < elements.n; i++) {
		if (requests[i].error)
			return filter_request_err(&requests[i], err);
	}
	return r;
}
