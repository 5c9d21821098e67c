/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "runtime/guest_priv.h"
#include "runtime/network_priv.h"

/* The filter knows guests by their links only; its message names one, in quotes. */
struct search {
	const struct node *node;
	const char *message;
	char guest[GUEST_NAME_ROOM];
};

static int find_link_of(void *context, const char *name)
{
	struct search *s = context;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err ignored = ERR_INIT;
	char link[LINK_NAME_ROOM];

	if (guest_open(s->node, name, &guest, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < guest->config.n_interfaces; i++) {
		guest_link_name(guest, (unsigned int)guest->config.interfaces[i].slot, link);
		if (!strstr(s->message, link))
			continue;
		memcpy(s->guest, guest->name, sizeof(s->guest));
		return -EEXIST;
	}
	return 0;
}

int network_name_publisher(const struct node *node, struct err *err)
{
	struct err before = *err, ignored = ERR_INIT;
	struct search s = { .node = node, .message = before.msg };

	if (before.exit != EXIT_ADDRESS_IN_USE || guest_each(node, find_link_of, &s, &ignored) != -EEXIST)
		return -before.code;
	return err_exit(err, before.exit, before.code, "%s, which is guest '%s': choose another port", before.msg, s.guest);
}
