/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/listener.h"
#include "runtime/network.h"

static void warn_of_port(const struct guest *guest, const char *interface, const struct net_publish *p)
{
	const char *protocol = p->protocol == IPPROTO_TCP ? "tcp" : "udp";
	const struct log *log = guest->node->log;
	struct net_address at;
	struct err why = ERR_INIT;
	char room[NET_ADDRESS_ROOM];
	int r = net_listener_find(p, &at, &why);

	if (r < 0)
		log_warning(log, "guest '%s': %s: port %u: %s", guest->name, interface, p->host_port, why.msg);
	if (r <= 0)
		return;
	net_address_format(&at, false, room);
	log_warning(log,
		    "guest '%s': %s: this host itself listens at %s, port %u/%s: while the guest runs, who connects to it from "
		    "elsewhere reaches the guest; to keep it, publish another port or only one address: ADDRESS:%u:%u",
		    guest->name, interface, room, p->host_port, protocol, p->host_port, p->guest_port);
}

static bool is_published(const struct guest_config *config, const struct guest_interface *iface)
{
	const struct guest_interface *old = config ? config_interface(config, iface->name) : NULL;

	return old && old->net == NET_MODE_NAT && old->publish && strcmp(old->publish, iface->publish) == 0;
}

void network_warn_of_listeners(const struct guest *guest, const struct guest_config *before)
{
	for (size_t i = 0; i < guest->config.n_interfaces; i++) {
		const struct guest_interface *iface = &guest->config.interfaces[i];
		_cleanup_free_ struct net_publish *list = NULL;
		struct err checked = ERR_INIT;
		size_t n = 0;

		if (iface->net != NET_MODE_NAT || str_is_empty(iface->publish) || is_published(before, iface))
			continue;
		if (interface_parse_publish(iface->publish, &list, &n, &checked) < 0)
			continue;
		for (size_t k = 0; k < n; k++)
			warn_of_port(guest, iface->name, &list[k]);
	}
}
