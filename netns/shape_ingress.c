/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/shape_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/tc_act/tc_mirred.h>
#include <string.h>

#include "base/cleanup.h"

#define INGRESS_HANDLE TC_HANDLE(0xffffU, 0)
#define CELL_LOG       3 /* anything but 0: the kernel wants a table of times with a policer, and then computes them itself */

/* What is done to each packet: to_ifindex 0 is a policer. */
struct action {
	int to_ifindex;
	struct shape_rate rate;
};

static int put_mirred(struct nl_msg *msg, const struct action *action)
{
	struct tc_mirred parms = {
		.action = TC_ACT_STOLEN,
		.eaction = TCA_EGRESS_REDIR,
		.ifindex = (uint32_t)action->to_ifindex,
	};

	return nla_put(msg, TCA_MIRRED_PARMS, sizeof(parms), &parms);
}

/* A policer counts its bucket in the same ticks of 64 ns as htb does. */
static int put_police(struct nl_msg *msg, const struct action *action)
{
	static const uint8_t unused_table[TC_RTAB_SIZE];
	uint64_t rate = action->rate.bytes;
	struct tc_police police = { .action = TC_ACT_SHOT, .burst = shape_ticks(&action->rate) };

	police.rate.linklayer = TC_LINKLAYER_ETHERNET;
	police.rate.cell_log = CELL_LOG;
	police.rate.rate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;

	int nle = nla_put(msg, TCA_POLICE_TBF, sizeof(police), &police);

	if (nle == 0)
		nle = nla_put(msg, TCA_POLICE_RATE, sizeof(unused_table), unused_table);
	if (nle == 0)
		nle = nla_put_u64(msg, TCA_POLICE_RATE64, rate);
	return nle == 0 ? nla_put_u32(msg, TCA_POLICE_RESULT, TC_ACT_PIPE) : nle;
}

/* A list of one action, in the attribute `type` of the filter. */
static int put_action(struct nl_msg *msg, int type, const struct action *action)
{
	struct nlattr *list = nla_nest_start(msg, type);
	struct nlattr *first = list ? nla_nest_start(msg, 1) : NULL;

	if (!first || nla_put_string(msg, TCA_ACT_KIND, action->to_ifindex ? "mirred" : "police") < 0)
		return -NLE_NOMEM;

	struct nlattr *options = nla_nest_start(msg, TCA_ACT_OPTIONS);

	if (!options || (action->to_ifindex ? put_mirred(msg, action) : put_police(msg, action)) < 0)
		return -NLE_NOMEM;
	nla_nest_end(msg, options);
	nla_nest_end(msg, first);
	nla_nest_end(msg, list);
	return 0;
}

/* One key whose mask is 0: it matches everything. */
static int put_u32(struct nl_msg *msg, const struct action *action)
{
	struct {
		struct tc_u32_sel sel;
		struct tc_u32_key key;
	} match = { .sel = { .flags = TC_U32_TERMINAL, .nkeys = 1 } };
	int nle = nla_put(msg, TCA_U32_SEL, sizeof(match), &match);

	return nle == 0 ? put_action(msg, TCA_U32_ACT, action) : nle;
}

static int put_matchall(struct nl_msg *msg, const struct action *action)
{
	return put_action(msg, TCA_MATCHALL_ACT, action);
}

/* Both do the same here; either may be missing in a kernel made by hand. */
static const struct classifier {
	const char *kind;
	uint32_t handle;   /* so that a second one of the same is EEXIST and not a second one */
	uint32_t priority; /* each its own: at that of another kind one is EINVAL, whether the kernel knows it or not */
	int (*put)(struct nl_msg *msg, const struct action *action);
} classifiers[] = {
	{ "u32", 0x80000001, 1, put_u32 }, /* 800::1, in the hash table that u32 makes for each priority */
	{ "matchall", 1, 2, put_matchall },
};

static int send_filter(const struct shape_dev *dev, const struct classifier *c, const struct action *action)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
	struct tcmsg tcm = {
		.tcm_ifindex = dev->ifindex,
		.tcm_handle = c->handle,
		.tcm_parent = INGRESS_HANDLE,
		.tcm_info = TC_H_MAKE(c->priority << 16, htons(ETH_P_ALL)),
	};

	if (!msg || nlmsg_append(msg, &tcm, sizeof(tcm), NLMSG_ALIGNTO) < 0 || nla_put_string(msg, TCA_KIND, c->kind) < 0)
		return -NLE_NOMEM;

	struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);

	if (!options || c->put(msg, action) < 0)
		return -NLE_NOMEM;
	nla_nest_end(msg, options);
	return nl_send_sync(dev->sock, TAKE_PTR(msg));
}

/* No kind: the kernel compares it before it finds that there is none to delete, and says EINVAL. */
static int delete_ingress(const struct shape_dev *dev)
{
	_cleanup_(cleanup_qdisc) struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q)
		return -NLE_NOMEM;
	rtnl_tc_set_ifindex(TC_CAST(q), dev->ifindex);
	rtnl_tc_set_parent(TC_CAST(q), TC_H_INGRESS);

	int nle = rtnl_qdisc_delete(dev->sock, q);

	return nle == -NLE_OBJ_NOTFOUND ? 0 : nle;
}

static int ensure_ingress(const struct shape_dev *dev)
{
	_cleanup_(cleanup_qdisc) struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q || rtnl_tc_set_kind(TC_CAST(q), "ingress") < 0)
		return -NLE_NOMEM;
	rtnl_tc_set_ifindex(TC_CAST(q), dev->ifindex);
	rtnl_tc_set_parent(TC_CAST(q), TC_H_INGRESS);
	rtnl_tc_set_handle(TC_CAST(q), INGRESS_HANDLE);

	int nle = rtnl_qdisc_add(dev->sock, q, NLM_F_CREATE | NLM_F_EXCL);

	return nle == -NLE_EXIST ? 0 : nle;
}

/* ENOENT is a kind of discipline, classifier or action that the kernel has not. */
static int set_filter(const struct shape_dev *dev, const struct action *action, bool is_new)
{
	int nle = is_new ? delete_ingress(dev) : 0;

	if (nle == 0)
		nle = ensure_ingress(dev);
	if (nle < 0)
		return nle;
	nle = -NLE_OBJ_NOTFOUND;
	for (size_t i = 0; i < ARRAY_SIZE(classifiers) && nle == -NLE_OBJ_NOTFOUND; i++)
		nle = send_filter(dev, &classifiers[i], action);
	return nle == -NLE_EXIST ? 0 : nle;
}

int shape_redirect(const struct shape_dev *dev, int to_ifindex, bool is_new, struct err *err)
{
	struct action action = { .to_ifindex = to_ifindex };
	int nle = set_filter(dev, &action, is_new);

	if (nle == -NLE_OBJ_NOTFOUND)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"limit what comes in at '%s': the kernel lacks a part: load sch_ingress, cls_u32 and act_mirred",
				dev->name);
	return nle < 0 ? netlink_err(err, nle, "limit what comes in at the interface '%s'", dev->name) : 0;
}

int shape_police(const struct shape_dev *dev, const struct shape_rate *rate, struct err *err)
{
	struct action action = { .rate = *rate };
	int nle = set_filter(dev, &action, true);

	if (nle == -NLE_OBJ_NOTFOUND)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"limit what comes in at '%s': the kernel has neither ifb nor act_police: load the module ifb",
				dev->name);
	return nle < 0 ? netlink_err(err, nle, "limit what comes in at the interface '%s'", dev->name) : 0;
}

int shape_ingress_remove(const struct shape_dev *dev, struct err *err)
{
	int nle = delete_ingress(dev);

	return nle < 0 ? netlink_err(err, nle, "take the limit off what comes in at the interface '%s'", dev->name) : 0;
}
