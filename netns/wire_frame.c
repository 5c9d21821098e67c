/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/wire_priv.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip6.h>
#include <string.h>

struct arp_frame {
	struct ethhdr eth;
	struct ether_arp arp;
} __attribute__((packed));

/* A solicitation and an advertisement have the same shape: a header, a target, and perhaps one option with a MAC. */
struct discovery_frame {
	struct ethhdr eth;
	struct ip6_hdr ip;
	struct nd_neighbor_advert nd;
	struct nd_opt_hdr option;
	uint8_t option_mac[ETH_ALEN];
} __attribute__((packed));

#define WITHOUT_OPTION (offsetof(struct discovery_frame, option))

_Static_assert(sizeof(struct arp_frame) <= WIRE_FRAME_MAX, "room for ARP");
_Static_assert(sizeof(struct discovery_frame) == WIRE_FRAME_MAX, "room for neighbour discovery");

static const uint8_t no_address[16];

static void arp(const struct net_address *address, const uint8_t mac[6], bool announce, struct wire_frame *ret)
{
	struct arp_frame f = { .eth.h_proto = htons(ETH_P_ARP) };

	memset(f.eth.h_dest, 0xff, ETH_ALEN);
	memcpy(f.eth.h_source, mac, ETH_ALEN);
	f.arp.arp_hrd = htons(ARPHRD_ETHER);
	f.arp.arp_pro = htons(ETH_P_IP);
	f.arp.arp_hln = ETH_ALEN;
	f.arp.arp_pln = 4;
	f.arp.arp_op = htons(ARPOP_REQUEST);
	memcpy(f.arp.arp_sha, mac, ETH_ALEN);
	if (announce)
		memcpy(f.arp.arp_spa, address->bytes, 4);
	memcpy(f.arp.arp_tpa, address->bytes, 4);
	memcpy(ret->bytes, &f, sizeof(f));
	ret->len = sizeof(f);
}

/* RFC 1071, over the pseudo header of RFC 8200, 8.1, and the message. */
static uint16_t icmp6_checksum(const struct discovery_frame *f, size_t icmp_len)
{
	uint8_t text[40 + sizeof(*f)] = { 0 };
	uint32_t sum = 0;

	memcpy(text, &f->ip.ip6_src, 16);
	memcpy(text + 16, &f->ip.ip6_dst, 16);
	text[35] = (uint8_t)icmp_len;
	text[39] = IPPROTO_ICMPV6;
	memcpy(text + 40, &f->nd, icmp_len);
	for (size_t i = 0; i < 40 + icmp_len; i += 2)
		sum += (uint32_t)text[i] << 8 | text[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/*
 * Sends what is left to say to a multicast group (RFC 2464, 7) and puts it into `ret`; the hop limit of 255 is what receivers
 * check.
 */
static void finish(struct discovery_frame *f, const uint8_t group[16], size_t len, struct wire_frame *ret)
{
	size_t icmp_len = len - offsetof(struct discovery_frame, nd);

	f->eth.h_proto = htons(ETH_P_IPV6);
	f->eth.h_dest[0] = f->eth.h_dest[1] = 0x33;
	memcpy(f->eth.h_dest + 2, group + 12, 4);
	f->ip.ip6_flow = htonl(6U << 28);
	f->ip.ip6_plen = htons((uint16_t)icmp_len);
	f->ip.ip6_nxt = IPPROTO_ICMPV6;
	f->ip.ip6_hlim = 255;
	memcpy(&f->ip.ip6_dst, group, 16);
	f->nd.nd_na_cksum = icmp6_checksum(f, icmp_len);
	memcpy(ret->bytes, f, len);
	ret->len = len;
}

void wire_frame_probe(const struct net_address *address, const uint8_t mac[6], struct wire_frame *ret)
{
	/* RFC 4291, 2.7.1: the solicited-node group of an address. */
	uint8_t group[16] = { 0xff, 0x02, [11] = 1, [12] = 0xff };
	struct discovery_frame f = { .nd.nd_na_type = ND_NEIGHBOR_SOLICIT };

	if (address->family == AF_INET) {
		arp(address, mac, false, ret);
		return;
	}
	memcpy(group + 13, address->bytes + 13, 3);
	memcpy(f.eth.h_source, mac, ETH_ALEN);
	memcpy(&f.nd.nd_na_target, address->bytes, 16);
	finish(&f, group, WITHOUT_OPTION, ret); /* from the unspecified address there is no option with ours */
}

void wire_frame_announce(const struct net_address *address, const uint8_t mac[6], struct wire_frame *ret)
{
	static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
	struct discovery_frame f = { .nd.nd_na_type = ND_NEIGHBOR_ADVERT };

	if (address->family == AF_INET) {
		arp(address, mac, true, ret);
		return;
	}
	memcpy(f.eth.h_source, mac, ETH_ALEN);
	memcpy(&f.ip.ip6_src, address->bytes, 16);
	f.nd.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE;
	memcpy(&f.nd.nd_na_target, address->bytes, 16);
	f.option = (struct nd_opt_hdr){ .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 };
	memcpy(f.option_mac, mac, ETH_ALEN);
	finish(&f, all_nodes, sizeof(f), ret);
}

static bool arp_claims(const uint8_t *frame, size_t len, const struct net_address *address, uint8_t ret_owner[6])
{
	struct arp_frame f;

	if (len < sizeof(f))
		return false;
	memcpy(&f, frame, sizeof(f));
	if (f.eth.h_proto != htons(ETH_P_ARP) || f.arp.arp_hrd != htons(ARPHRD_ETHER) || f.arp.arp_pro != htons(ETH_P_IP) ||
	    f.arp.arp_hln != ETH_ALEN || f.arp.arp_pln != 4)
		return false;
	memcpy(ret_owner, f.arp.arp_sha, ETH_ALEN);
	if (memcmp(f.arp.arp_spa, address->bytes, 4) == 0)
		return true;
	return f.arp.arp_op == htons(ARPOP_REQUEST) && memcmp(f.arp.arp_spa, no_address, 4) == 0 &&
	       memcmp(f.arp.arp_tpa, address->bytes, 4) == 0;
}

/* A solicitation claims an address only if it comes from none: then it is a probe like ours. */
static bool discovery_claims(const uint8_t *frame, size_t len, const struct net_address *address, uint8_t ret_owner[6])
{
	struct discovery_frame f = { 0 };

	if (len < WITHOUT_OPTION)
		return false;
	memcpy(&f, frame, len < sizeof(f) ? len : sizeof(f));
	if (f.eth.h_proto != htons(ETH_P_IPV6) || f.ip.ip6_nxt != IPPROTO_ICMPV6 || f.ip.ip6_hlim != 255 ||
	    memcmp(&f.nd.nd_na_target, address->bytes, 16) != 0)
		return false;
	memcpy(ret_owner, f.eth.h_source, ETH_ALEN);
	if (f.nd.nd_na_type == ND_NEIGHBOR_SOLICIT)
		return memcmp(&f.ip.ip6_src, no_address, 16) == 0;
	if (f.nd.nd_na_type != ND_NEIGHBOR_ADVERT)
		return false;
	if (len >= sizeof(f) && f.option.nd_opt_type == ND_OPT_TARGET_LINKADDR && f.option.nd_opt_len == 1)
		memcpy(ret_owner, f.option_mac, ETH_ALEN);
	return true;
}

bool wire_frame_claims(const uint8_t *frame, size_t len, const struct net_address *address, const uint8_t mac[6],
		       uint8_t ret_owner[6])
{
	bool claims = address->family == AF_INET ? arp_claims(frame, len, address, ret_owner)
						 : discovery_claims(frame, len, address, ret_owner);

	return claims && memcmp(ret_owner, mac, ETH_ALEN) != 0;
}
