/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fault.h"
#include "base/str.h"
#include "netns/nl_priv.h"

/*
 * Elements to and from the kernel (linux/netfilter/nf_tables.h), by libnl, which every command has loaded anyway. The kernel
 * works while sendmsg() runs: its answers are there when it returns, so nothing waits.
 */

#define FIRST_SEQ   2 /* 1 is the begin of a transaction */
#define ANSWER_ROOM 16384

/* What the kernel reckons for an answer in the receiver's buffer: a page and its header, doubled by setsockopt() (socket(7)). */
#define ANSWER_COST    4096
#define BUFFER_DEFAULT 212992 /* net.core.[rw]mem_default */

/* A request goes whole, and its answers are there before the first is read: where they do not fit, they would be lost. */
static void make_room(int fd, size_t request_len, size_t n)
{
	int send = (int)request_len, receive = (int)(n * ANSWER_COST);

	if (send > BUFFER_DEFAULT / 2)
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof(send));
	if (receive > BUFFER_DEFAULT / 2)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof(receive));
}

static int filter_socket(struct err *err)
{
	int one = 1;
	int r = fault_point("filter.socket", err);

	if (r < 0)
		return r;

	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0)
		return err_exit(err, EXIT_UNSUPPORTED, EPROTONOSUPPORT,
				"this kernel has no netfilter: expected one with nf_tables (CONFIG_NF_TABLES)");
	/* Answers without a copy of what was asked. Without it they are only longer. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	return TAKE_FD(fd);
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

static void append_requests(struct strbuf *out, const char *table, const struct filter_request *requests, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct filter_request *q = &requests[i];
		uint16_t type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | q->type);
		_cleanup_(cleanup_nl_msg) struct nl_msg *msg = new_message(type, q->flags, (uint32_t)i + FIRST_SEQ, q->family, 0);

		if (msg && filter_message_put(msg, table, q) != 0) {
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

/* By the socket that is held, or one that is only for this. */
static int talk(int *io_hold, struct strbuf *out, struct answers *a, struct err *err)
{
	_cleanup_fd_ int own = -EBADF;
	int *sock = io_hold ? io_hold : &own;

	if (out->failed)
		return err_oom(err);
	if (*sock < 0)
		*sock = filter_socket(err);
	if (*sock < 0)
		return *sock;

	int fd = *sock;
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	ssize_t sent;

	make_room(fd, out->len, a->n);
	do
		sent = sendto(fd, out->data, out->len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return err_sys(err, errno, "nftables: send to the kernel");
	return receive(fd, a, err);
}

int filter_transaction(const char *table, int *io_hold, struct filter_request *requests, size_t n, struct err *err)
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

	int r = talk(io_hold, &out, &answers, err);

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
	return talk(NULL, &out, &a, err);
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

	int r = talk(NULL, &out, &a, err);

	if (r < 0)
		return r;
	if (!found && request.error && request.error != ENOENT)
		return whole_err(err, request.error);
	return found;
}
