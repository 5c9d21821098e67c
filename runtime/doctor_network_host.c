/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "netns/link.h"
#include "runtime/doctor_network_priv.h"

/* How this host is set to send packets on: what guests need, and what of it would hold their packets up. */

#define ROUTE_LEARNED 0x00040000 /* of router advertisements: RTF_ADDRCONF (linux/ipv6_route.h) */

static const int families[2] = { AF_INET, AF_INET6 };

uint64_t doctor_net_setting(const char *path, const char *link)
{
	char room[128];
	uint64_t value = 0;
	const char *place = strstr(path, "%s");
	int before = place ? (int)(place - path) : (int)strlen(path);

	snprintf(room, sizeof(room), "/proc/sys/net/%.*s%s%s", before, path, place ? link : "", place ? place + 2 : "");
	return doctor_read_number(room, &value) ? value : 0;
}

bool doctor_find_uplink(const struct node *node, int family, char ret_name[16])
{
	struct err ignored = ERR_INIT;

	if (!str_is_empty(node->uplink))
		return str_copy(ret_name, IFNAMSIZ, node->uplink) == 0;
	return net_uplink_find(family, ret_name, &ignored) == 0;
}

void doctor_forwarding(const struct node *node, struct doctor_finding *f)
{
	bool is_on[2], is_lacking = false;

	for (size_t i = 0; i < 2; i++) {
		is_on[i] = net_forwarding_is_enabled(families[i]) == 1;
		is_lacking |= !is_on[i] && (i == 0 || net_has_ipv6());
	}
	doctor_found(f, DOCTOR_OK, "IPv4 %s, IPv6 %s%s", is_on[0] ? "on" : "off", is_on[1] ? "on" : "off",
		     is_lacking && node->may_forward ? "; ctctl switches it on for the first guest that needs it" : "");
	if (!is_lacking || node->may_forward)
		return;
	f->verdict = DOCTOR_LACKING;
	doctor_advise(
		f,
		"ctctl.conf has 'forwarding = no', so --net routed and nat are refused where it is off: remove that line, or "
		"sysctl -w%s%s, and write it to /etc/sysctl.d/.",
		is_on[0] ? "" : " net.ipv4.ip_forward=1", is_on[1] || !net_has_ipv6() ? "" : " net.ipv6.conf.all.forwarding=1");
}

void doctor_uplinks(const struct node *node, struct doctor_finding *f)
{
	char names[2][IFNAMSIZ];
	bool has[2];
	struct err ignored = ERR_INIT;

	if (!str_is_empty(node->uplink) && net_link_exists(node->uplink, &ignored) != 1) {
		doctor_found(f, DOCTOR_LACKING, "ctctl.conf has 'uplink = %s', but there is no such interface", node->uplink);
		doctor_advise(
			f, "Routed guests cannot start. Name an interface of ip link there, or remove the line: then it is that "
			   "of the default route.");
		return;
	}
	for (size_t i = 0; i < 2; i++)
		has[i] = doctor_find_uplink(node, families[i], names[i]);
	doctor_found(f, has[0] && has[1] ? DOCTOR_OK : DOCTOR_NOTE, "IPv4: %s, IPv6: %s", has[0] ? names[0] : "no default route",
		     has[1] ? names[1] : "no default route");
	if (!has[0] || !has[1])
		doctor_advise(
			f, "Neighbours of the host are not told about such addresses of routed guests. If they should be, give "
			   "the host a default route, or 'uplink = INTERFACE' in ctctl.conf.");
}

void doctor_ipv6(const struct node *node _unused_, struct doctor_finding *f)
{
	if (net_has_ipv6()) {
		doctor_found(f, DOCTOR_OK, "on");
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "off, or not in this kernel");
	doctor_advise(
		f, "Guests get IPv4 addresses only, others are refused. To have it: sysctl -w net.ipv6.conf.all.disable_ipv6=0, "
		   "and no ipv6.disable=1 on the kernel's command line.");
}

/* The interface of a default route that came by router advertisements; false without one. */
static bool find_learned_route(char ret_name[IFNAMSIZ])
{
	_cleanup_free_ char *text = doctor_read("/proc/net/ipv6_route");
	char *rest = NULL;

	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		unsigned int flags = 0;

		if (str_has_prefix(line, "00000000000000000000000000000000 00 ") &&
		    sscanf(line, "%*s %*s %*s %*s %*s %*s %*s %*s %x %15s", &flags, ret_name) == 2 && (flags & ROUTE_LEARNED))
			return true;
	}
	return false;
}

/* The interface at whose routers nobody listens any more, since the host itself became one; false without one. */
static bool find_deaf_link(const struct node *node, char ret_name[IFNAMSIZ])
{
	char other[IFNAMSIZ];

	if (!net_has_ipv6() || net_forwarding_is_enabled(AF_INET6) != 1)
		return false;
	if (!find_learned_route(ret_name) &&
	    (doctor_find_uplink(node, AF_INET6, other) || !doctor_find_uplink(node, AF_INET, ret_name)))
		return false;
	return doctor_net_setting("ipv6/conf/%s/accept_ra", ret_name) == 1;
}

/* ip-sysctl.rst, accept_ra: 1 is "if forwarding is off", 2 is always. */
void doctor_advertisements(const struct node *node, struct doctor_finding *f)
{
	char link[IFNAMSIZ];

	if (!find_deaf_link(node, link)) {
		doctor_found(f, DOCTOR_OK, "nothing in the way of the host's own default route");
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "the host forwards IPv6, so that '%s' does not hear its router (accept_ra is 1)", link);
	doctor_advise(
		f,
		"The host loses its IPv6 default route, or has lost it: sysctl -w net.ipv6.conf.%s.accept_ra=2, and write it "
		"to /etc/sysctl.d/.",
		link);
}

/* Interfaces with a default route of IPv4: how many, and the name of one that is strict (0 or 1). */
static size_t count_default_routes(char ret_strict[IFNAMSIZ])
{
	_cleanup_free_ char *text = doctor_read("/proc/net/route");
	char *rest = NULL, last[IFNAMSIZ] = "";
	size_t n = 0;

	*ret_strict = '\0';
	for (char *line = text ? strtok_r(text, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
		char name[IFNAMSIZ];
		unsigned int to = 1, mask = 1;

		if (sscanf(line, "%15s %x %*s %*s %*s %*s %*s %x", name, &to, &mask) != 3 || to || mask ||
		    strcmp(name, last) == 0)
			continue;
		snprintf(last, sizeof(last), "%s", name);
		n++;
		if (doctor_net_setting("ipv4/conf/%s/rp_filter", name) == 1)
			snprintf(ret_strict, IFNAMSIZ, "%s", name);
	}
	return n;
}

/*
 * The higher of "all" and the interface counts; 1 is strict, 2 loose (ip-sysctl.rst, rp_filter). Guests' own links stand it, as
 * each address has its route there; so does an uplink by which all answers leave again.
 */
void doctor_reverse_path(const struct node *node, struct doctor_finding *f)
{
	uint64_t all = doctor_net_setting("ipv4/conf/all/rp_filter", NULL);
	char of_default[IFNAMSIZ] = "", strict[IFNAMSIZ];
	struct err ignored = ERR_INIT;
	size_t n = count_default_routes(strict);

	if (all == 1 && n > 0 && !*strict && net_uplink_find(AF_INET, strict, &ignored) < 0)
		*strict = '\0';
	if (!str_is_empty(node->uplink) && net_uplink_find(AF_INET, of_default, &ignored) == 0 &&
	    strcmp(of_default, node->uplink) != 0) {
		n++;
		if (all == 1 || doctor_net_setting("ipv4/conf/%s/rp_filter", node->uplink) == 1)
			snprintf(strict, sizeof(strict), "%s", node->uplink);
	}
	if (all == 2 || !*strict || n < 2) {
		doctor_found(f, DOCTOR_OK, all == 2 || !*strict ? "not strict" : "strict, with one way out of the host");
		return;
	}
	doctor_found(f, DOCTOR_NOTE, "strict on '%s', but the host has more than one way out", strict);
	doctor_advise(
		f, "Packets to guests that come in on one of them and would be answered by another are dropped silently: sysctl "
		   "-w net.ipv4.conf.all.rp_filter=2 (loose), and write it to /etc/sysctl.d/.");
}

/*
 * The higher of "all" and the interface counts, and a new interface has that of "default". Answered is what the guest asks for
 * its gateway 169.254.1.1/32, an address of the link's scope; 2 demands that the guest's own be in that network, 8 answers
 * nothing (net/ipv4/arp.c, arp_ignore()). arp_announce cannot harm: the gateway's is the only address that the link has.
 */
void doctor_arp(const struct node *node _unused_, struct doctor_finding *f)
{
	uint64_t all = doctor_net_setting("ipv4/conf/all/arp_ignore", NULL);
	uint64_t fresh = doctor_net_setting("ipv4/conf/default/arp_ignore", NULL);
	bool is_all = all >= fresh;
	uint64_t value = is_all ? all : fresh;

	if (value != 2 && value != 8) {
		doctor_found(f, DOCTOR_OK, "arp_ignore is %" PRIu64 ", arp_announce %" PRIu64, value,
			     doctor_net_setting("ipv4/conf/all/arp_announce", NULL));
		return;
	}
	doctor_found(f, DOCTOR_LACKING,
		     "net.ipv4.conf.%s.arp_ignore is %" PRIu64 ": the host does not answer for " NET_ROUTED_GATEWAY4,
		     is_all ? "all" : "default", value);
	doctor_advise(f, "Routed guests do not find their IPv4 gateway: sysctl -w net.ipv4.conf.all.arp_ignore=1 "
			 "net.ipv4.conf.default.arp_ignore=1 (or 0), and write it to /etc/sysctl.d/.");
}
