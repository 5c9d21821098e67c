/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/shape_priv.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

/*
 * Handles are per interface, and on a guest's link all are ours. One per kind of leaf, so that a better one can replace another.
 */
#define HTB_HANDLE	 TC_HANDLE(0xc7U, 0)
#define HTB_CLASS	 TC_HANDLE(0xc7U, 1)
#define FQ_CODEL_HANDLE	 TC_HANDLE(0xc8U, 0)
#define SFQ_HANDLE	 TC_HANDLE(0xc9U, 0)
#define BFIFO_HANDLE	 TC_HANDLE(0xcaU, 0)
#define BLACKHOLE_HANDLE TC_HANDLE(0xcbU, 0)

#define NS_PER_TICK 64 /* include/net/pkt_sched.h, PSCHED_SHIFT; /proc/net/psched shows it */
#define NS_PER_S    1000000000ULL
#define US_PER_S    1000000ULL

#define QUANTUM 65536 /* a GSO packet; with a single class it is only there so that the kernel has no reason to warn */

#define PACKET_BYTES 1514U

/* codel(8): at most 5 ms of standing queue, measured over 100 ms. */
#define CODEL_TARGET_US	  5000U
#define CODEL_INTERVAL_US 100000U

/* A plain queue: 50 ms, but room for a few GSO packets, and no more than fq_codel's own limit of memory. */
#define FIFO_PER_SECOND 20
#define FIFO_MIN	(4U * 65536)
#define FIFO_MAX	(32U << 20)

#define SFQ_PACKETS 127 /* sfq(8): its default */

static uint32_t clamp32(uint64_t n, uint64_t min, uint64_t max)
{
	return (uint32_t)(n < min ? min : n > max ? max : n);
}

uint32_t shape_ticks(const struct shape_rate *rate)
{
	uint64_t burst = rate->burst < UINT64_MAX / NS_PER_S ? rate->burst : UINT64_MAX / NS_PER_S;

	return clamp32(burst * NS_PER_S / rate->bytes / NS_PER_TICK, 1, UINT32_MAX);
}

/*
 * Its own message and not rtnl_htb_set_*(): libnl counts bursts in whole microseconds and bytes of an int, which at 100 Gbit/s
 * is too coarse. The link layer is told, so that the kernel asks for no table of times (linux 3.9).
 */
static int send_class(const struct shape_dev *dev, const struct shape_rate *rate)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWTCLASS, NLM_F_CREATE | NLM_F_REPLACE);
	struct tc_ratespec spec = { .linklayer = TC_LINKLAYER_ETHERNET, .rate = clamp32(rate->bytes, 1, UINT32_MAX) };
	struct tc_htb_opt opt = { .rate = spec, .ceil = spec, .buffer = shape_ticks(rate), .quantum = QUANTUM };
	struct tcmsg tcm = { .tcm_ifindex = dev->ifindex, .tcm_handle = HTB_CLASS, .tcm_parent = HTB_HANDLE };

	opt.cbuffer = opt.buffer;
	if (!msg || nlmsg_append(msg, &tcm, sizeof(tcm), NLMSG_ALIGNTO) < 0 || nla_put_string(msg, TCA_KIND, "htb") < 0)
		return -NLE_NOMEM;

	struct nlattr *options = nla_nest_start(msg, TCA_OPTIONS);

	if (!options || nla_put(msg, TCA_HTB_PARMS, sizeof(opt), &opt) < 0 || nla_put_u64(msg, TCA_HTB_RATE64, rate->bytes) < 0 ||
	    nla_put_u64(msg, TCA_HTB_CEIL64, rate->bytes) < 0)
		return -NLE_NOMEM;
	nla_nest_end(msg, options);
	return nl_send_sync(dev->sock, TAKE_PTR(msg));
}

static struct rtnl_qdisc *new_qdisc(const struct shape_dev *dev, const char *kind, uint32_t parent, uint32_t handle)
{
	_cleanup_(cleanup_qdisc) struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q || rtnl_tc_set_kind(TC_CAST(q), kind) < 0)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(q), dev->ifindex);
	rtnl_tc_set_parent(TC_CAST(q), parent);
	rtnl_tc_set_handle(TC_CAST(q), handle);
	return TAKE_PTR(q);
}

/* At low rates a single packet takes longer than the target, and codel would drop for that alone. */
static int fill_fq_codel(struct rtnl_qdisc *q, const struct shape_rate *rate)
{
	uint32_t target = clamp32(PACKET_BYTES * US_PER_S * 3 / 2 / rate->bytes, CODEL_TARGET_US, UINT32_MAX / 2);
	int nle = rtnl_qdisc_fq_codel_set_target(q, target);

	return nle < 0 ? nle : rtnl_qdisc_fq_codel_set_interval(q, CODEL_INTERVAL_US - CODEL_TARGET_US + target);
}

static int fill_sfq(struct rtnl_qdisc *q, const struct shape_rate *rate)
{
	(void)rate;
	rtnl_sfq_set_limit(q, SFQ_PACKETS);
	return 0;
}

static int fill_bfifo(struct rtnl_qdisc *q, const struct shape_rate *rate)
{
	return rtnl_qdisc_fifo_set_limit(q, (int)clamp32(rate->bytes / FIFO_PER_SECOND, FIFO_MIN, FIFO_MAX));
}

/*
 * Best first. Where a leaf of that handle is there it is changed, but for sfq, which cannot be: NLM_F_EXCL makes that EEXIST. One
 * under another handle, the kernel's unbounded pfifo included, is replaced.
 */
static const struct leaf {
	const char *kind;
	uint32_t handle;
	int flags;
	int (*fill)(struct rtnl_qdisc *q, const struct shape_rate *rate);
} leaves[] = {
	{ "fq_codel", FQ_CODEL_HANDLE, 0, fill_fq_codel },
	{ "sfq", SFQ_HANDLE, NLM_F_EXCL, fill_sfq },
	{ "bfifo", BFIFO_HANDLE, 0, fill_bfifo },
};

static int send_leaf(const struct shape_dev *dev, const struct leaf *leaf, const struct shape_rate *rate)
{
	_cleanup_(cleanup_qdisc) struct rtnl_qdisc *q = new_qdisc(dev, leaf->kind, HTB_CLASS, leaf->handle);
	int nle = q ? leaf->fill(q, rate) : -NLE_NOMEM;

	if (nle == 0)
		nle = rtnl_qdisc_add(dev->sock, q, NLM_F_CREATE | NLM_F_REPLACE | leaf->flags);
	return nle == -NLE_EXIST ? 0 : nle;
}

/* A kind that the kernel has not is ENOENT, a link that is gone is ENODEV (net/sched/sch_api.c). */
static int set_leaf(const struct shape_dev *dev, const struct shape_rate *rate)
{
	int nle = -NLE_OBJ_NOTFOUND;

	for (size_t i = 0; i < ARRAY_SIZE(leaves) && nle == -NLE_OBJ_NOTFOUND; i++)
		nle = send_leaf(dev, &leaves[i], rate);
	return nle;
}

/* htb itself cannot be changed, and need not be; with these flags anything else than ours is replaced, and ours is EEXIST. */
static int send_htb(const struct shape_dev *dev)
{
	_cleanup_(cleanup_qdisc) struct rtnl_qdisc *q = new_qdisc(dev, "htb", TC_H_ROOT, HTB_HANDLE);

	if (!q)
		return -NLE_NOMEM;

	int nle = rtnl_htb_set_defcls(q, TC_H_MIN(HTB_CLASS));

	return nle < 0 ? nle : rtnl_qdisc_add(dev->sock, q, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_EXCL);
}

int shape_queue_set(const struct shape_dev *dev, const struct shape_rate *rate, struct err *err)
{
	int nle = send_htb(dev);
	bool is_new = nle == 0;

	if (nle == -NLE_OBJ_NOTFOUND)
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"limit the rate of the interface '%s': the kernel has no htb: load the module sch_htb",
				dev->name);
	if (nle == 0 || nle == -NLE_EXIST)
		nle = send_class(dev, rate);
	if (nle == 0)
		nle = set_leaf(dev, rate);
	if (nle == 0)
		return is_new;

	int r = netlink_err(err, nle, "limit the rate of the interface '%s'", dev->name);
	struct err ignored = ERR_INIT;

	if (is_new && shape_queue_remove(dev, &ignored) < 0)
		return r; /* with the link gone there is nothing to remove */
	return r;
}

/* Its own message: libnl knows that kind, and asserts that it has options. */
int shape_queue_block(const struct shape_dev *dev, struct err *err)
{
	_cleanup_(cleanup_nl_msg) struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
	struct tcmsg tcm = { .tcm_ifindex = dev->ifindex, .tcm_handle = BLACKHOLE_HANDLE, .tcm_parent = TC_H_ROOT };

	if (!msg || nlmsg_append(msg, &tcm, sizeof(tcm), NLMSG_ALIGNTO) < 0 || nla_put_string(msg, TCA_KIND, "blackhole") < 0)
		return err_oom(err);

	int r = netlink_call(dev->sock, msg, NULL, NULL);

	return r < 0 ? netlink_err_sys(err, r, "have the interface '%s' send nothing", dev->name) : 0;
}

int shape_queue_remove(const struct shape_dev *dev, struct err *err)
{
	_cleanup_(cleanup_qdisc) struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q)
		return err_oom(err);
	rtnl_tc_set_ifindex(TC_CAST(q), dev->ifindex);
	rtnl_tc_set_parent(TC_CAST(q), TC_H_ROOT);

	int nle = rtnl_qdisc_delete(dev->sock, q);

	if (nle < 0 && nle != -NLE_OBJ_NOTFOUND)
		return netlink_err(err, nle, "take the limit of the rate off the interface '%s'", dev->name);
	return 0;
}
