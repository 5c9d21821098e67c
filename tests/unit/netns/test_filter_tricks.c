/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "filter_world.h"

/* What hides from the filter, or makes the host work for a guest, beside what must pass all the same. */

static struct fw_world *world_with(bool is_bridged, enum net_filter_level level)
{
	struct fw_world *w = fw_new(is_bridged);
	struct err err = ERR_INIT;

	w->spec.level = level;
	if (!is_bridged) {
		w->spec.prefixes = w->prefixes;
		w->spec.n_prefixes = 1;
	}
	assert_ok(net_filter_add(FW_TABLE, &w->spec, &err), &err);
	return w;
}

/* `bytes` of a TCP header with SYN, in a fragment; its number is the packet's identification, or the ports. */
static struct fw_frame syn_fragment4(struct fw_world *w, uint16_t fragment, size_t bytes)
{
	struct fw_frame f = fw_ethernet(w->next_hop, fw_guest_mac, ETH_P_IP);
	const uint8_t tcp[40] = { 0x20, 0, 0, 80, [12] = 0x50, [13] = 0x02 };
	uint32_t sum;

	fw_ip4(&f, FW_GUEST4, FW_PEER4, IPPROTO_TCP, bytes);
	sum = (uint32_t)(0xffff & ~(f.data[14 + 10] << 8 | f.data[14 + 11])) + fragment;
	sum = ~((sum & 0xffff) + (sum >> 16));
	memcpy(f.data + 14 + 6, (uint8_t[2]){ (uint8_t)(fragment >> 8), (uint8_t)fragment }, 2);
	memcpy(f.data + 14 + 10, (uint8_t[2]){ (uint8_t)(sum >> 8), (uint8_t)sum }, 2);
	fw_add(&f, tcp, bytes);
	f.serial_at = 14 + 20 + 4;
	return f;
}

static struct fw_frame syn_fragment6(struct fw_world *w, uint16_t fragment, size_t bytes)
{
	struct fw_frame f = fw_ethernet(w->next_hop, fw_guest_mac, ETH_P_IPV6);
	const uint8_t head[8] = { IPPROTO_TCP, 0, (uint8_t)(fragment >> 8), (uint8_t)fragment };
	const uint8_t tcp[40] = { 0x20, 0, 0, 80, [12] = 0x50, [13] = 0x02 };

	fw_ip6(&f, FW_GUEST6, FW_PEER6, IPPROTO_FRAGMENT, sizeof(head) + bytes);
	fw_add(&f, head, sizeof(head));
	fw_add(&f, tcp, bytes);
	f.serial_at = 14 + 40 + 8 + 4;
	return f;
}

/* A later fragment of UDP, whose data look like the ports of a DHCP server. */
static struct fw_frame later_fragment(struct fw_world *w)
{
	struct fw_frame f = syn_fragment4(w, 4, 24);
	const uint8_t data[4] = { 0, 67, 0, 68 };

	f.data[14 + 9] = IPPROTO_UDP;
	f.data[14 + 11] = (uint8_t)(f.data[14 + 11] - (IPPROTO_UDP - IPPROTO_TCP));
	memcpy(f.data + 14 + 20, data, sizeof(data));
	f.serial_at = 14 + 20 + 8;
	return f;
}

static void later_fragments(enum net_filter_level level)
{
	struct fw_world *w = world_with(true, level);

	assert_true(fw_arrives(w, later_fragment(w)));
	assert_false(fw_arrives(w, syn_fragment4(w, 1, 16)));
	assert_true(fw_arrives(w, syn_fragment4(w, 2, 16)));
	fw_free(w);
}

static void test_later_fragments(void **state)
{
	(void)state;
	fw_need_root();
	later_fragments(NET_FILTER_FULL);
	later_fragments(NET_FILTER_MAC);
	later_fragments(NET_FILTER_NONE);
}

/* New connections are limited by the flags of TCP: they are to be seen. */
static void test_hidden_flags(void **state)
{
	enum { MORE4 = 0x2000, MORE6 = 1 };

	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL);

	assert_true(fw_arrives(w, syn_fragment4(w, 0, 20)));
	assert_true(fw_arrives(w, syn_fragment4(w, MORE4, 24)));
	assert_false(fw_arrives(w, syn_fragment4(w, MORE4, 8)));
	assert_false(fw_arrives(w, syn_fragment4(w, MORE4 | 1, 16)));
	assert_true(fw_arrives(w, syn_fragment4(w, 3, 16)));
	assert_true(fw_arrives(w, syn_fragment6(w, MORE6, 24)));
	assert_false(fw_arrives(w, syn_fragment6(w, MORE6, 8)));
	assert_false(fw_arrives(w, syn_fragment6(w, 1 << 3 | MORE6, 16)));
	assert_true(fw_arrives(w, syn_fragment6(w, 3 << 3, 16)));
	fw_free(w);
}

static struct fw_frame message4(struct fw_world *w, uint8_t protocol, uint8_t type)
{
	struct fw_frame f = fw_ethernet(w->next_hop, fw_guest_mac, ETH_P_IP);
	const uint8_t m[28] = { type };

	fw_ip4(&f, FW_GUEST4, "224.0.0.13", protocol, sizeof(m));
	fw_add(&f, m, sizeof(m));
	return f;
}

static struct fw_frame message6(struct fw_world *w, uint8_t protocol, uint8_t type)
{
	struct fw_frame f = fw_ethernet(w->next_hop, fw_guest_mac, ETH_P_IPV6);
	const uint8_t m[28] = { type };

	fw_ip6(&f, FW_GUEST6, "ff02::d", protocol, sizeof(m));
	fw_add(&f, m, sizeof(m));
	return f;
}

/* A bridge sends the multicast of all to a port behind which it takes a router to be. */
static void test_multicast_router(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL);

	assert_false(fw_arrives(w, message4(w, IPPROTO_IGMP, 0x11)));
	assert_false(fw_arrives(w, message4(w, IPPROTO_IGMP, 0x30)));
	assert_false(fw_arrives(w, message4(w, IPPROTO_PIM, 0x20)));
	assert_false(fw_arrives(w, message6(w, IPPROTO_ICMPV6, 151)));
	assert_false(fw_arrives(w, message6(w, IPPROTO_PIM, 0x20)));
	assert_true(fw_arrives(w, message6(w, IPPROTO_ICMPV6, 128)));
	fw_free(w);
}

/* A router's advertisement behind what `front` puts in front of its IPv6 header, or with `extension` behind that. */
static struct fw_frame advertisement(const void *front, size_t front_len, const void *extension, size_t extension_len)
{
	static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct fw_frame f = fw_ethernet(all_nodes, fw_guest_mac, front_len ? ETH_P_8021Q : ETH_P_IPV6);
	const uint8_t m[16] = { 134 };
	bool hidden = extension_len > 0;

	if (front)
		fw_add(&f, front, front_len);
	fw_ip6(&f, "fe80::ff:fe00:a", "ff02::1", hidden ? IPPROTO_FRAGMENT : IPPROTO_ICMPV6, hidden ? extension_len : sizeof(m));
	if (hidden)
		fw_add(&f, extension, extension_len);
	else
		fw_add(&f, m, sizeof(m));
	f.serial_at = f.len - 4; /* padding, or reachable time */
	return f;
}

static void test_level_mac(void **state)
{
	/* VLAN 0 twice: Linux takes both off, and hears what is in it. Behind one, the kernel looks itself. */
	const uint8_t tags[8] = { 0, 0, 0x81, 0, 0, 0, 0x86, 0xdd };
	const uint8_t tag[4] = { 0, 0, 0x86, 0xdd };
	/* The first fragment has only padding; the advertisement would be in the second. */
	const uint8_t first[16] = { IPPROTO_DSTOPTS, 0, 0, 1, 0, 0, 0, 9, IPPROTO_ICMPV6, 0, 1, 4 };

	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_MAC);

	assert_false(fw_arrives(w, advertisement(NULL, 0, NULL, 0)));
	assert_false(fw_arrives(w, advertisement(tag, sizeof(tag), NULL, 0)));
	assert_false(fw_arrives(w, advertisement(tags, sizeof(tags), NULL, 0)));
	assert_false(fw_arrives(w, advertisement(NULL, 0, first, sizeof(first))));
	fw_free(w);
}

static struct fw_frame arp_request(const char *sender)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	struct fw_frame f = fw_ethernet(broadcast, fw_guest_mac, ETH_P_ARP);
	uint8_t m[46] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(m + 8, fw_guest_mac, 6);
	assert_int_equal(inet_pton(AF_INET, sender, m + 14), 1);
	assert_int_equal(inet_pton(AF_INET, "169.254.1.1", m + 24), 1);
	fw_add(&f, m, sizeof(m));
	return f;
}

static struct fw_frame solicitation(unsigned int host)
{
	static const uint8_t group[6] = { 0x33, 0x33, 0xff, 0, 0, 1 };
	struct fw_frame f = fw_ethernet(group, fw_guest_mac, ETH_P_IPV6);
	uint8_t m[32] = { 135, [8] = 0xfe, 0x80, [23] = 1, 1, 1 };
	char from[INET6_ADDRSTRLEN];

	snprintf(from, sizeof(from), "2001:db8:5::%x", host);
	memcpy(m + 26, fw_guest_mac, 6);
	fw_ip6(&f, from, "ff02::1:ff00:1", IPPROTO_ICMPV6, sizeof(m));
	fw_add(&f, m, sizeof(m));
	f.serial_at = 14 + 40 + 4;
	return f;
}

/*
 * Each address that asks for the host is an entry of its table of neighbours, of which all guests together have 1024. (The
 * checksums are wrong, so that the test makes none.)
 */
static void test_many_askers(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(false, NET_FILTER_FULL);
	uint64_t before = fw_read(w).dropped.packets;

	for (unsigned int i = 1; i <= 5; i++)
		(void)fw_send(w, solicitation(i));
	assert_false(fw_arrives(w, solicitation(6)));
	assert_int_equal(fw_read(w).dropped.packets, before);
	for (unsigned int i = 0; i < 100; i++)
		(void)fw_send(w, solicitation(0x100 + i));
	assert_false(fw_arrives(w, solicitation(7)));
	assert_true(fw_read(w).dropped.packets >= before + 50);

	/* With networks of IPv6 only, it asks in ARP for its own address. */
	before = fw_read(w).dropped.packets;
	(void)fw_arrives(w, arp_request("198.51.100.77"));
	assert_int_equal(fw_read(w).dropped.packets, before + 1);
	(void)fw_arrives(w, arp_request(FW_GUEST4));
	assert_int_equal(fw_read(w).dropped.packets, before + 1);
	fw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hidden_flags),	 cmocka_unit_test(test_later_fragments),
		cmocka_unit_test(test_multicast_router), cmocka_unit_test(test_level_mac),
		cmocka_unit_test(test_many_askers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
