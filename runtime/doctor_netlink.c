/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runtime/doctor_network_priv.h"

#define ANSWER_ROOM (64 << 10) /* a dump comes in pieces of at most 32 KiB (net/netlink/af_netlink.c, netlink_dump()) */

/* An attribute among `len` bytes of them. */
static const void *find_attr(const char *at, size_t len, unsigned int type, size_t least)
{
	struct nlattr a;

	while (len >= sizeof(a)) {
		memcpy(&a, at, sizeof(a));
		if (a.nla_len < sizeof(a) || a.nla_len > len)
			return NULL;
		if ((a.nla_type & NLA_TYPE_MASK) == type)
			return a.nla_len - sizeof(a) >= least ? at + sizeof(a) : NULL;
		size_t whole = (size_t)NLA_ALIGN(a.nla_len);

		if (whole >= len)
			return NULL;
		len -= whole;
		at += whole;
	}
	return NULL;
}

const void *doctor_find_attr(const struct nlmsghdr *message, size_t head, unsigned int type, size_t least)
{
	size_t skip = NLMSG_SPACE(head);

	return message->nlmsg_len < skip ? NULL : find_attr((const char *)message + skip, message->nlmsg_len - skip, type, least);
}

const void *doctor_find_nested(const void *content, unsigned int type, size_t least)
{
	struct nlattr outer;

	memcpy(&outer, (const char *)content - sizeof(outer), sizeof(outer));
	return find_attr(content, outer.nla_len - sizeof(outer), type, least);
}

/* 1 at the end of the answer, 0 if more comes, or a negative errno. */
static int take_piece(struct nlmsghdr *message, size_t len, bool is_dump, doctor_netlink_fn *each, void *context)
{
	for (; NLMSG_OK(message, len); message = NLMSG_NEXT(message, len)) {
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR && message->nlmsg_len >= NLMSG_LENGTH(sizeof(int))) {
			int code;

			memcpy(&code, NLMSG_DATA(message), sizeof(code));
			return code < 0 ? code : 1;
		}
		each(context, message);
	}
	return is_dump ? 0 : 1;
}

int doctor_ask_netlink(int protocol, const struct nlmsghdr *question, doctor_netlink_fn *each, void *context)
{
	const struct timeval limit = { .tv_sec = 2 };
	_cleanup_fd_ int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	_cleanup_free_ char *room = malloc(ANSWER_ROOM);
	int r = 0;

	if (!room)
		return -ENOMEM;
	if (sock < 0 || setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    send(sock, question, question->nlmsg_len, 0) < 0)
		return -errno;
	while (r == 0) {
		ssize_t n = recv(sock, room, ANSWER_ROOM, 0);

		if (n < 0)
			return -errno;
		if ((size_t)n < sizeof(struct nlmsghdr))
			return -EBADMSG;
		r = take_piece((struct nlmsghdr *)(void *)room, (size_t)n, question->nlmsg_flags & NLM_F_DUMP, each, context);
	}
	return r < 0 ? r : 0;
}

static int family_of(const struct nlmsghdr *message)
{
	struct nfgenmsg head;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(head)))
		return 0;
	memcpy(&head, NLMSG_DATA(message), sizeof(head));
	return head.nfgen_family;
}

/* A number of nftables, which are in network order; `missing` without one. */
static uint32_t number_at(const void *at, uint32_t missing)
{
	uint32_t n;

	if (!at)
		return missing;
	memcpy(&n, at, sizeof(n));
	return ntohl(n);
}

struct view {
	doctor_chain_fn *each;
	void *context;
};

static void take_chain(void *context, const struct nlmsghdr *message)
{
	const struct view *v = context;
	const size_t head = sizeof(struct nfgenmsg);
	const void *hook = doctor_find_attr(message, head, NFTA_CHAIN_HOOK, 0);
	struct doctor_chain c = {
		.family = family_of(message),
		.table = doctor_find_attr(message, head, NFTA_CHAIN_TABLE, 1),
		.chain = doctor_find_attr(message, head, NFTA_CHAIN_NAME, 1),
		.drops = number_at(doctor_find_attr(message, head, NFTA_CHAIN_POLICY, 4), NF_ACCEPT) == NF_DROP,
	};
	bool has_forward = c.family == NFPROTO_INET || c.family == NFPROTO_IPV4 || c.family == NFPROTO_IPV6 ||
			   c.family == NFPROTO_BRIDGE;

	/* A bridge's hook for what is forwarded has the same number (linux/netfilter_bridge.h). */
	c.is_forward = has_forward && hook &&
		       number_at(doctor_find_nested(hook, NFTA_HOOK_HOOKNUM, 4), NF_INET_NUMHOOKS) == NF_INET_FORWARD;
	if (c.table && c.chain)
		v->each(v->context, &c);
}

static void take_table(void *context, const struct nlmsghdr *message)
{
	const struct view *v = context;
	struct doctor_chain c = {
		.family = family_of(message),
		.table = doctor_find_attr(message, sizeof(struct nfgenmsg), NFTA_TABLE_NAME, 1),
	};

	if (c.table)
		v->each(v->context, &c);
}

static int ask_nftables(uint16_t type, doctor_netlink_fn *take, doctor_chain_fn *each, void *context)
{
	struct view v = { .each = each, .context = context };
	struct {
		struct nlmsghdr header;
		struct nfgenmsg body;
	} question = {
		.header = { .nlmsg_len = sizeof(question),
			    .nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type),
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.body = { .nfgen_family = NFPROTO_UNSPEC, .version = NFNETLINK_V0 },
	};

	return doctor_ask_netlink(NETLINK_NETFILTER, &question.header, take, &v);
}

int doctor_each_chain(doctor_chain_fn *each, void *context)
{
	return ask_nftables(NFT_MSG_GETCHAIN, take_chain, each, context);
}

int doctor_each_table(doctor_chain_fn *each, void *context)
{
	return ask_nftables(NFT_MSG_GETTABLE, take_table, each, context);
}

const char *doctor_family_name(int family)
{
	switch (family) {
	case NFPROTO_INET:
		return "inet";
	case NFPROTO_IPV4:
		return "ip";
	case NFPROTO_IPV6:
		return "ip6";
	case NFPROTO_ARP:
		return "arp";
	case NFPROTO_BRIDGE:
		return "bridge";
	default:
		return "netdev";
	}
}
