/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/str.h"
#include "netns/nl_priv.h"

/*
 * Elements to and from the kernel (linux/netfilter/nf_tables.h), by libnl, which every command has loaded anyway. The kernel works
 * while sendmsg() runs: its answers are there when it returns, so nothing waits.
 */

#define FIRST_SEQ   2 /* 1 is the begin of a transaction */
#define ANSWER_ROOM 16384

static int filter_socket(struct nl_sock **ret, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = nl_socket_alloc();
	int one = 1;

	if (!sock)
		return err_oom(err);

	int r = fault_point("filter.socket", err);

	if (r < 0)
		return r;
	if (nl_connect(sock, NETLINK_NETFILTER) < 0)
		return err_exit(err, EXIT_UNSUPPORTED, EPROTONOSUPPORT,
				"this kernel has no netfilter: expected one with nf_tables (CONFIG_NF_TABLES)");
	/* Answers without a copy of what was asked. Without it they are only longer. */
	(void)setsockopt(nl_socket_get_fd(sock), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	*ret = TAKE_PTR(sock);
	return 0;
}

/* What the kernel says of the whole, before it looks at any single message. */
static int whole_err(struct err *err, int code)
{
	if (code == EPERM)
		return err_set(err, EPERM, "nftables: expected root's rights in the host's network (CAP_NET_ADMIN)");
	if (code == EOPNOTSUPP || code == EPROTONOSUPPORT)
		return err_exit(err, EXIT_UNSUPPORTED, code, "this kernel has no nftables: expected CONFIG_NF_TABLES");
	if (code == ENOMEM)
		return err_oom(err);
	return err_exit(err, EXIT_NETWORK, code, "nftables: %s", strerror(code));
}

static struct nl_msg *new_message(uint16_t type, uint16_t flags, uint32_t seq, uint8_t family, uint16_t res_id)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nfgenmsg head = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(res_id) };

	if (!msg)
		return NULL;
	if (!nlmsg_put(msg, NL_AUTO_PORT, seq, type, 0, NLM_F_REQUEST | flags) ||
	    nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) < 0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

static void append_message(struct strbuf *out, struct nl_msg *msg)
{
	if (msg)
		strbuf_add_bytes(out, (const char *)nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
	else
		out->failed = true;
}

static void append_frame(struct strbuf *out, uint16_t type, uint32_t seq)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = new_message(type, 0, seq, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);

	append_message(out, msg);
}

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

static int put_request(struct nl_msg *msg, const char *table, const struct filter_request *q)
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

static void append_requests(struct strbuf *out, const char *table, const struct filter_request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct filter_request *q = &requests[i];
		uint16_t type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | q->type);
		_cleanup_(cleanup_nl_msg) struct nl_msg *msg = new_message(type, q->flags, (uint32_t)i + FIRST_SEQ, q->family, 0);

		if (msg && put_request(msg, table, q) != 0) {
			out->failed = true;
			return;
		}
		append_message(out, msg);
	}
}

struct answers {
	void (*on_data)(struct nlmsghdr *msg, size_t index, void *context); /* may be NULL */
	void *context;
	struct filter_request *requests;
	size_t n;
	int whole; /* an error of no single message */
	bool refused;
};

static void take_answer(struct answers *a, struct nlmsghdr *msg)
{
	size_t index = msg->nlmsg_seq - FIRST_SEQ;
	bool known = msg->nlmsg_seq >= FIRST_SEQ && index < a->n;

	if (msg->nlmsg_type != NLMSG_ERROR) {
		if (known && a->on_data)
			a->on_data(msg, index, a->context);
		return;
	}

	int code = -((struct nlmsgerr *)nlmsg_data(msg))->error;

	if (code == 0)
		return;
	if (!known || code == EPERM) {
		a->whole = code;
		return;
	}
	a->requests[index].error = code;
	a->refused = true;
}

static int receive(int fd, struct answers *a, struct err *err)
{
	char room[ANSWER_ROOM] __attribute__((aligned(8)));

	for (;;) {
		ssize_t len = recv(fd, room, sizeof(room), MSG_DONTWAIT);

		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0 && errno == EAGAIN)
			break;
		if (len <= 0)
			return err_sys(err, len < 0 ? errno : EIO, "nftables: receive the kernel's answer");

		int rest = (int)len;

		for (struct nlmsghdr *msg = (struct nlmsghdr *)room; nlmsg_ok(msg, rest); msg = nlmsg_next(msg, &rest))
			take_answer(a, msg);
	}
	return a->whole ? whole_err(err, a->whole) : 0;
}

static int talk(struct strbuf *out, struct answers *a, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	int r = filter_socket(&sock, err);

	if (r < 0)
		return r;
	if (out->failed)
		return err_oom(err);

	int fd = nl_socket_get_fd(sock);
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	do
		sent = sendto(fd, out->data, out->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_sys(err, errno, "nftables: send to the kernel");
	return receive(fd, a, err);
}

int filter_transaction(const char *table, struct filter_request *requests, size_t n, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf out = { 0 };
	struct answers answers = { .requests = requests, .n = n };

	if (n == 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		requests[i].error = 0;
	append_frame(&out, NFNL_MSG_BATCH_BEGIN, FIRST_SEQ - 1);
	append_requests(&out, table, requests, n);
	append_frame(&out, NFNL_MSG_BATCH_END, (uint32_t)n + FIRST_SEQ);

	int r = talk(&out, &answers, err);

	if (r < 0)
		return r;
	return answers.refused ? -ECANCELED : 0;
}

static void take_counter(struct nlattr *data, struct filter_answer *answer)
{
	struct nlattr *attrs[NFTA_COUNTER_MAX + 1];

	if (nla_parse_nested(attrs, NFTA_COUNTER_MAX, data, NULL) < 0)
		return;
	if (attrs[NFTA_COUNTER_BYTES])
		answer->bytes = be64toh(nla_get_u64(attrs[NFTA_COUNTER_BYTES]));
	if (attrs[NFTA_COUNTER_PACKETS])
		answer->packets = be64toh(nla_get_u64(attrs[NFTA_COUNTER_PACKETS]));
}

static void take_quota(struct nlattr *data, struct filter_answer *answer)
{
	struct nlattr *attrs[NFTA_QUOTA_MAX + 1];

	if (nla_parse_nested(attrs, NFTA_QUOTA_MAX, data, NULL) == 0 && attrs[NFTA_QUOTA_CONSUMED])
		answer->used = be64toh(nla_get_u64(attrs[NFTA_QUOTA_CONSUMED]));
}

static void take_state(struct nlattr *state, struct filter_answer *answer)
{
	struct nlattr *attrs[NFTA_EXPR_MAX + 1];

	if (nla_parse_nested(attrs, NFTA_EXPR_MAX, state, NULL) < 0 || !attrs[NFTA_EXPR_NAME] || !attrs[NFTA_EXPR_DATA])
		return;
	if (nla_strcmp(attrs[NFTA_EXPR_NAME], "counter") == 0)
		take_counter(attrs[NFTA_EXPR_DATA], answer);
	else if (nla_strcmp(attrs[NFTA_EXPR_NAME], "quota") == 0)
		take_quota(attrs[NFTA_EXPR_DATA], answer);
}

static void take_element(struct nlmsghdr *msg, size_t index, void *context)
{
	struct filter_answer *answer = &((struct filter_answer *)context)[index];
	struct nlattr *list[NFTA_SET_ELEM_LIST_MAX + 1];
	struct nlattr *attrs[NFTA_SET_ELEM_MAX + 1];

	if (nlmsg_parse(msg, sizeof(struct nfgenmsg), list, NFTA_SET_ELEM_LIST_MAX, NULL) < 0 ||
	    !list[NFTA_SET_ELEM_LIST_ELEMENTS])
		return;

	struct nlattr *first = nla_data(list[NFTA_SET_ELEM_LIST_ELEMENTS]);

	if (!nla_ok(first, nla_len(list[NFTA_SET_ELEM_LIST_ELEMENTS])) ||
	    nla_parse_nested(attrs, NFTA_SET_ELEM_MAX, first, NULL) < 0)
		return;
	answer->is_there = true;
	if (attrs[NFTA_SET_ELEM_EXPR])
		take_state(attrs[NFTA_SET_ELEM_EXPR], answer);

	struct nlattr *comment = attrs[NFTA_SET_ELEM_USERDATA];

	if (comment && nla_len(comment) > 2 && nla_len(comment) <= (int)(2 + sizeof(answer->owner)))
		memcpy(answer->owner, (char *)nla_data(comment) + 2, (size_t)nla_len(comment) - 3);
}

int filter_ask(const char *table, const struct filter_element *elements, struct filter_answer *answers, size_t n, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf out = { 0 };
	_cleanup_free_ struct filter_request *requests = calloc(n, sizeof(*requests));
	struct answers a = { .on_data = take_element, .context = answers, .requests = requests, .n = n };

	if (!requests)
		return err_oom(err);
	for (size_t i = 0; i < n; i++) {
		requests[i] = (struct filter_request){ .type = NFT_MSG_GETSETELEM,
						       .family = elements[i].family,
						       .element = &elements[i] };
		answers[i] = (struct filter_answer){ 0 };
	}
	append_requests(&out, table, requests, n);
	return talk(&out, &a, err);
}

static void take_chain(struct nlmsghdr *msg, size_t index, void *context)
{
	(void)msg;
	(void)index;
	*(bool *)context = true;
}

int filter_has_chain(const char *table, uint8_t family, const char *chain, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf out = { 0 };
	bool found = false;
	struct filter_request request = { .type = NFT_MSG_GETCHAIN, .family = family, .chain = chain };
	struct answers a = { .on_data = take_chain, .context = &found, .requests = &request, .n = 1 };

	append_requests(&out, table, &request, 1);

	int r = talk(&out, &a, err);

	if (r < 0)
		return r;
	if (!found && request.error && request.error != ENOENT)
		return whole_err(err, request.error);
	return found;
}
