/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/proc.h"
#include "netns/link.h"
#include "runtime/guest_priv.h"
#include "runtime/inside.h"
#include "runtime/network.h"
#include "runtime/network_priv.h"
#include "runtime/operations.h"
#include "runtime/traffic.h"

/*
 * A running guest's network, from what it has to what its configuration says. The way there is a walk from one list of plans to
 * another, interface by interface: what keeps its structure (its kind, its link) is changed in place and keeps its connections;
 * all else is unplugged and plugged.
 *
 * RUN/NAME/links is what the guest has, links.next what it is to have, until that is true and takes the other's place. Who finds
 * a links.next finds a walk that was interrupted: all of it, none of it, or a part is there. He goes back first, taking nothing
 * for granted, then on.
 */
struct walk {
	const struct guest *guest;
	struct guest_run run;
	const struct net_plans *from;
	const struct net_plans *to;
	bool is_certain; /* `from` is there as it says */
	int netns_fd;
};

static bool same_structure(const struct net_plan *a, const struct net_plan *b)
{
	return a->mode == b->mode && strcmp(a->link, b->link) == 0 && strcmp(a->bridge, b->bridge) == 0 &&
	       strcmp(a->parent, b->parent) == 0 && a->vlan == b->vlan && a->mtu == b->mtu &&
	       memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
}

static bool same_list(const struct net_address *a, size_t n_a, const struct net_address *b, size_t n_b)
{
	for (size_t i = 0; i < n_a && n_a == n_b; i++) {
		if (!net_address_equal(&a[i], &b[i]) || a[i].prefix != b[i].prefix)
			return false;
	}
	return n_a == n_b;
}

static bool same_inside(const struct net_plan *a, const struct net_plan *b)
{
	for (size_t f = 0; f < 2; f++) {
		if (a->gateways[f].family != b->gateways[f].family || !net_address_equal(&a->gateways[f], &b->gateways[f]))
			return false;
	}
	return same_list(a->addresses, a->n_addresses, b->addresses, b->n_addresses) &&
	       same_list(a->prefixes, a->n_prefixes, b->prefixes, b->n_prefixes);
}

static bool same_rates(const struct net_plan *a, const struct net_plan *b)
{
	return a->shape.to_guest_bits == b->shape.to_guest_bits && a->shape.from_guest_bits == b->shape.from_guest_bits &&
	       a->shape.burst_bytes == b->shape.burst_bytes;
}

/* A guest may remove its end of a link, and with that the link. */
static bool has_link(const struct net_plan *plan)
{
	struct err ignored = ERR_INIT;

	return !plan->link[0] || net_link_exists(plan->link, &ignored) != 0;
}

/* What the interface was, if it is to be changed in place. */
static const struct net_plan *kept(const struct walk *w, const struct net_plan *to)
{
	const struct net_plan *from = network_find_plan(w->from, to->guest_name);

	return from && same_structure(from, to) && has_link(to) ? from : NULL;
}

static int delete_inside(void *context, struct err *err)
{
	return net_link_delete(context, err);
}

/* With the counters of what goes. */
static int unplug(const struct walk *w, const struct net_plan *plan, struct err *err)
{
	_cleanup_fd_ int hold = -EBADF;
	char name[IFNAMSIZ];
	int r = network_cut(plan, err);

	if (r == 0 && plan->mode == NET_MODE_MACVLAN) {
		memcpy(name, plan->guest_name, sizeof(name));
		r = inside_run(w->guest, &w->run, delete_inside, name, err);
	}
	if (r == 0)
		r = traffic_fold(w->guest, err);
	if (r == 0)
		r = fault_point("set.network-counted", err);
	if (r == 0)
		r = network_remove_rest(plan, &hold, err);
	/* Once more, to see that they are gone: what gets this name next counts from 0. */
	return r < 0 ? r : traffic_fold(w->guest, err);
}

static int unplug_changed(const struct walk *w, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->from->n; i++) {
		const struct net_plan *from = &w->from->list[i];
		const struct net_plan *to = network_find_plan(w->to, from->guest_name);

		if (!to || !kept(w, to))
			r = unplug(w, from, err);
	}
	for (size_t i = 0; r == 0 && !w->is_certain && i < w->to->n; i++) {
		if (!kept(w, &w->to->list[i]))
			r = unplug(w, &w->to->list[i], err);
	}
	return r;
}

static bool is_listed(const struct net_address *list, size_t n, const struct net_address *address)
{
	for (size_t i = 0; i < n; i++) {
		if (net_address_equal(&list[i], address) && list[i].prefix == address->prefix)
			return true;
	}
	return false;
}

/* Those of `from` that `to` has not; the caller frees. NULL without memory. */
static struct net_address *difference(const struct net_address *from, size_t n_from, const struct net_address *to, size_t n_to,
				      size_t *ret_n)
{
	struct net_address *gone = reallocarray(NULL, n_from + 1, sizeof(*gone));

	*ret_n = 0;
	for (size_t i = 0; gone && i < n_from; i++) {
		if (!is_listed(to, n_to, &from[i]))
			gone[(*ret_n)++] = from[i];
	}
	return gone;
}

static int change_routes(const struct net_plan *from, const struct net_plan *to, struct err *err)
{
	struct net_routed_spec gone = network_routed_of(from), want = network_routed_of(to);
	_cleanup_free_ struct net_address *addresses = difference(from->addresses, from->n_addresses, to->addresses,
								  to->n_addresses, &gone.n_addresses);
	_cleanup_free_ struct net_address *prefixes = difference(from->prefixes, from->n_prefixes, to->prefixes, to->n_prefixes,
								 &gone.n_prefixes);
	int r = 0;

	if (!addresses || !prefixes)
		return err_oom(err);
	gone.addresses = addresses;
	gone.prefixes = prefixes;
	if (gone.n_addresses > 0 || gone.n_prefixes > 0)
		r = net_routed_remove(&gone, err);
	for (size_t i = 0; r == 0 && i < gone.n_addresses; i++)
		r = network_remove_proxy(from, &addresses[i], err);
	if (r == 0)
		r = net_routed_setup(&want, err);
	return r < 0 ? r : network_add_proxies(to, err);
}

/* From the tables of an older ctctl to ours: while it is in both, both filter. */
static int move_filter(const struct walk *w, const struct net_plan *from, const struct net_plan *to, struct err *err)
{
	int r = net_filter_add(to->table, &to->filter, err);

	if (r == 0)
		r = traffic_fold(w->guest, err);
	if (r == 0)
		r = net_filter_remove(from->table, &from->filter, NULL, err);
	/* Once more, to see that they are gone: the others count from 0. */
	return r < 0 ? r : traffic_fold(w->guest, err);
}

static int change_filter(const struct walk *w, const struct net_plan *from, const struct net_plan *to, struct err *err)
{
	int r;

	if (w->is_certain)
		return strcmp(from->table, to->table) == 0 ? net_filter_change(to->table, &from->filter, &to->filter, err)
							   : move_filter(w, from, to, err);
	r = traffic_fold(w->guest, err);
	if (r == 0)
		r = net_filter_remove(from->table, &from->filter, NULL, err);
	if (r == 0)
		r = net_filter_remove(to->table, &to->filter, NULL, err);
	if (r == 0)
		r = traffic_fold(w->guest, err);
	return r < 0 ? r : net_filter_add(to->table, &to->filter, err);
}

static int change_in_place(const struct walk *w, const struct net_plan *from, const struct net_plan *to, struct err *err)
{
	int r;

	if (network_is_same(from, to))
		return 0;
	r = to->link[0] ? change_filter(w, from, to, err) : 0;
	if (r == -EEXIST)
		r = network_name_publisher(w->guest->node, err);
	if (r == 0)
		r = fault_point("set.network-filter", err);
	if (r == 0 && to->mode == NET_MODE_ROUTED)
		r = change_routes(from, to, err);
	if (r == 0 && to->link[0] && (!w->is_certain || !same_rates(from, to)))
		r = network_shape(w->guest->node, to, err);
	return r < 0 ? err_wrap(err, "interface '%s'", to->guest_name) : fault_point("set.network-host", err);
}

static int change_host(const struct walk *w, struct err *err)
{
	int r = unplug_changed(w, err);

	if (r == 0)
		r = fault_point("set.network-unplugged", err);
	for (size_t i = 0; r == 0 && i < w->to->n; i++) {
		const struct net_plan *to = &w->to->list[i];
		const struct net_plan *from = kept(w, to);

		r = from ? change_in_place(w, from, to, err) : network_plug(w->guest->node, to, w->netns_fd, err);
	}
	return r;
}

/* In the guest. What was there is known by its plan, whether or not its link is still the same one. */
static int change_inside(void *context, struct err *err)
{
	const struct walk *w = context;
	int r = 0;

	for (size_t i = 0; r == 0 && i < w->to->n; i++) {
		const struct net_plan *to = &w->to->list[i];
		const struct net_plan *from = network_find_plan(w->from, to->guest_name);
		struct net_setup_spec want = network_setup_of(to), have;

		if (from)
			have = network_setup_of(from);
		r = net_setup_change(from ? &have : NULL, &want, err);
		if (r == 0 && to->mode != NET_MODE_ROUTED)
			network_announce(to);
	}
	return r;
}

/* Is there anything that the guest has to be told? */
static bool concerns_inside(const struct walk *w)
{
	if (!w->is_certain || w->from->n != w->to->n)
		return true;
	for (size_t i = 0; i < w->to->n; i++) {
		const struct net_plan *to = &w->to->list[i];
		const struct net_plan *from = network_find_plan(w->from, to->guest_name);

		if (!from || !same_structure(from, to) || !same_inside(from, to) || !has_link(from))
			return true;
	}
	return false;
}

static int walk(struct walk *w, struct err *err)
{
	bool is_told = concerns_inside(w); /* before a missing link is made anew */
	int r = change_host(w, err);

	if (r == 0)
		r = fault_point("set.network-plugged", err);
	if (r == 0 && is_told)
		r = inside_run(w->guest, &w->run, change_inside, w, err);
	if (r == 0 && is_told)
		network_wait_ready(w->to);
	if (r == 0 && is_told)
		r = inside_update_network(w->guest, &w->run, w->to, err);
	for (size_t i = 0; r == 0 && is_told && i < w->to->n; i++) {
		if (w->to->list[i].mode == NET_MODE_ROUTED)
			network_announce(&w->to->list[i]);
	}
	return r;
}

static int open_netns(const struct guest_run *run, struct err *err)
{
	_cleanup_fd_ int pidfd = proc_open(&run->init);
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", run->init.pid);

	_cleanup_fd_ int fd = pidfd < 0 ? pidfd : open(path, O_RDONLY | O_CLOEXEC);

	/* The pid was its own if it lives still. */
	if (fd < 0 || !proc_is_alive(&run->init))
		return err_exit(err, EXIT_NOT_RUNNING, ESRCH, "the guest has ended meanwhile");
	return TAKE_FD(fd);
}

static int remove_next(const struct guest *guest, struct err *err)
{
	if (unlinkat(guest->run_fd, LINKS_FILE_NEXT, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '" LINKS_FILE_NEXT "' of guest '%s'", guest->name);
	return 0;
}

/* Back from where an interrupted walk got to, which nobody knows. */
static int go_back(struct walk *w, const struct net_plans *now, const struct net_plans *next, struct err *err)
{
	int r;

	w->from = next;
	w->to = now;
	w->is_certain = false;
	r = walk(w, err);
	return r < 0 ? r : remove_next(w->guest, err);
}

static bool same_plans(const struct net_plans *a, const struct net_plans *b)
{
	for (size_t i = 0; i < a->n && a->n == b->n; i++) {
		if (!network_is_same(&a->list[i], &b->list[i]))
			return false;
	}
	return a->n == b->n;
}

static int go_on(struct walk *w, const struct net_plans *now, const struct net_plans *want, struct err *err)
{
	int run_fd = w->guest->run_fd;
	int r;

	if (same_plans(now, want))
		return 0;
	w->from = now;
	w->to = want;
	w->is_certain = true;
	r = network_note(run_fd, LINKS_FILE_NEXT, want, err);
	if (r == 0)
		r = fault_point("set.network-noted", err);
	if (r == 0)
		r = traffic_fold(w->guest, err);
	if (r == 0)
		r = walk(w, err);
	if (r == 0)
		r = fault_point("set.network-changed", err);
	if (r == 0 && renameat(run_fd, LINKS_FILE_NEXT, run_fd, LINKS_FILE) < 0)
		r = err_sys(err, errno, "note the network of guest '%s'", w->guest->name);
	return r;
}

static int apply(struct walk *w, struct net_plans *now, struct net_plans *next, struct net_plans *want, struct err *err)
{
	const struct guest *guest = w->guest;
	int r = network_read_note(guest->run_fd, LINKS_FILE, now, err);
	int has_next = r < 0 ? r : network_read_note(guest->run_fd, LINKS_FILE_NEXT, next, err);

	r = has_next < 0 ? has_next : network_plan(guest, want, err);
	if (r == 0)
		r = network_prepare(guest, want, err);
	if (r < 0)
		return r;
	w->netns_fd = open_netns(&w->run, err);
	if (w->netns_fd < 0)
		return w->netns_fd;
	if (has_next == 1)
		r = go_back(w, now, next, err);
	return r < 0 ? r : go_on(w, now, want, err);
}

int guest_apply_network(struct guest *guest, const struct guest_config *old, struct err *err)
{
	struct net_plans now = NET_PLANS_INIT, next = NET_PLANS_INIT, want = NET_PLANS_INIT;
	struct walk w = { .guest = guest, .netns_fd = -EBADF };
	int r;

	/* What was interrupted is settled whatever is asked for. */
	if (old && config_same_interfaces(old, &guest->config) && !path_exists_at(guest->run_fd, LINKS_FILE_NEXT))
		return 0;
	r = guest_get_run(guest, &w.run, err);
	if (r <= 0)
		return r;
	r = apply(&w, &now, &next, &want, err);
	if (w.netns_fd >= 0)
		close(w.netns_fd);
	network_plans_free(&now);
	network_plans_free(&next);
	network_plans_free(&want);
	return r;
}
