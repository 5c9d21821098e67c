/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

/*
 * The fixed rules, as text for libnftables. Those of a link of its own (inet) and of a port of a bridge (bridge) are one text: a
 * line that begins with "inet:" or "bridge:" is for that family only. ARP of a link of its own has a third, short one.
 *
 * What a guest sends meets them before anything else does: from_guests sends it to the chain of its level. The first goto that
 * fits decides: to `refuse`, or to be counted. What comes to the guest is counted last, when nothing changes it any more:
 * to_guests sends it to count_in, or to the guest's own rules, which go on there. An element's own limit, quota or counter is run
 * by the kernel whenever a lookup finds the element (nft_lookup_eval(), Linux 5.7), and where it does not match, the rule does
 * not.
 *
 * Levels are sets, not one map of verdicts: for each element with a jump that comes, the kernel checks all the others again for
 * loops (nft_table_validate()), 0.4 microseconds for each.
 * Protocols are numbers: a small system has no /etc/protocols.
 */

static const char *const sets =
	"set guests_full { type ifname; }\n"
	"set guests_mac { type ifname; }\n"
	"set guests_none { type ifname; }\n"
	"set receivers { type ifname; }\n"
	"map ruled { type ifname : verdict; }\n" /* the few that have rules of their own */
	"set own_mac { type ifname . ether_addr; }\n"
	"set own_v4 { type ifname . ipv4_addr; }\n"
	"set own_v6 { type ifname . ipv6_addr; }\n"
	"set nd_target { typeof iifname . @th,64,128; }\n" /* ICMPv6's target address: libnftables 1.0.6 has no name for it */
	"set nd_mac { typeof iifname . @th,208,48; }\n"	   /* the link-layer address option behind it */
	"set prefixed { type ifname; }\n"		   /* has prefixes that are routed to it */
	"set packet_limit { type ifname; }\n"
	"set syn_limit { type ifname; }\n"
	"inet:set ask_limit { type ifname; }\n" /* how often it may ask for neighbours from addresses of its prefixes */
	"set quota_block { type ifname; }\n"
	"set quota_throttle { type ifname; }\n"
	"set throttle_out { type ifname; }\n"
	"set throttle_in { type ifname; }\n"
	"set refused { type ifname; counter; }\n"
	"set out_local_v4 { type ifname; counter; }\n"
	"set out_local_v6 { type ifname; counter; }\n"
	"set out_outside_v4 { type ifname; counter; }\n"
	"set out_outside_v6 { type ifname; counter; }\n"
	"set in_local_v4 { type ifname; counter; }\n"
	"set in_local_v6 { type ifname; counter; }\n"
	"set in_outside_v4 { type ifname; counter; }\n"
	"set in_outside_v6 { type ifname; counter; }\n"
	/* What never leaves the neighbourhood is local, whatever the node's configuration says. */
	"set local_v4 { type ipv4_addr; flags interval; auto-merge; elements = { 0.0.0.0, 169.254.0.0/16, 224.0.0.0/4, "
	"255.255.255.255 }; "
	"}\n"
	"set local_v6 { type ipv6_addr; flags interval; auto-merge; elements = { ::, fe80::/10, ff00::/8 }; }\n"
	"inet:map publish_v4 { type inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	"inet:map publish_v6 { type inet_proto . inet_service : ipv6_addr . inet_service; }\n"
	"inet:map publish_at_v4 { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service; }\n"
	"inet:map publish_at_v6 { type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service; }\n";

/* Traffic with the outside meets the quota before it is counted: what is refused is not billed. */
static const char *const counting = "chain refuse {\n iifname @refused drop\n drop\n}\n"
				    "chain out_v4 {\n"
				    " ip daddr @local_v4 iifname @out_local_v4 accept\n"
				    " iifname @quota_block goto refuse\n"
				    " iifname @quota_throttle iifname @throttle_out goto refuse\n"
				    " iifname @out_outside_v4 accept\n"
				    "}\n"
				    "chain out_v6 {\n"
				    " ip6 daddr @local_v6 iifname @out_local_v6 accept\n"
				    " iifname @quota_block goto refuse\n"
				    " iifname @quota_throttle iifname @throttle_out goto refuse\n"
				    " iifname @out_outside_v6 accept\n"
				    "}\n"
				    "chain count_out { meta protocol vmap { ip : goto out_v4, ip6 : goto out_v6 }; }\n"
				    "chain in_v4 {\n"
				    " ip saddr @local_v4 oifname @in_local_v4 accept\n"
				    " oifname @quota_block drop\n"
				    " oifname @quota_throttle oifname @throttle_in drop\n"
				    " oifname @in_outside_v4 accept\n"
				    "}\n"
				    "chain in_v6 {\n"
				    " ip6 saddr @local_v6 oifname @in_local_v6 accept\n"
				    " oifname @quota_block drop\n"
				    " oifname @quota_throttle oifname @throttle_in drop\n"
				    " oifname @in_outside_v6 accept\n"
				    "}\n"
				    "chain count_in { meta protocol vmap { ip : goto in_v4, ip6 : goto in_v6 }; }\n";

static const char *const checks_v4 =
	/* A client takes an offer from any port: what is sent to a client's port is a server's, too. */
	"chain udp_ports {\n"
	" udp sport { 67, 547 } goto refuse\n"
	" udp dport { 68, 546 } goto refuse\n"
	"}\n"
	/* Flags in a later fragment, or written over by one that begins inside the header: no way around (RFC 1858, RFC 3128). */
	"chain tcp_syn {\n"
	" tcp flags & (syn | ack) == syn iifname @syn_limit goto refuse\n"
	" @th,96,16 0x0000-0xffff return\n"
	" meta protocol ip6 frag frag-off > 1 return\n"
	" goto refuse\n"
	"}\n"
	"chain options_v4 {\n"
	" ip option lsrr exists goto refuse\n"
	" ip option ssrr exists goto refuse\n"
	"}\n"
	"chain icmp_v4 { icmp type { redirect, router-advertisement } goto refuse; }\n"
	/* Who asks for memberships, or says to be a router of multicast (0x30, RFC 4286; PIM), gets a bridge's multicast. */
	"chain igmp_v4 { igmp type { membership-query, 0x30 } goto refuse; }\n"
	/* Not the first of its packet: what looks like a header is data, which the kernel would read as one. */
	"chain later_v4 {\n"
	" meta l4proto 6 ip frag-off & 0x1fff == 1 goto refuse\n"
	" goto out_v4\n"
	"}\n"
	"chain allowed_v4 {\n"
	" ip hdrlength > 5 jump options_v4\n"
	" ip frag-off & 0x1fff != 0 goto later_v4\n"
	" meta l4proto vmap { 6 : jump tcp_syn, 17 : jump udp_ports, 1 : jump icmp_v4, 2 : jump igmp_v4, 103 : goto refuse }\n"
	" goto out_v4\n"
	"}\n"
	"chain full_v4 {\n"
	" iifname . ip saddr @own_v4 goto allowed_v4\n"
	" ip saddr 0.0.0.0 ip daddr 255.255.255.255 udp sport 68 udp dport 67 goto out_v4\n"
	/* Exact on a link of its own: an answer would leave by the interface that it came from. */
	"inet: iifname @prefixed fib saddr . iif oif exists goto allowed_v4\n"
	" goto refuse\n"
	"}\n";

/*
 * Neighbour discovery is let through in the forms that hosts send, and in no other: the header, and behind it nothing or one
 * option, which names the sender's own MAC or is a nonce (type 14, RFC 7527). Rules cannot walk a list of options, and extension
 * headers or fragments in front would move them (RFC 6980).
 */
static const char *const checks_nd =
	"chain solicit_v6 {\n"
	" ip6 nexthdr != 58 goto refuse\n"
	" ip6 length 24 goto out_v6\n"
	" ip6 length 32 @th,192,16 0x0101 iifname . @th,208,48 @nd_mac goto out_v6\n"
	" ip6 length 32 @th,192,16 0x0e01 goto out_v6\n"
	" goto refuse\n"
	"}\n"
	/* From the unspecified address it asks whether somebody has the target: only for what is to be one's own. */
	"chain probe_v6 {\n"
	" ip6 nexthdr != 58 goto refuse\n"
	" iifname . @th,64,128 != @nd_target goto refuse\n"
	" ip6 length 24 goto out_v6\n"
	" ip6 length 32 @th,192,16 0x0e01 goto out_v6\n"
	" goto refuse\n"
	"}\n"
	"chain advertise_v6 {\n"
	" ip6 nexthdr != 58 goto refuse\n"
	" iifname . @th,64,128 != @nd_target goto refuse\n"
	" ip6 length 24 goto out_v6\n"
	" ip6 length 32 @th,192,16 0x0201 iifname . @th,208,48 @nd_mac goto out_v6\n"
	" goto refuse\n"
	"}\n"
	"chain router_solicit_v6 {\n"
	" ip6 nexthdr != 58 goto refuse\n"
	" ip6 length 8 goto out_v6\n"
	" ip6 length 16 @th,64,16 0x0101 iifname . @th,80,48 @nd_mac goto out_v6\n"
	" goto refuse\n"
	"}\n"
	/*
	 * 130 asks for memberships, 134 advertises a router, 137 redirects, 138 renumbers, 141 and 142 are inverse discovery, 151
	 * advertises a router of multicast.
	 */
	"chain icmp_v6 {\n"
	" icmpv6 type vmap { 130 : goto refuse, 133 : goto router_solicit_v6, 134 : goto refuse, 135 : goto solicit_v6,"
	" 136 : goto advertise_v6, 137 : goto refuse, 138 : goto refuse, 141 : goto refuse, 142 : goto refuse, 151 : goto refuse "
	"}\n"
	"}\n"
	/* An address that is being tried: a probe, a question for routers, reports of memberships (131, 132, 143). */
	"chain unspecified_v6 {\n"
	" exthdr frag exists goto refuse\n"
	" icmpv6 type vmap { 131 : goto out_v6, 132 : goto out_v6, 133 : goto router_solicit_v6, 135 : goto probe_v6, 143 : goto "
	"out_v6 }\n"
	" goto refuse\n"
	"}\n";

static const char *const checks_v6 =
	/* A first fragment must show its ports or type (RFC 7112): what cannot be seen cannot be refused. */
	"chain fragment_v6 {\n"
	" meta protocol ip6 frag nexthdr 6 frag frag-off 1 goto refuse\n"
	" meta protocol ip6 frag frag-off != 0 return\n"
	" @th,0,16 0x0000-0xffff return\n"
	" goto refuse\n"
	"}\n"
	"chain allowed_v6 {\n"
	" exthdr rt exists goto refuse\n"
	" exthdr frag exists jump fragment_v6\n"
	" meta l4proto vmap { 6 : jump tcp_syn, 17 : jump udp_ports, 58 : jump icmp_v6, 103 : goto refuse }\n"
	" goto out_v6\n"
	"}\n"
	"chain full_v6 {\n"
	" iifname . ip6 saddr @own_v6 goto allowed_v6\n"
	" ip6 saddr :: goto unspecified_v6\n"
	/*
	 * Each new address that asks for the host becomes an entry of the host's table of neighbours, which is one for all guests
	 * (gc_thresh3: 1024).
	 */
	"inet: icmpv6 type { nd-router-solicit, nd-neighbor-solicit } iifname @ask_limit goto refuse\n"
	"inet: ip6 saddr != fe80::/10 iifname @prefixed fib saddr . iif oif exists goto allowed_v6\n"
	" goto refuse\n"
	"}\n";

static const char *const levels = "bridge:chain full_arp {\n"
				  "bridge: arp htype != 1 goto refuse\n"
				  "bridge: arp ptype != ip goto refuse\n"
				  "bridge: arp operation != { request, reply } goto refuse\n"
				  "bridge: iifname . arp saddr ether != @own_mac goto refuse\n"
				  "bridge: iifname . arp saddr ip @own_v4 accept\n"
				  "bridge: arp operation request arp saddr ip 0.0.0.0 iifname . arp daddr ip @own_v4 accept\n"
				  "bridge: goto refuse\n"
				  "bridge:}\n"
				  "chain level_full {\n"
				  " iifname @packet_limit goto refuse\n"
				  " iifname . ether saddr != @own_mac goto refuse\n"
				  /* The kernel shows a tagged frame as what is in it. */
				  "bridge: ether type { 8021q, 8021ad } goto refuse\n"
				  " meta protocol vmap { ip : goto full_v4, ip6 : goto full_v6 }\n"
				  "bridge: meta protocol arp goto full_arp\n"
				  " goto refuse\n"
				  "}\n"
				  "chain level_mac {\n"
				  " iifname @packet_limit goto refuse\n"
				  " iifname . ether saddr != @own_mac goto refuse\n"
				  /* A tag in a tag: receivers take off as many of VLAN 0 as there are. */
				  "bridge: meta protocol { 8021q, 8021ad } goto refuse\n"
				  " meta protocol ip6 exthdr frag exists jump fragment_v6\n"
				  " meta protocol ip ip frag-off & 0x1fff != 0 goto later_v4\n"
				  " meta l4proto vmap { 6 : jump tcp_syn, 17 : jump udp_ports }\n"
				  " meta protocol ip6 icmpv6 type nd-router-advert goto refuse\n"
				  " goto count_out\n"
				  "}\n"
				  "chain level_none {\n"
				  " iifname @packet_limit goto refuse\n"
				  " meta protocol ip ip frag-off & 0x1fff != 0 goto later_v4\n"
				  " meta l4proto 6 jump tcp_syn\n"
				  " goto count_out\n"
				  "}\n"
				  "chain to_guests { type filter hook postrouting priority 300; policy accept; oifname vmap "
				  "@ruled; oifname @receivers goto count_in; }\n"
				  /* Frames to the bridge itself (spanning tree) do not come through prerouting. */
				  "bridge:chain to_bridge {\n"
				  "bridge: type filter hook input priority -300; policy accept\n"
				  "bridge: ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 iifname @refused drop\n"
				  "bridge:}\n"
				  "chain " FILTER_MARKER_CHAIN " {\n"
				  " type filter hook prerouting priority -300; policy accept\n"
				  " iifname @guests_full goto level_full\n"
				  " iifname @guests_mac goto level_mac\n"
				  " iifname @guests_none goto level_none\n"
				  "}\n";

static const char
	*const arp_rules = "set guests_full { type ifname; }\n"
			   "set own_mac { type ifname . ether_addr; }\n"
			   "set own_v4 { type ifname . ipv4_addr; }\n"
			   "set prefixed { type ifname; }\n"
			   "set ask_limit { type ifname; }\n"
			   "set refused { type ifname; counter; }\n"
			   "chain refuse {\n iifname @refused drop\n drop\n}\n"
			   "chain level_full {\n"
			   " arp operation != { request, reply } goto refuse\n"
			   " iifname . ether saddr != @own_mac goto refuse\n"
			   " iifname . arp saddr ether != @own_mac goto refuse\n"
			   " iifname . arp saddr ip @own_v4 accept\n"
			   " arp operation request arp saddr ip 0.0.0.0 iifname . arp daddr ip @own_v4 accept\n"
			   /*
			    * No route leads there but the guest's own: a lie about another address finds no listener. But each is
			    * an entry of the host's table of neighbours, which is one for all guests.
			    */
			   " iifname @ask_limit goto refuse\n"
			   " iifname @prefixed accept\n"
			   " goto refuse\n"
			   "}\n"
			   "chain " FILTER_MARKER_CHAIN
			   " { type filter hook input priority -300; policy accept; iifname @guests_full goto level_full; }\n";

/* Loopback is left out: an answer from the guest to 127.0.0.1 would be refused as a martian, and rightly. */
static const char *const nat_rules =
	"add chain inet TABLE publish\n"
	"add rule inet TABLE publish ip daddr 127.0.0.0/8 return\n"
	"add rule inet TABLE publish ip6 daddr ::1 return\n"
	"add rule inet TABLE publish dnat ip to ip daddr . meta l4proto . th dport map @publish_at_v4\n"
	"add rule inet TABLE publish dnat ip6 to ip6 daddr . meta l4proto . th dport map @publish_at_v6\n"
	"add rule inet TABLE publish fib daddr type local dnat ip to meta l4proto . th dport map @publish_v4\n"
	"add rule inet TABLE publish fib daddr type local dnat ip6 to meta l4proto . th dport map @publish_v6\n"
	"add set inet TABLE nat_v4 { type ifname; }\n"
	"add set inet TABLE nat_v6 { type ifname; }\n"
	"add set inet TABLE nat_bridges { type ifname; }\n"
	"add set inet TABLE nat_pair { type ifname . ifname; }\n"
	"add set inet TABLE nat_hairpin_v4 { type ifname . ipv4_addr; flags interval; }\n"
	"add set inet TABLE nat_hairpin_v6 { type ifname . ipv6_addr; flags interval; }\n"
	"add chain inet TABLE nat_prerouting { type nat hook prerouting priority -100; policy accept; }\n"
	"add rule inet TABLE nat_prerouting jump publish\n"
	"add chain inet TABLE nat_output { type nat hook output priority -100; policy accept; }\n"
	"add rule inet TABLE nat_output jump publish\n"
	"add chain inet TABLE nat_forward { type filter hook forward priority -10; policy accept; }\n"
	"add rule inet TABLE nat_forward oifname != @nat_bridges accept\n"
	"add rule inet TABLE nat_forward ct state established,related accept\n"
	"add rule inet TABLE nat_forward ct status dnat accept\n"
	"add rule inet TABLE nat_forward iifname . oifname @nat_pair accept\n"
	"add rule inet TABLE nat_forward drop\n"
	"create chain inet TABLE " FILTER_NAT_CHAIN " { type nat hook postrouting priority 100; policy accept; }\n"
	/*
	 * To a published port of a neighbour on the same bridge: the answer has to come back by the host. By address, since with
	 * br_netfilter (net.bridge.bridge-nf-call-iptables) the packet stays on the bridge and has no interface that it came
	 * from.
	 */
	"add rule inet TABLE " FILTER_NAT_CHAIN " oifname . ip saddr @nat_hairpin_v4 ct status dnat masquerade\n"
	"add rule inet TABLE " FILTER_NAT_CHAIN " oifname . ip6 saddr @nat_hairpin_v6 ct status dnat masquerade\n"
	"add rule inet TABLE " FILTER_NAT_CHAIN " meta nfproto ipv4 iifname @nat_v4 oifname != @nat_v4 masquerade\n"
	"add rule inet TABLE " FILTER_NAT_CHAIN " meta nfproto ipv6 iifname @nat_v6 oifname != @nat_v6 masquerade\n";

const char *filter_family_name(uint8_t family)
{
	return family == NFPROTO_INET ? "inet" : family == NFPROTO_BRIDGE ? "bridge" : "arp";
}

/* Line by line, those that are for the family. */
static void add_for(struct strbuf *b, const char *text, const char *family)
{
	size_t len = strlen(family);

	while (*text) {
		size_t line = strcspn(text, "\n") + 1;
		bool inet = str_has_prefix(text, "inet:");
		bool bridge = str_has_prefix(text, "bridge:");

		if (!inet && !bridge)
			strbuf_add_bytes(b, text, line);
		else if (str_has_prefix(text, family))
			strbuf_add_bytes(b, text + len + 1, line - len - 1);
		text += line;
	}
}

static void add_local(struct strbuf *b, const struct net_filter_node *node, const char *family)
{
	for (size_t i = 0; i < node->n_local; i++) {
		char text[NET_ADDRESS_ROOM];

		net_address_format(&node->local[i], true, text);
		strbuf_addf(b, "add element %s %s local_v%d { %s }\n", family, node->table,
			    node->local[i].family == AF_INET ? 4 : 6, text);
	}
}

char *filter_text_tables(const struct net_filter_node *node, const uint8_t *families, size_t n)
{
	const char *const parts[] = { sets, counting, checks_v4, checks_nd, checks_v6, levels };
	struct strbuf b = { 0 };

	for (size_t i = 0; i < n; i++) {
		const char *family = filter_family_name(families[i]);

		/* `create` fails where two do it at once: the second would add every rule again. */
		strbuf_addf(&b, "create table %s %s\ntable %s %s {\n", family, node->table, family, node->table);
		for (size_t p = 0; p < ARRAY_SIZE(parts) && families[i] != NFPROTO_ARP; p++)
			add_for(&b, parts[p], family);
		if (families[i] == NFPROTO_ARP)
			strbuf_add(&b, arp_rules);
		strbuf_add(&b, "}\n");
		if (families[i] != NFPROTO_ARP)
			add_local(&b, node, family);
	}
	return strbuf_take(&b);
}

char *filter_text_nat(const char *table)
{
	struct strbuf b = { 0 };
	const char *at = nat_rules;

	for (const char *hole; (hole = strstr(at, "TABLE")); at = hole + strlen("TABLE")) {
		strbuf_add_bytes(&b, at, (size_t)(hole - at));
		strbuf_add(&b, table);
	}
	strbuf_add(&b, at);
	return strbuf_take(&b);
}
