/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/fault.h"
#include "base/journal.h"
#include "base/path.h"
#include "runtime/addresses.h"
#include "runtime/operations.h"

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_changed(const struct guest_interface *iface, const struct guest_interface *before)
{
	return !before || !is_same(iface->ip, before->ip) || !is_same(iface->route, before->route) ||
	       !is_same(iface->net_pool, before->net_pool) || iface->net != before->net;
}

/*
 * Does it want other addresses than it had? Who did not change them is not asked about them, and one that is not connected keeps
 * what it has, and takes nothing until it is.
 */
static bool wants_addresses(const struct guest_interface *iface, const struct guest_interface *before)
{
	return iface->net != NET_MODE_NONE && is_changed(iface, before);
}

/* Will anything be taken or given back? An interface that is gone gives back what it had. */
static bool changes_addresses(const struct guest_config *config, const struct guest_config *before)
{
	bool changes = config->n_interfaces != before->n_interfaces;

	for (size_t i = 0; !changes && i < config->n_interfaces; i++) {
		const struct guest_interface *iface = &config->interfaces[i];

		changes = is_changed(iface, config_interface(before, iface->name));
	}
	return changes;
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
		(void)guest_settle_addresses(guest, before);
	return r;
}

int guest_settle_addresses(const struct guest *guest, const struct guest_config *config)
{
	struct err why = ERR_INIT;
	int r;

	if (path_exists_at(guest->run_fd, JOURNAL_FILE))
		return 0;
	r = address_settle_change(guest->node, config->uuid, config->interfaces, config->n_interfaces, &why);
	/* What cannot be given back now is by whoever opens the guest next: the mark of the change stays. */
	if (r < 0)
		log_warning(guest->node->log, "guest '%s': addresses that it does not have any more stay taken: %s", guest->name,
			    why.msg);
	return r == 1;
}
