/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <linux/gen_stats.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* What the kernel says is in force on an interface, read without the library that the code under test uses. */
struct tc_state {
	char root[16];	 /* kind; "" if it is the kernel's own */
	char leaf[16];	 /* below the class */
	uint32_t limit;	 /* of a bfifo */
	uint64_t rate;	 /* of the class, bytes per second */
	uint64_t ceil;	 /* the same */
	uint32_t buffer; /* ticks of 64 ns */
	uint64_t sent;	 /* bytes that went through the class */
	bool has_ingress;
	int filters;
	uint32_t redirect; /* ifindex */
};

static inline const struct rtattr *tc_attr(const void *first, int len, int type)
{
	for (const struct rtattr *a = first; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if ((a->rta_type & NLA_TYPE_MASK) == type)
			return a;
	}
	return NULL;
}

static inline const struct rtattr *tc_inside(const struct rtattr *a, int type)
{
	return a ? tc_attr(RTA_DATA(a), (int)RTA_PAYLOAD(a), type) : NULL;
}

static inline uint64_t tc_u64(const struct rtattr *a, uint64_t other)
{
	uint64_t n = other;

	if (a)
		memcpy(&n, RTA_DATA(a), sizeof(n));
	return n;
}

static inline void tc_read_qdisc(const struct tcmsg *t, const struct rtattr *kind, const struct rtattr *options,
				 struct tc_state *s)
{
	if (t->tcm_handle == 0)
		return; /* a default */
	if (t->tcm_parent == TC_H_INGRESS)
		s->has_ingress = true;
	else if (t->tcm_parent == TC_H_ROOT)
		snprintf(s->root, sizeof(s->root), "%s", (const char *)RTA_DATA(kind));
	else
		snprintf(s->leaf, sizeof(s->leaf), "%s", (const char *)RTA_DATA(kind));
	if (strcmp(RTA_DATA(kind), "bfifo") == 0)
		s->limit = ((const struct tc_fifo_qopt *)RTA_DATA(options))->limit;
}

static inline void tc_read_class(const struct rtattr *options, const struct rtattr *stats, struct tc_state *s)
{
	const struct rtattr *parms = tc_inside(options, TCA_HTB_PARMS);

	if (!parms || s->rate)
		return;

	const struct tc_htb_opt *opt = RTA_DATA(parms);

	s->rate = tc_u64(tc_inside(options, TCA_HTB_RATE64), opt->rate.rate);
	s->ceil = tc_u64(tc_inside(options, TCA_HTB_CEIL64), opt->ceil.rate);
	s->buffer = opt->buffer;
	s->sent = tc_u64(tc_inside(stats, TCA_STATS_BASIC), 0);
}

static inline void tc_read_filter(const struct rtattr *kind, const struct rtattr *options, struct tc_state *s)
{
	int list = strcmp(RTA_DATA(kind), "u32") == 0 ? TCA_U32_ACT : TCA_MATCHALL_ACT;
	const struct rtattr *action = tc_inside(tc_inside(options, list), 1);
	const struct rtattr *parms = tc_inside(tc_inside(action, TCA_ACT_OPTIONS), TCA_MIRRED_PARMS);

	if (!action)
		return; /* u32 also lists its hash table */
	s->filters++;
	if (parms && strcmp(RTA_DATA(tc_inside(action, TCA_ACT_KIND)), "mirred") == 0)
		s->redirect = ((const struct tc_mirred *)RTA_DATA(parms))->ifindex;
}

static inline void tc_read_message(const struct nlmsghdr *m, int ifindex, struct tc_state *s)
{
	const struct tcmsg *t = NLMSG_DATA(m);
	const void *first = (const char *)t + NLMSG_ALIGN(sizeof(*t));
	int len = (int)NLMSG_PAYLOAD(m, sizeof(*t));
	const struct rtattr *kind = tc_attr(first, len, TCA_KIND), *options = tc_attr(first, len, TCA_OPTIONS);

	if (t->tcm_ifindex != ifindex || !kind)
		return;
	if (m->nlmsg_type == RTM_NEWQDISC)
		tc_read_qdisc(t, kind, options, s);
	else if (m->nlmsg_type == RTM_NEWTCLASS)
		tc_read_class(options, tc_attr(first, len, TCA_STATS2), s);
	else if (m->nlmsg_type == RTM_NEWTFILTER && options)
		tc_read_filter(kind, options, s);
}

static inline void tc_dump(int type, uint32_t parent, int ifindex, struct tc_state *s)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr head;
		struct tcmsg tc;
	} request = {
		.head = { sizeof(request), (uint16_t)type, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 },
		.tc = { .tcm_ifindex = ifindex, .tcm_parent = parent },
	};
	static _Alignas(8) char room[65536];

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	for (;;) {
		ssize_t got = recv(fd, room, sizeof(room), 0);

		assert_true(got > 0);
		for (struct nlmsghdr *m = (void *)room; NLMSG_OK(m, got); m = NLMSG_NEXT(m, got)) {
			if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
				return;
			tc_read_message(m, ifindex, s);
		}
	}
}

static inline struct tc_state tc_read(const char *name)
{
	struct tc_state s = { 0 };
	int ifindex = (int)if_nametoindex(name);

	assert_true(ifindex > 0);
	tc_dump(RTM_GETQDISC, 0, ifindex, &s);
	tc_dump(RTM_GETTCLASS, 0, ifindex, &s);
	if (s.has_ingress)
		tc_dump(RTM_GETTFILTER, TC_H_MAJ(TC_H_INGRESS), ifindex, &s);
	return s;
}
