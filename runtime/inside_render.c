/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "netns/address.h"
#include "runtime/inside_priv.h"

/* What the tools of inside_tools.c are told: a file for one interface. */

struct address_text {
	char s[NET_ADDRESS_ROOM];
};

static struct address_text text_of(const struct net_address *address, bool with_prefix)
{
	struct address_text t;

	net_address_format(address, with_prefix, t.s);
	return t;
}

static const int families[2] = { AF_INET, AF_INET6 };

/* The default route of family number `i`, or NULL. */
static const struct net_address *default_gateway(const struct net_setup_spec *iface, int i)
{
	return iface->has_default && iface->gateways[i].family == families[i] ? &iface->gateways[i] : NULL;
}

/* All that the interface has: its own and the first one of each prefix that is routed to it. */
static size_t count_addresses(const struct net_setup_spec *iface)
{
	return iface->n_addresses + iface->n_prefixes;
}

static struct net_address address_at(const struct net_setup_spec *iface, size_t i)
{
	return i < iface->n_addresses ? iface->addresses[i] : net_setup_first_of(&iface->prefixes[i - iface->n_addresses]);
}

static struct address_text text_at(const struct net_setup_spec *iface, size_t i)
{
	struct net_address address = address_at(iface, i);

	return text_of(&address, true);
}

static bool has_family(const struct net_setup_spec *iface, int family)
{
	for (size_t i = 0; i < count_addresses(iface); i++) {
		if (address_at(iface, i).family == family)
			return true;
	}
	return false;
}

static bool is_of_family(const char *server, int family)
{
	return (family == AF_INET6) == (strchr(server, ':') != NULL);
}

static bool has_nameserver(const struct inside_network *network, int family)
{
	for (size_t i = 0; network->nameservers && network->nameservers[i]; i++) {
		if (is_of_family(network->nameservers[i], family))
			return true;
	}
	return false;
}

/* Those of a family (0: both), each between `before` and `after`. */
static void add_nameservers(struct strbuf *b, const struct inside_network *network, int family, const char *before,
			    const char *after)
{
	for (size_t i = 0; network->nameservers && network->nameservers[i]; i++) {
		if (family == 0 || is_of_family(network->nameservers[i], family))
			strbuf_addf(b, "%s%s%s", before, network->nameservers[i], after);
	}
}

/* The same for the domains, between which are blanks. */
static void add_search(struct strbuf *b, const char *search, const char *before, const char *after)
{
	for (const char *p = search; *p; p += strspn(p, " ")) {
		size_t len = strcspn(p, " ");

		strbuf_addf(b, "%s%.*s%s", before, (int)len, p, after);
		p += len;
	}
}

/* KeepConfiguration: what the kernel has stays when networkd begins, and no connection breaks when it is restarted. */
void inside_render_networkd(struct strbuf *b, const struct inside_network *network, const struct net_setup_spec *iface)
{
	(void)network;
	strbuf_addf(b,
		    "# A file of this name in /etc/systemd/network takes its place.\n"
		    "[Match]\nName=%s\n\n"
		    "[Network]\nDHCP=no\nIPv6AcceptRA=%s\nKeepConfiguration=static\n",
		    iface->name, iface->accepts_ra ? "yes" : "no");
	for (size_t i = 0; i < count_addresses(iface); i++)
		strbuf_addf(b, "\n[Address]\nAddress=%s\nDuplicateAddressDetection=none\n%s", text_at(iface, i).s,
			    iface->is_routed ? "AddPrefixRoute=no\nBroadcast=no\n" : "");
	for (int i = 0; i < 2; i++) {
		const struct net_address *gateway = default_gateway(iface, i);

		if (gateway)
			strbuf_addf(b, "\n[Route]\nGateway=%s\nGatewayOnLink=yes\n", text_of(gateway, false).s);
	}
}

static void add_keyfile_family(struct strbuf *b, const struct inside_network *network, const struct net_setup_spec *iface, int i)
{
	const struct net_address *gateway = default_gateway(iface, i);
	int n = 0;

	strbuf_add(b, "method=manual\n");
	for (size_t a = 0; a < count_addresses(iface); a++) {
		if (address_at(iface, a).family == families[i])
			strbuf_addf(b, "address%d=%s\n", ++n, text_at(iface, a).s);
	}
	if (gateway)
		strbuf_addf(b, "gateway=%s\n", text_of(gateway, false).s);
	/* That of the routes which are there; with another one it would add a second of each. */
	strbuf_addf(b, "route-metric=%d\n", families[i] == AF_INET ? 0 : 1024);
	if (has_nameserver(network, families[i])) {
		strbuf_add(b, "dns=");
		add_nameservers(b, network, families[i], "", ";");
		strbuf_add(b, "\n");
	}
	if (network->search) {
		strbuf_add(b, "dns-search=");
		add_search(b, network->search, "", ";");
		strbuf_add(b, "\n");
	}
}

/* A negative priority: a profile of the customer's for this interface is taken instead. */
void inside_render_networkmanager(struct strbuf *b, const struct inside_network *network, const struct net_setup_spec *iface)
{
	strbuf_addf(b,
		    "[connection]\nid=ctctl-%s\ntype=ethernet\ninterface-name=%s\nautoconnect-priority=-100\n\n"
		    "[ipv4]\n",
		    iface->name, iface->name);
	if (has_family(iface, AF_INET))
		add_keyfile_family(b, network, iface, 0);
	else
		strbuf_add(b, "method=disabled\n");
	/* The link-local address that the kernel has made of the MAC, not another one of NetworkManager's own. */
	strbuf_add(b, "\n[ipv6]\naddr-gen-mode=eui64\n");
	if (has_family(iface, AF_INET6))
		add_keyfile_family(b, network, iface, 1);
	else
		strbuf_addf(b, "method=%s\n", iface->accepts_ra ? "auto" : "link-local");
}

static void add_netplan_routes(struct strbuf *b, const struct net_setup_spec *iface)
{
	bool is_first = true;

	for (int i = 0; i < 2; i++) {
		const struct net_address *gateway = default_gateway(iface, i);

		if (!gateway)
			continue;
		/* "default" is not known to all that are in use. */
		strbuf_addf(b, "%s        - to: \"%s\"\n          via: \"%s\"\n          on-link: true\n",
			    is_first ? "      routes:\n" : "", i == 0 ? "0.0.0.0/0" : "::/0", text_of(gateway, false).s);
		is_first = false;
	}
}

/* critical: KeepConfiguration, as for networkd itself. */
void inside_render_netplan(struct strbuf *b, const struct inside_network *network, const struct net_setup_spec *iface)
{
	strbuf_addf(b,
		    "network:\n  version: 2\n  ethernets:\n    %s:\n"
		    "      critical: true\n      dhcp4: false\n      dhcp6: false\n      accept-ra: %s\n      addresses:\n",
		    iface->name, iface->accepts_ra ? "true" : "false");
	for (size_t i = 0; i < count_addresses(iface); i++)
		strbuf_addf(b, "        - \"%s\"\n", text_at(iface, i).s);
	add_netplan_routes(b, iface);
	if (!network->nameservers || !network->nameservers[0])
		return;
	strbuf_add(b, "      nameservers:\n        addresses:\n");
	add_nameservers(b, network, 0, "          - \"", "\"\n");
	if (network->search) {
		strbuf_add(b, "        search:\n");
		add_search(b, network->search, "          - \"", "\"\n");
	}
}

/*
 * By "manual", with commands that succeed where all is there already: "static" fails on an address that exists. A guest where
 * IPv6 is switched off is no failure either.
 */
void inside_render_ifupdown(struct strbuf *b, const struct inside_network *network, const struct net_setup_spec *iface)
{
	(void)network;
	strbuf_addf(b, "# To configure it yourself, write a paragraph \"iface %s\" anywhere else: then this one goes.\n",
		    iface->name);
	strbuf_addf(b, "auto %s\niface %s inet manual\n", iface->name, iface->name);
	for (size_t i = 0; i < count_addresses(iface); i++)
		strbuf_addf(b, "\tup ip address replace %s dev %s%s%s || true\n", text_at(iface, i).s, iface->name,
			    address_at(iface, i).family == AF_INET6 ? " nodad" : "", iface->is_routed ? " noprefixroute" : "");
	for (int i = 0; i < 2; i++) {
		const struct net_address *gateway = default_gateway(iface, i);

		if (gateway)
			strbuf_addf(b, "\tup ip %sroute replace default via %s dev %s onlink || true\n", i == 0 ? "" : "-6 ",
				    text_of(gateway, false).s, iface->name);
	}
}
