/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/shape.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/link.h"
#include "netns/shape_priv.h"

/* A GSO packet is sent whole; a bucket that it does not fit into would be in debt all the time. */
#define BURST_MIN	 65536
#define POLICE_BURST_MIN (4 * BURST_MIN) /* what does not fit is dropped: with room for one packet TCP gets half */
#define BURST_PER_SECOND 100		 /* the default are 10 ms */

/*
 * ifb stops its queue at that many packets that it has not handed on yet (drivers/net/ifb.c, ifb_xmit()); its own 32 is less than
 * one burst.
 */
#define IFB_TX_QUEUE 1000

/* What a call made, for the case that a later step fails. */
struct made {
	bool queue;
	bool ingress;
	int ifb; /* its ifindex, 0: none */
};

static struct shape_rate rate_of(uint64_t bits, uint64_t burst)
{
	struct shape_rate rate = { .bytes = bits / 8, .burst = burst };

	if (rate.bytes == 0)
		rate.bytes = 1;
	if (rate.burst == 0)
		rate.burst = rate.bytes / BURST_PER_SECOND > BURST_MIN ? rate.bytes / BURST_PER_SECOND : BURST_MIN;
	return rate;
}

static int find_ifb(struct nl_sock *sock, const char *name, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	int r = netlink_get_link(sock, name, &link, err);

	if (r < 0)
		return r;

	const char *type = rtnl_link_get_type(link);

	if (!type || strcmp(type, "ifb") != 0)
		return err_exit(
			err, EXIT_NETWORK, EEXIST,
			"interface '%s': expected an ifb device of ctctl or none, it is of another kind: rename or remove it",
			name);
	r = netlink_set_up(sock, rtnl_link_get_ifindex(link), name, err);
	return r < 0 ? r : rtnl_link_get_ifindex(link);
}

/* Its ifindex; -EOPNOTSUPP on a kernel without ifb. */
static int ensure_ifb(struct nl_sock *sock, const char *name, struct made *made, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = rtnl_link_alloc();

	if (!link || rtnl_link_set_type(link, "ifb") < 0)
		return err_oom(err);
	rtnl_link_set_name(link, name);
	rtnl_link_set_flags(link, IFF_UP);
	rtnl_link_set_txqlen(link, IFB_TX_QUEUE);

	int nle = rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);

	if (nle < 0 && netlink_errno(nle) != EEXIST)
		return netlink_err(err, nle, "create the interface '%s'", name);

	int ifindex = find_ifb(sock, name, err);

	if (nle == 0)
		made->ifb = ifindex;
	return ifindex;
}

static int set_to_guest(const struct shape_dev *dev, const struct net_shape_spec *spec, struct made *made, struct err *err)
{
	if (spec->to_guest_bits == 0)
		return shape_queue_remove(dev, err);

	struct shape_rate rate = rate_of(spec->to_guest_bits, spec->burst_bytes);
	int r = shape_queue_set(dev, &rate, err);

	if (r > 0)
		made->queue = true;
	return r < 0 ? r : 0;
}

/* The redirection goes first: it would drop all packets once its target is gone (net/sched/act_mirred.c). */
static int remove_from_guest(const struct shape_dev *dev, const char *ifb, struct err *err)
{
	int r = shape_ingress_remove(dev, err);

	return r < 0 ? r : net_shape_remove(ifb, err);
}

/* Returns 1 if it is policed, for want of an ifb. */
static int set_from_guest(const struct shape_dev *dev, const struct net_shape_spec *spec, struct made *made, struct err *err)
{
	struct shape_rate rate = rate_of(spec->from_guest_bits, spec->burst_bytes);

	if (spec->from_guest_bits == 0)
		return remove_from_guest(dev, spec->ifb, err);

	struct shape_dev ifb = { .sock = dev->sock, .name = spec->ifb };
	int r = ensure_ifb(dev->sock, spec->ifb, made, err);

	if (r == -EOPNOTSUPP) {
		made->ingress = true;
		if (rate.burst < POLICE_BURST_MIN)
			rate.burst = POLICE_BURST_MIN;
		r = shape_police(dev, &rate, err);
		return r < 0 ? r : 1;
	}
	if (r < 0)
		return r;
	ifb.ifindex = r;
	r = shape_queue_set(&ifb, &rate, err);
	if (r < 0)
		return r;
	made->ingress = made->ifb > 0;
	return shape_redirect(dev, ifb.ifindex, made->ifb > 0, err);
}

/* Goes on whatever fails: a link that is gone has taken its disciplines with it, but not the ifb. */
static void undo(const struct shape_dev *dev, const struct net_shape_spec *spec, const struct made *made)
{
	struct err ignored = ERR_INIT;
	int r = 0;

	if (made->queue)
		r |= shape_queue_remove(dev, &ignored);
	if (made->ingress)
		r |= shape_ingress_remove(dev, &ignored);
	if (made->ifb)
		r |= net_shape_remove(spec->ifb, &ignored);
	(void)r;
}

static int open_link(const char *name, struct nl_sock **ret_sock, struct shape_dev *ret, struct err *err)
{
	_cleanup_(cleanup_link) struct rtnl_link *link = NULL;
	int r = netlink_check_name(name, err);

	if (r == 0)
		r = netlink_open(ret_sock, err);
	if (r == 0)
		r = netlink_get_link(*ret_sock, name, &link, err);
	if (r == 0)
		*ret = (struct shape_dev){ .sock = *ret_sock, .ifindex = rtnl_link_get_ifindex(link), .name = name };
	return r;
}

int net_shape_set(const struct net_shape_spec *spec, bool *ret_policed, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct made made = { 0 };
	struct shape_dev dev = { 0 };
	int r = netlink_check_name(spec->ifb, err);

	if (r == 0)
		r = open_link(spec->link, &sock, &dev, err);
	if (r < 0)
		return r;
	r = set_to_guest(&dev, spec, &made, err);
	if (r == 0)
		r = set_from_guest(&dev, spec, &made, err);
	if (r < 0) {
		undo(&dev, spec, &made);
		return r;
	}
	if (ret_policed)
		*ret_policed = r > 0;
	return 0;
}

/*
 * What comes in is sent back out, where it is dropped like all else that goes there: no action but the one that shaping needs
 * anyway. In this order, so that the guest does not get back what it sent.
 */
int net_shape_block(const char *link, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct shape_dev dev = { 0 };
	int r = open_link(link, &sock, &dev, err);

	if (r == 0)
		r = shape_queue_block(&dev, err);
	return r < 0 ? r : shape_redirect(&dev, dev.ifindex, true, err);
}

int net_shape_unblock(const struct net_shape_spec *spec, bool *ret_policed, struct err *err)
{
	_cleanup_(cleanup_nl_sock) struct nl_sock *sock = NULL;
	struct shape_dev dev = { 0 };
	int r = open_link(spec->link, &sock, &dev, err);

	if (r == 0)
		r = shape_ingress_remove(&dev, err);
	return r < 0 ? r : net_shape_set(spec, ret_policed, err);
}

int net_shape_remove(const char *ifb, struct err *err)
{
	return net_link_delete(ifb, err);
}
