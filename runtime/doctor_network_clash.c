/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/doctor_network_priv.h"

/* What others on this host have that stands in the way: firewalls, names and networks. */

DEFINE_CLEANUP(struct ifaddrs *, cleanup_ifaddrs, freeifaddrs(*p))

/* The first chain that stops what is forwarded, and does not know of guests: none of ours does by its policy. */
struct firewall {
	unsigned int n;
	int family;
	char table[64], chain[64];
	bool is_firewalld;
};

static void look_at_chain(void *context, const struct doctor_chain *c)
{
	struct firewall *w = context;
	bool is_firewalld = strcmp(c->table, "firewalld") == 0; /* refuses by its last rule, not by its policy */

	if (!c->is_forward || (!c->drops && !is_firewalld) || w->n++ > 0)
		return;
	w->family = c->family;
	w->is_firewalld = is_firewalld;
	snprintf(w->table, sizeof(w->table), "%s", c->table);
	snprintf(w->chain, sizeof(w->chain), "%s", c->chain);
}

/* Who is it that has tables of this form? Found by what they put there, so that the advice fits. */
static void look_for_names(void *context, const struct doctor_chain *c)
{
	const char **ret = context;

	if (c->chain && str_has_prefix(c->chain, "DOCKER-USER"))
		*ret = "docker";
	else if (c->chain && str_has_prefix(c->chain, "ufw") && !*ret)
		*ret = "ufw";
}

static bool has_legacy_tables(void)
{
	_cleanup_free_ char *text4 = doctor_read("/proc/net/ip_tables_names");
	_cleanup_free_ char *text6 = doctor_read("/proc/net/ip6_tables_names");

	return (text4 && strstr(text4, "filter")) || (text6 && strstr(text6, "filter"));
}

static void advise_firewall(struct doctor_finding *f, const struct firewall *w, const char *whose)
{
	const char *family = doctor_family_name(w->family);

	if (w->is_firewalld)
		doctor_advise(f,
			      "See firewall-cmd --list-all-zones. Let guests pass: firewall-cmd --permanent --zone=trusted "
			      "--add-interface=BRIDGE for nat, a policy for routed guests (interfaces ct*); or stop firewalld.");
	else if (whose && strcmp(whose, "docker") == 0)
		doctor_advise(
			f,
			"See nft list chain %s %s %s. Let guests pass before docker's rules: iptables -I DOCKER-USER -j ACCEPT "
			"(for IPv6 ip6tables), or only -i and -o for their bridge and ct+.",
			family, w->table, w->chain);
	else if (whose)
		doctor_advise(
			f,
			"See nft list chain %s %s %s. Let guests pass: ufw default allow routed; or for each: ufw route allow "
			"to ADDRESS.",
			family, w->table, w->chain);
	else
		doctor_advise(
			f,
			"Routed and nat guests reach nobody but the host. See nft list chain %s %s %s; let pass: nft insert "
			"rule %s %s %s accept (or only iifname and oifname of guests).",
			family, w->table, w->chain, family, w->table, w->chain);
}

void doctor_firewall(const struct node *node _unused_, struct doctor_finding *f)
{
	struct firewall w = { 0 };
	const char *whose = NULL;
	int r = doctor_each_chain(look_at_chain, &w);

	if (r == 0)
		r = doctor_each_chain(look_for_names, &whose);
	if (r == 0 && w.n > 0) {
		doctor_found(f, DOCTOR_NOTE, "'%s' of table '%s %s' stops what is forwarded and it does not know%s", w.chain,
			     doctor_family_name(w.family), w.table, w.n > 1 ? ", and others do" : "");
		advise_firewall(f, &w, whose);
	} else if (has_legacy_tables()) {
		doctor_found(f, DOCTOR_NOTE, "iptables-legacy has rules, which doctor does not look into");
		doctor_advise(f, "If routed or nat guests reach nobody but the host, see iptables-legacy -S FORWARD, and "
				 "ip6tables-legacy: the policy should be ACCEPT, or a rule let guests pass.");
	} else {
		doctor_found(f, DOCTOR_OK, "no other one stops what is forwarded");
	}
}

void doctor_bridge_filter(const struct node *node _unused_, struct doctor_finding *f)
{
	static const char *const settings[] = { "bridge-nf-call-iptables", "bridge-nf-call-ip6tables",
						"bridge-nf-call-arptables" };
	char path[64];
	struct strbuf on = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), "bridge/%s", settings[i]);
		if (doctor_net_setting(path, NULL))
			strbuf_addf(&on, " %s", settings[i]);
	}

	_cleanup_free_ char *names = strbuf_take(&on);

	if (!names || !*names) {
		doctor_found(f, DOCTOR_OK, "not in use");
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "on:%s", names);
	doctor_advise(
		f,
		"Packets between guests of one bridge go through the host's firewall for what it forwards, too, and are slower. "
		"Unless somebody needs it (docker, kubernetes): sysctl -w net.bridge.bridge-nf-call-iptables=0, and so on.");
}

/* Tables of our name without the chain that ours have. */
#define MARKER "from_guests"

struct tables {
	const char *name;
	unsigned int ours, all; /* bit: NFPROTO_* */
};

static void note_table(void *context, const struct doctor_chain *c)
{
	struct tables *t = context;

	if (strcmp(c->table, t->name) == 0)
		t->all |= 1U << c->family;
}

static void note_marker(void *context, const struct doctor_chain *c)
{
	struct tables *t = context;

	if (strcmp(c->table, t->name) == 0 && strcmp(c->chain, MARKER) == 0)
		t->ours |= 1U << c->family;
}

/* NFPROTO_* of one that is not ours, or 0. Those of other families are in nobody's way. */
static int find_foreign_table(const char *name)
{
	static const int used[] = { NFPROTO_INET, NFPROTO_BRIDGE, NFPROTO_ARP };
	struct tables t = { .name = name };

	/* A start may be making ours at the moment: the chains are asked for after the tables. */
	if (doctor_each_table(note_table, &t) < 0 || doctor_each_chain(note_marker, &t) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(used); i++) {
		if ((t.all & ~t.ours) >> used[i] & 1)
			return used[i];
	}
	return 0;
}

void doctor_names(const struct node *node, struct doctor_finding *f)
{
	struct err why = ERR_INIT;
	int family = find_foreign_table(node->nft_table);

	if (net_link_exists(node->bridge, &why) == 1 && net_bridge_check(node->bridge, &why) < 0) {
		doctor_found(f, DOCTOR_LACKING, "the interface '%s' is no bridge, but has the name of ctctl's", node->bridge);
		doctor_advise(f, "Guests of pool 'default' cannot start: rename or remove the interface, or put another 'bridge "
				 "= NAME' into "
				 "ctctl.conf.");
	} else if (family) {
		doctor_found(f, DOCTOR_LACKING, "the table '%s %s' of nftables is not ctctl's, but has its name",
			     doctor_family_name(family), node->nft_table);
		doctor_advise(
			f,
			"Guests with a network cannot start: see nft list table %s %s; rename it where it is made, then nft "
			"delete table %s %s.",
			doctor_family_name(family), node->nft_table, doctor_family_name(family), node->nft_table);
	} else {
		doctor_found(f, DOCTOR_OK, "%s and table %s are free or ctctl's", node->bridge, node->nft_table);
	}
}

static bool read_interface(const struct ifaddrs *i, struct net_address *ret)
{
	int family = i->ifa_addr ? i->ifa_addr->sa_family : 0;
	const void *address, *mask;

	if ((family != AF_INET && family != AF_INET6) || !i->ifa_netmask)
		return false;
	*ret = (struct net_address){ .family = family };
	if (family == AF_INET) {
		address = &((const struct sockaddr_in *)(const void *)i->ifa_addr)->sin_addr;
		mask = &((const struct sockaddr_in *)(const void *)i->ifa_netmask)->sin_addr;
	} else {
		address = &((const struct sockaddr_in6 *)(const void *)i->ifa_addr)->sin6_addr;
		mask = &((const struct sockaddr_in6 *)(const void *)i->ifa_netmask)->sin6_addr;
	}
	memcpy(ret->bytes, address, net_address_len(ret));
	for (size_t b = 0; b < net_address_len(ret); b++)
		ret->prefix += (unsigned int)__builtin_popcount(((const uint8_t *)mask)[b]);
	return true;
}

/* Is the host in a network that overlaps this one, by an interface other than `bridge`? Then its name is returned. */
static const char *find_overlap(const struct ifaddrs *list, const char *bridge, const char *network,
				char ret_other[NET_ADDRESS_ROOM])
{
	struct err ignored = ERR_INIT;
	struct net_address own, other;

	if (str_is_empty(network) || net_address_parse("bridge-address", network, NET_PREFIX_OPTIONAL, &own, &ignored) < 0)
		return NULL;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		if (strcmp(i->ifa_name, bridge) == 0 || !read_interface(i, &other))
			continue;
		if (net_address_covers(&own, &other) || net_address_covers(&other, &own)) {
			net_address_format(&other, true, ret_other);
			return i->ifa_name;
		}
	}
	return NULL;
}

void doctor_networks(const struct node *node, struct doctor_finding *f)
{
	_cleanup_(cleanup_ifaddrs) struct ifaddrs *list = NULL;
	const char *const own[2] = { node->bridge_address, node->bridge_address6 };
	const char *const keys[2] = { "bridge-address", "bridge-address6" };
	char other[NET_ADDRESS_ROOM];

	if (getifaddrs(&list) < 0) {
		doctor_found(f, DOCTOR_NOTE, "the host's addresses cannot be read");
		doctor_advise(f, "Run ctctl as root.");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		const char *link = find_overlap(list, node->bridge, own[i], other);

		if (!link)
			continue;
		doctor_found(f, DOCTOR_LACKING, "%s of %s overlaps %s, which the host has on '%s'", own[i], node->bridge, other,
			     link);
		doctor_advise(
			f,
			"The host or its nat guests would not reach that network. Put a '%s' of a free network into ctctl.conf "
			"before the first guest of pool 'default'.",
			keys[i]);
		return;
	}
	doctor_found(f, DOCTOR_OK, "%s%s%s on %s overlap%s nothing", own[0] ? own[0] : "none", own[1] ? " and " : "",
		     own[1] ? own[1] : "", node->bridge, own[1] ? "" : "s");
}
