/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/identity_network.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "netns/copied.h"

/* In the guest's network namespace. */
struct change {
	const struct net_plans *from; /* what was saved */
	const struct net_plans *to;
};

static bool is_wanted(const struct net_plan *to, const struct net_address *address)
{
	struct net_address own;

	for (size_t i = 0; i < to->n_addresses; i++) {
		if (net_address_equal(&to->addresses[i], address) && to->addresses[i].prefix == address->prefix)
			return true;
	}
	for (size_t i = 0; i < to->n_prefixes; i++) {
		own = net_setup_first_of(&to->prefixes[i]);
		if (net_address_equal(&own, address))
			return true;
	}
	net_address_link_local(to->mac, &own);
	return net_address_equal(&own, address);
}

/* Also what the guest gave itself, or a router: all that the original has, it has. */
static int change_interface(const struct change *c, const struct net_plan *to, struct err *err)
{
	const struct net_plan *from = network_find_plan(c->from, to->guest_name);
	struct net_setup_spec have = { .name = to->guest_name }, want = network_setup_of(to);
	struct net_address *all = NULL;
	size_t n_all = 0, n = 0;
	int r = net_copied_addresses(to->guest_name, &all, &n_all, err);
	_cleanup_free_ struct net_address *gone = all;

	if (r < 0)
		return r;
	for (size_t i = 0; i < n_all; i++) {
		if (!is_wanted(to, &all[i]))
			gone[n++] = all[i];
	}
	if (from)
		have = network_setup_of(from);
	have.addresses = gone;
	have.n_addresses = n;
	have.n_prefixes = 0;
	r = net_setup_change(&have, &want, err);
	return r < 0 ? r : net_copied_end_connections(gone, n, err);
}

static int change_inside(const void *context, struct err *err)
{
	const struct change *c = context;
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->to->n; i++)
		r = change_interface(c, &c->to->list[i], err);
	return r;
}

/* `work` is done in the network namespace of `init`. */
static int run_in(pid_t init, int (*work)(const void *context, struct err *err), const void *context, int back_fd,
		  struct err *err)
{
	struct err late = ERR_INIT;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", init);

	_cleanup_fd_ int netns = open(path, O_RDONLY | O_CLOEXEC);

	if (netns < 0 || setns(netns, CLONE_NEWNET) < 0)
		return err_sys(err, errno, "enter the guest's network");

	int r = work(context, err);

	if (setns(back_fd, CLONE_NEWNET) < 0)
		return err_sys(r < 0 ? &late : err, errno, "come back from the guest's network");
	return r;
}

int checkpoint_change_network(int images_fd, const struct net_plans *nets, pid_t init, int back_fd, const char *name,
			      struct err *err)
{
	struct net_plans from = NET_PLANS_INIT;
	struct change change = { .from = &from, .to = nets };
	int r = network_read_note(images_fd, CHECKPOINT_LINKS, &from, err);

	if (r > 0) {
		r = run_in(init, change_inside, &change, back_fd, err);
		if (r == 0)
			r = fault_point("warm.network", err);
	}
	network_plans_free(&from);
	return r < 0 ? err_wrap(err, "give guest '%s' a network of its own", name) : 0;
}

static int allow_inside(const void *context, struct err *err)
{
	const bool *allow = context;

	return net_copied_allow_binding(*allow, err);
}

int checkpoint_allow_binding(bool allow, pid_t init, int back_fd, struct err *err)
{
	return run_in(init, allow_inside, &allow, back_fd, err);
}
