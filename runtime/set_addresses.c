/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "runtime/addresses.h"
#include "runtime/operations.h"

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Does it want other addresses than it had? Who did not change them is not asked about them. */
static bool wants_addresses(const struct guest_interface *iface, const struct guest_interface *before)
{
	/* One that is not connected keeps what it has, and takes nothing until it is connected. */
	if (iface->net == NET_MODE_NONE)
		return false;
	if (!before)
		return true;
	return !is_same(iface->ip, before->ip) || !is_same(iface->route, before->route) ||
	       !is_same(iface->net_pool, before->net_pool) || iface->net != before->net;
}

/* One that is gone gives its addresses back. */
static bool changes_addresses(const struct guest_config *config, const struct guest_config *before)
{
	bool is_changed = config->n_interfaces != before->n_interfaces;

	for (size_t i = 0; !is_changed && i < config->n_interfaces; i++) {
		const struct guest_interface *iface = &config->interfaces[i];

		is_changed = wants_addresses(iface, config_interface(before, iface->name));
	}
	return is_changed;
}

int guest_take_addresses(struct guest *guest, const struct guest_config *before, struct err *err)
{
	struct guest_config *config = &guest->config;
	int r = changes_addresses(config, before) ? address_begin_change(guest->node, config->uuid, err) : 0;

	for (size_t i = 0; r == 0 && i < config->n_interfaces; i++) {
		struct guest_interface *iface = &config->interfaces[i];

		if (wants_addresses(iface, config_interface(before, iface->name)))
			r = address_give_interface(guest->node, config->uuid, iface, err);
	}
	if (r == 0)
		r = fault_point("set.addresses", err);
	if (r < 0)
		guest_drop_addresses(guest, config, before);
	return r;
}

static bool has_exactly(const struct net_address *list, size_t n, const struct net_address *address)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i].family == address->family && list[i].prefix == address->prefix &&
		    net_address_equal(&list[i], address))
			return true;
	}
	return false;
}

/* The prefix of an address is not in the registry, that of a network is. */
static void full_lengths(struct net_address *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		list[i].prefix = net_address_bits(&list[i]);
}

static int drop_list(const struct guest *guest, const char *interface, const char *from, const char *to, bool is_prefix,
		     struct err *err)
{
	_cleanup_free_ struct net_address *had = NULL, *has = NULL;
	size_t n_had, n_has, n = 0;
	int r = interface_parse_addresses(from, &had, &n_had, err);

	if (r == 0)
		r = interface_parse_addresses(to, &has, &n_has, err);
	if (r < 0)
		return r;
	if (!is_prefix) {
		full_lengths(had, n_had);
		full_lengths(has, n_has);
	}
	for (size_t i = 0; i < n_had; i++) {
		if (!has_exactly(has, n_has, &had[i]))
			had[n++] = had[i];
	}
	return n == 0 ? 0 : address_release(guest->node, had, n, is_prefix, guest->config.uuid, interface, err);
}

/* What cannot be given back now is by whoever opens the guest next: the mark of the change stays. */
void guest_drop_addresses(const struct guest *guest, const struct guest_config *from, const struct guest_config *to)
{
	struct err err = ERR_INIT;
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n_interfaces; i++) {
		const struct guest_interface *had = &from->interfaces[i], *has = config_interface(to, had->name);

		r = drop_list(guest, had->name, had->ip, has ? has->ip : NULL, false, &err);
		if (r == 0)
			r = drop_list(guest, had->name, had->route, has ? has->route : NULL, true, &err);
	}
	if (r == 0)
		r = address_end_change(guest->node, guest->config.uuid, &err);
	if (r < 0)
		log_warning(guest->node->log, "guest '%s': addresses that it does not have any more stay taken: %s", guest->name,
			    err.msg);
}
