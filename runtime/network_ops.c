/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "runtime/guest_priv.h"
#include "runtime/interface.h"
#include "runtime/network.h"
#include "runtime/operations.h"
#include "runtime/policy.h"

/* A handle to change and a second one, which keeps the old values. The interfaces of a suspended guest are in its checkpoint. */
static int open_both(const struct node *node, const char *name, struct guest **ret, struct guest **ret_before, struct err *err)
{
	int r = guest_open_locked(node, name, "net", false, ret, err);

	if (r == 0)
		r = guest_check_not_suspended(*ret, err);
	return r < 0 ? r : guest_open(node, name, ret_before, err);
}

/* Checks what was changed of one interface and makes it true: in the kernel, in guest.conf, and in the registry of addresses. */
static int change(struct guest *guest, const struct guest *before, const char *interface, struct err *err)
{
	const struct guest_setting whole = { .interface = interface };
	int r = policy_check(guest->node, &guest->config, err);

	if (r == 0)
		r = guest_take_addresses(guest, &before->config, err);
	if (r < 0)
		return r;
	r = guest_commit(guest, &before->config, &whole, 1, err);
	(void)guest_settle_addresses(guest, r < 0 ? &before->config : &guest->config);
	if (r == 0)
		network_warn_of_listeners(guest, &before->config);
	return r;
}

int guest_net_add(const struct node *node, const char *name, const char *interface, const struct guest_setting *settings,
		  size_t n, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL, *before = NULL;
	struct guest_interface *iface;
	int r = open_both(node, name, &guest, &before, err);

	if (r == 0)
		r = config_add_interface(&guest->config, interface, &iface, err);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = config_set_on(&guest->config, interface, settings[i].param, settings[i].value, err);
	if (r == 0)
		r = policy_complete_interface(node, iface, err);
	return r < 0 ? r : change(guest, before, interface, err);
}

int guest_net_remove(const struct node *node, const char *name, const char *interface, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL, *before = NULL;
	int r = open_both(node, name, &guest, &before, err);

	if (r < 0)
		return r;
	if (!config_interface(&guest->config, interface))
		return err_exit(err, EXIT_INVALID, ENOENT, "guest '%s' has no interface '%.40s': see ctctl net list", name,
				interface);
	config_remove_interface(&guest->config, interface);
	return change(guest, before, interface, err);
}
