/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/log.h"
#include "netns/link.h"
#include "netns/wire.h"
#include "runtime/guest_priv.h"
#include "runtime/network.h"
#include "runtime/network_priv.h"
#include "runtime/traffic.h"

/* The kernel's work for that is queued at once (linkwatch_urgent_event()): only a host that is busy takes longer. */
#define READY_TIMEOUT_MS 200

/* `is_closed`: for a guest that is restored. */
static int make_veth(const struct net_plan *plan, int netns_fd, bool is_closed, struct err *err)
{
	struct net_veth_spec veth = {
		.host_name = plan->link,
		.guest_name = plan->guest_name,
		.guest_netns_fd = netns_fd,
		.bridge = plan->filter.is_bridged ? plan->bridge : NULL,
		.mtu = (uint32_t)plan->mtu,
		.is_closed = is_closed,
	};

	memcpy(veth.mac, plan->mac, sizeof(veth.mac));
	return net_veth_create(&veth, err);
}

static int make_link(const struct net_plan *plan, int netns_fd, bool is_closed, struct err *err)
{
	struct net_macvlan_spec macvlan = {
		.parent = plan->parent,
		.guest_name = plan->guest_name,
		.guest_netns_fd = netns_fd,
		.mtu = (uint32_t)plan->mtu,
	};

	if (plan->mode != NET_MODE_MACVLAN)
		return make_veth(plan, netns_fd, is_closed, err);
	memcpy(macvlan.mac, plan->mac, sizeof(macvlan.mac));
	return net_macvlan_create(&macvlan, err);
}

int network_add_proxies(const struct net_plan *plan, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->n_addresses; i++) {
		const char *uplink = plan->uplinks[net_family_index(plan->addresses[i].family)];

		if (*uplink)
			r = net_proxy_add(uplink, &plan->addresses[i], err);
	}
	return r;
}

int network_remove_proxy(const struct net_plan *plan, const struct net_address *address, struct err *err)
{
	const char *uplink = plan->uplinks[net_family_index(address->family)];

	return *uplink ? net_proxy_remove(uplink, address, err) : 0;
}

static int join_host(const struct net_plan *plan, struct err *err)
{
	struct net_routed_spec routed = network_routed_of(plan);
	struct net_port_spec port = {
		.link = plan->link,
		.bridge = plan->bridge,
		.vlan = (unsigned int)plan->vlan,
		.is_own = plan->is_own_bridge,
	};
	int r;

	if (plan->mode == NET_MODE_MACVLAN)
		return 0;
	if (plan->mode != NET_MODE_ROUTED) {
		memcpy(port.mac, plan->mac, sizeof(port.mac));
		return net_port_setup(&port, err);
	}
	r = net_routed_setup(&routed, err);
	return r < 0 ? r : network_add_proxies(plan, err);
}

bool network_has_rates(const struct net_plan *plan)
{
	return plan->shape.to_guest_bits > 0 || plan->shape.from_guest_bits > 0;
}

static void say_policed(const struct node *node, const struct net_plan *plan)
{
	log_warning(node->log, "interface '%s': this kernel has no ifb: what the guest sends is policed, not queued",
		    plan->guest_name);
}

int network_shape(const struct node *node, const struct net_plan *plan, struct err *err)
{
	bool is_policed = false;
	int r = net_shape_set(&plan->shape, &is_policed, err);

	if (r == 0 && is_policed)
		say_policed(node, plan);
	return r;
}

/* Behind the filter. */
static int make_first(const struct net_plan *plan, int netns_fd, bool is_closed, struct err *err)
{
	int r = fault_point("start.network-filter", err);

	if (r == 0)
		r = make_link(plan, netns_fd, is_closed, err);
	return r < 0 ? r : fault_point("start.network-link", err);
}

static int make_rest(const struct node *node, const struct net_plan *plan, struct err *err)
{
	int r = join_host(plan, err);

	if (r == 0)
		r = fault_point("start.network-joined", err);
	if (r == 0 && network_has_rates(plan))
		r = network_shape(node, plan, err);
	return r < 0 ? r : fault_point("start.network", err);
}

static int undo(const struct net_plan *plan, int r, struct err *err)
{
	struct err ignored = ERR_INIT;

	if (r == 0)
		return 0;
	(void)!network_unplug(plan, &ignored);
	return err_wrap(err, "interface '%s'", plan->guest_name);
}

/* First, so that there is no moment without. It is all or nothing: nothing is to be undone if it fails. */
static int add_filter(const struct net_plan *plan, struct err *err)
{
	return plan->link[0] ? net_filter_add(plan->table, &plan->filter, err) : 0;
}

int network_plug(const struct node *node, const struct net_plan *plan, int netns_fd, struct err *err)
{
	int r = add_filter(plan, err);

	if (r == -EEXIST)
		r = network_name_publisher(node, err);
	if (r < 0)
		return err_wrap(err, "interface '%s'", plan->guest_name);
	r = make_first(plan, netns_fd, false, err);
	if (r == 0)
		r = make_rest(node, plan, err);
	return undo(plan, r, err);
}

int network_plug_closed(const struct net_plan *plan, int netns_fd, struct err *err)
{
	if (!plan->link[0])
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"interface '%s': a macvlan has no end on the host that could be closed: use another mode",
				plan->guest_name);

	int r = add_filter(plan, err);

	if (r < 0)
		return err_wrap(err, "interface '%s'", plan->guest_name);
	return undo(plan, make_first(plan, netns_fd, true, err), err);
}

static int open_up(const struct node *node, const struct net_plan *plan, struct err *err)
{
	bool is_policed = false;
	int r = net_link_open(plan->link, err);

	if (r == 0)
		r = join_host(plan, err);
	if (r == 0)
		r = net_shape_unblock(&plan->shape, &is_policed, err);
	if (r == 0 && is_policed)
		say_policed(node, plan);
	return r;
}

int network_open(const struct node *node, const struct net_plan *plan, struct err *err)
{
	int r = plan->link[0] ? open_up(node, plan, err) : 0;

	return r < 0 ? err_wrap(err, "interface '%s'", plan->guest_name) : 0;
}

int network_shut(const struct net_plan *plan, struct err *err)
{
	if (!plan->link[0])
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP,
				"interface '%s': a macvlan has no end on the host that could be shut: use another mode",
				plan->guest_name);

	int r = net_shape_block(plan->link, err);

	return r < 0 ? err_wrap(err, "interface '%s'", plan->guest_name) : 0;
}

/* Keeps the first error of several steps, each of which is to be tried. */
static int first_of(int r, int next)
{
	return r < 0 ? r : next;
}

int network_cut(const struct net_plan *plan, struct err *err)
{
	/* A macvlan is in the guest's namespace and goes with that. */
	return plan->link[0] ? net_link_delete(plan->link, err) : 0;
}

int network_remove_rest(const struct net_plan *plan, int *io_hold, struct err *err)
{
	struct err later = ERR_INIT, *e = err;
	int r;

	if (!plan->link[0])
		return 0;
	/* First: what the kernel does then is done while it removes the ifb, which waits for the same. */
	r = net_filter_remove(plan->table, &plan->filter, io_hold, e);
	if (network_has_rates(plan)) {
		e = r < 0 ? &later : err;
		r = first_of(r, net_shape_remove(plan->ifb, e));
	}
	for (size_t i = 0; plan->mode == NET_MODE_ROUTED && i < plan->n_addresses; i++) {
		e = r < 0 ? &later : err;
		r = first_of(r, network_remove_proxy(plan, &plan->addresses[i], e));
	}
	return r;
}

int network_unplug(const struct net_plan *plan, struct err *err)
{
	_cleanup_fd_ int hold = -EBADF;
	struct err later = ERR_INIT;
	int r = network_cut(plan, err);

	return first_of(r, network_remove_rest(plan, &hold, r < 0 ? &later : err));
}

void network_wait_ready(const struct net_plans *plans)
{
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < plans->n; i++) {
		const struct net_plan *plan = &plans->list[i];

		if (plan->link[0])
			(void)!net_link_wait_ready(plan->link, READY_TIMEOUT_MS, &ignored);
		if (plan->link[0] && plan->filter.is_bridged)
			(void)!net_link_wait_ready(plan->bridge, READY_TIMEOUT_MS, &ignored);
	}
}

static void announce_routed(const struct net_plan *plan)
{
	struct err ignored = ERR_INIT;

	for (size_t i = 0; i < plan->n_addresses; i++) {
		const char *uplink = plan->uplinks[net_family_index(plan->addresses[i].family)];

		if (*uplink)
			(void)!net_announce(uplink, NULL, &plan->addresses[i], 1, &ignored);
	}
}

void network_announce(const struct net_plan *plan)
{
	struct err ignored = ERR_INIT;

	if (plan->mode == NET_MODE_ROUTED)
		announce_routed(plan);
	else if (plan->n_addresses > 0)
		(void)!net_announce(plan->guest_name, NULL, plan->addresses, plan->n_addresses, &ignored);
}

static void announce_where(const struct net_plans *plans, bool is_routed)
{
	for (size_t i = 0; i < plans->n; i++) {
		if ((plans->list[i].mode == NET_MODE_ROUTED) == is_routed)
			network_announce(&plans->list[i]);
	}
}

int network_announce_all(const struct net_plans *plans, int netns_fd, struct err *err)
{
	_cleanup_fd_ int host = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	announce_where(plans, true);
	if (host < 0 || netns_fd < 0 || setns(netns_fd, CLONE_NEWNET) < 0)
		return 0;
	announce_where(plans, false);
	return setns(host, CLONE_NEWNET) < 0 ? err_sys(err, errno, "leave the network of the guest") : 0;
}

static int remove_note(const struct guest *guest, const char *file, struct err *err)
{
	if (unlinkat(guest->run_fd, file, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '%s' of guest '%s'", file, guest->name);
	return 0;
}

static int cut_all(const struct net_plans *plans, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plans->n; i++)
		r = network_cut(&plans->list[i], err);
	return r;
}

static int remove_all(const struct net_plans *plans, int *io_hold, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < plans->n; i++)
		r = network_remove_rest(&plans->list[i], io_hold, err);
	return r;
}

/* The links go first: behind the last look at the counters nothing is to be counted. */
static int clean_noted(const struct guest *guest, const struct net_plans *now, const struct net_plans *next, struct err *err)
{
	_cleanup_fd_ int hold = -EBADF;
	int r = cut_all(next, err);

	if (r == 0)
		r = cut_all(now, err);
	if (r == 0)
		r = fault_point("stop.network-cut", err);
	if (r == 0)
		r = traffic_fold(guest, err);
	if (r == 0)
		r = fault_point("stop.network-counted", err);
	if (r == 0)
		r = remove_all(next, &hold, err);
	if (r == 0)
		r = remove_all(now, &hold, err);
	if (r == 0)
		r = fault_point("stop.network", err);
	if (r == 0)
		r = remove_note(guest, LINKS_FILE_NEXT, err);
	return r < 0 ? r : remove_note(guest, LINKS_FILE, err);
}

int network_cleanup(const struct guest *guest, struct err *err)
{
	struct net_plans now, next;
	int r = network_read_note(guest->run_fd, LINKS_FILE_NEXT, &next, err);

	if (r < 0)
		return err_wrap(err, "remove its network");

	int noted = network_read_note(guest->run_fd, LINKS_FILE, &now, err);

	if (noted < 0 || (r == 0 && noted == 0))
		r = noted;
	else
		r = clean_noted(guest, &now, &next, err);
	network_plans_free(&now);
	network_plans_free(&next);
	return r < 0 ? err_wrap(err, "remove its network") : 0;
}
