/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <arpa/inet.h>
#include <endian.h>
#include <string.h>

#include "netns/nl_priv.h"

/* The attributes of one message to nf_tables (linux/netfilter/nf_tables.h). They return 0, or not without room. */

static int put_u64(struct nl_msg *msg, int type, uint64_t value)
{
	return nla_put_u64(msg, type, htobe64(value));
}

static int put_u32(struct nl_msg *msg, int type, uint32_t value)
{
	return nla_put_u32(msg, type, htonl(value));
}

/* A tenth of a second of packets may come at once, or one that GSO has put together out of many. */
static int put_limit(struct nl_msg *msg, const struct filter_element *e)
{
	bool bytes = e->state == FILTER_STATE_BYTES;
	uint64_t least = bytes ? 65536 : 10;
	uint64_t burst = e->amount / 10 > least ? e->amount / 10 : least;
	int r = 0;

	if (burst > UINT32_MAX)
		burst = UINT32_MAX;
	r |= put_u64(msg, NFTA_LIMIT_RATE, e->amount);
	r |= put_u64(msg, NFTA_LIMIT_UNIT, 1);
	r |= put_u32(msg, NFTA_LIMIT_BURST, (uint32_t)burst);
	r |= put_u32(msg, NFTA_LIMIT_TYPE, bytes ? NFT_LIMIT_PKT_BYTES : NFT_LIMIT_PKTS);
	r |= put_u32(msg, NFTA_LIMIT_FLAGS, NFT_LIMIT_F_INV);
	return r;
}

static int put_quota(struct nl_msg *msg, const struct filter_element *e)
{
	int r = 0;

	r |= put_u64(msg, NFTA_QUOTA_BYTES, e->amount);
	r |= put_u32(msg, NFTA_QUOTA_FLAGS, NFT_QUOTA_F_INV);
	r |= put_u64(msg, NFTA_QUOTA_CONSUMED, e->used);
	return r;
}

static int put_state(struct nl_msg *msg, const struct filter_element *e)
{
	struct nlattr *outer = nla_nest_start(msg, NFTA_SET_ELEM_EXPR);
	bool quota = e->state == FILTER_STATE_QUOTA;

	if (!outer || nla_put_string(msg, NFTA_EXPR_NAME, quota ? "quota" : "limit") < 0)
		return -1;

	struct nlattr *inner = nla_nest_start(msg, NFTA_EXPR_DATA);

	if (!inner || (quota ? put_quota(msg, e) : put_limit(msg, e)) != 0)
		return -1;
	nla_nest_end(msg, inner);
	nla_nest_end(msg, outer);
	return 0;
}

static int put_bytes(struct nl_msg *msg, int type, const uint8_t *bytes, uint32_t len)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	if (!nest || nla_put(msg, NFTA_DATA_VALUE, (int)len, bytes) < 0)
		return -1;
	nla_nest_end(msg, nest);
	return 0;
}

static int put_verdict(struct nl_msg *msg, const struct filter_element *e)
{
	struct nlattr *data = nla_nest_start(msg, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = data ? nla_nest_start(msg, NFTA_DATA_VERDICT) : NULL;

	if (!verdict || put_u32(msg, NFTA_VERDICT_CODE, (uint32_t)e->verdict) < 0 ||
	    nla_put_string(msg, NFTA_VERDICT_CHAIN, e->chain) < 0)
		return -1;
	nla_nest_end(msg, verdict);
	nla_nest_end(msg, data);
	return 0;
}

/* A comment as nft(8) shows it: type, length, text (libnftnl, NFTNL_UDATA_SET_ELEM_COMMENT is 0). */
static int put_owner(struct nl_msg *msg, const char *owner)
{
	char data[2 + 16] = "";
	size_t len = strnlen(owner, 15) + 1;

	data[1] = (char)len;
	memcpy(data + 2, owner, len - 1);
	return nla_put(msg, NFTA_SET_ELEM_USERDATA, (int)(2 + len), data);
}

static int put_element(struct nl_msg *msg, const struct filter_element *e, bool only_key)
{
	struct nlattr *list = nla_nest_start(msg, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nlattr *element = list ? nla_nest_start(msg, NFTA_LIST_ELEM) : NULL;
	int r = element ? put_bytes(msg, NFTA_SET_ELEM_KEY, e->key, e->key_len) : -1;

	if (r == 0 && e->has_end)
		r = put_bytes(msg, NFTA_SET_ELEM_KEY_END, e->key_end, e->key_len);
	if (r == 0 && !only_key && e->chain[0])
		r = put_verdict(msg, e);
	if (r == 0 && !only_key && e->value_len)
		r = put_bytes(msg, NFTA_SET_ELEM_DATA, e->value, e->value_len);
	if (r == 0 && !only_key && e->state != FILTER_STATE_NONE)
		r = put_state(msg, e);
	if (r == 0 && !only_key && e->owner)
		r = put_owner(msg, e->owner);
	if (r < 0)
		return r;
	nla_nest_end(msg, element);
	nla_nest_end(msg, list);
	return 0;
}

int filter_message_put(struct nl_msg *msg, const char *table, const struct filter_request *q)
{
	switch (q->type) {
	case NFT_MSG_DELTABLE:
		return nla_put_string(msg, NFTA_TABLE_NAME, table);
	case NFT_MSG_GETCHAIN:
	case NFT_MSG_DELCHAIN:
		return nla_put_string(msg, NFTA_CHAIN_TABLE, table) | nla_put_string(msg, NFTA_CHAIN_NAME, q->chain);
	default:
		return nla_put_string(msg, NFTA_SET_ELEM_LIST_TABLE, table) |
		       nla_put_string(msg, NFTA_SET_ELEM_LIST_SET, q->element->set) |
		       put_element(msg, q->element, q->type != NFT_MSG_NEWSETELEM);
	}
}
