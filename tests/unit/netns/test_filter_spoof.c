/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include "filter_world.h"

/* What root in a guest sends by raw sockets and must not arrive, beside what is its own and must. */

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t all_nodes[6] = { 0x33, 0x33, 0, 0, 0, 1 };

static struct fw_world *world_with(bool is_bridged, enum net_filter_level level, bool has_prefix)
{
	struct fw_world *w = fw_new(is_bridged);
	struct err err = ERR_INIT;

	w->spec.level = level;
	if (has_prefix) {
		w->spec.prefixes = w->prefixes;
		w->spec.n_prefixes = 1;
	}
	assert_ok(net_filter_add(FW_TABLE, &w->spec, &err), &err);
	/* The neighbours on the way are known from here on. */
	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 1, 2)));
	(void)fw_wait(w, fw_send(w, fw_udp6(w, fw_guest_mac, FW_GUEST6, FW_PEER6, 1, 2)), 0);
	return w;
}

static void addresses(bool is_bridged)
{
	struct fw_world *w = world_with(is_bridged, NET_FILTER_FULL, false);

	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 7, 7)));
	assert_true(fw_arrives(w, fw_udp6(w, fw_guest_mac, FW_GUEST6, FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_other_mac, FW_GUEST4, FW_PEER4, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_other_mac, FW_GUEST6, FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, "192.0.2.11", FW_PEER4, 7, 7)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, "0.0.0.0", FW_PEER4, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "2001:db8::11", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "::", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "::ffff:192.0.2.10", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "2001:db8:5::1", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "fe80::1234", FW_PEER6, 7, 7)));
	assert_int_equal(fw_read(w).dropped.packets, 9);
	fw_free(w);
}

static void test_addresses_bridged(void **state)
{
	(void)state;
	fw_need_root();
	addresses(true);
}

static void test_addresses_routed(void **state)
{
	(void)state;
	fw_need_root();
	addresses(false);
}

static void test_routed_prefix(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(false, NET_FILTER_FULL, true);

	assert_true(fw_arrives(w, fw_udp6(w, fw_guest_mac, "2001:db8:5::1", FW_PEER6, 7, 7)));
	assert_true(fw_arrives(w, fw_udp6(w, fw_guest_mac, "2001:db8:5::ffff:1", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "2001:db8:6::1", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, "2001:db8:f::9", FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, "192.0.2.11", FW_PEER4, 7, 7)));
	fw_free(w);
}

static void servers(bool is_bridged, enum net_filter_level level)
{
	struct fw_world *w = world_with(is_bridged, level, false);

	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 67, 68)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 67, 7)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 7, 68)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, FW_GUEST6, FW_PEER6, 547, 546)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, FW_GUEST6, FW_PEER6, 7, 546)));
	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 68, 67)));
	assert_true(fw_arrives(w, fw_udp6(w, fw_guest_mac, FW_GUEST6, FW_PEER6, 546, 547)));
	fw_free(w);
}

static void test_dhcp_servers(void **state)
{
	(void)state;
	fw_need_root();
	servers(true, NET_FILTER_FULL);
	servers(false, NET_FILTER_FULL);
	servers(true, NET_FILTER_MAC);
}

static void test_dhcp_client(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL, false);

	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, "0.0.0.0", "255.255.255.255", 68, 67)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, "0.0.0.0", "255.255.255.255", 7, 7)));
	fw_free(w);
}

static struct fw_frame arp(const uint8_t source[6], uint16_t operation, const uint8_t sender[6], const char *sender_ip,
			   const char *target_ip)
{
	struct fw_frame f = fw_ethernet(broadcast, source, ETH_P_ARP);
	uint8_t a[28] = { 0, 1, 8, 0, 6, 4, (uint8_t)(operation >> 8), (uint8_t)operation };

	memcpy(a + 8, sender, 6);
	assert_int_equal(inet_pton(AF_INET, sender_ip, a + 14), 1);
	assert_int_equal(inet_pton(AF_INET, target_ip, a + 24), 1);
	fw_add(&f, a, sizeof(a));
	fw_add(&f, (uint8_t[18]){ 0 }, 18); /* the shortest Ethernet frame; the serial number is in it */
	return f;
}

static void test_arp_bridged(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL, false);

	assert_true(fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, FW_GUEST4, FW_PEER4)));
	assert_true(fw_arrives(w, arp(fw_guest_mac, 2, fw_guest_mac, FW_GUEST4, FW_PEER4)));
	assert_true(fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, FW_GUEST4, FW_GUEST4)));
	assert_true(fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, "0.0.0.0", FW_GUEST4)));
	assert_false(fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, "0.0.0.0", FW_PEER4)));
	assert_false(fw_arrives(w, arp(fw_guest_mac, 2, fw_guest_mac, "0.0.0.0", FW_GUEST4)));
	assert_false(fw_arrives(w, arp(fw_guest_mac, 2, fw_guest_mac, "192.0.2.1", FW_PEER4)));
	assert_false(fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, "192.0.2.1", FW_PEER4)));
	assert_false(fw_arrives(w, arp(fw_guest_mac, 2, fw_other_mac, FW_GUEST4, FW_PEER4)));
	assert_false(fw_arrives(w, arp(fw_other_mac, 2, fw_guest_mac, FW_GUEST4, FW_PEER4)));
	assert_false(fw_arrives(w, arp(fw_guest_mac, 3, fw_guest_mac, FW_GUEST4, FW_PEER4)));
	fw_free(w);
}

/* Of a link of its own, ARP ends at the host: what is refused is counted. */
static void test_arp_routed(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(false, NET_FILTER_FULL, false);
	uint64_t before = fw_read(w).dropped.packets;

	(void)fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, FW_GUEST4, "169.254.1.1"));
	(void)fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, "0.0.0.0", FW_GUEST4));
	assert_int_equal(fw_read(w).dropped.packets, before);
	(void)fw_arrives(w, arp(fw_guest_mac, 1, fw_guest_mac, "192.0.2.11", "169.254.1.1"));
	(void)fw_arrives(w, arp(fw_guest_mac, 2, fw_other_mac, FW_GUEST4, "169.254.1.1"));
	(void)fw_arrives(w, arp(fw_other_mac, 2, fw_other_mac, FW_GUEST4, "169.254.1.1"));
	assert_int_equal(fw_read(w).dropped.packets, before + 3);
	fw_free(w);
}

/* An ICMPv6 message of `type` with a target, and perhaps one option of 8 bytes with a MAC. */
static struct fw_frame nd(uint8_t type, const char *from, const char *target, int option, const uint8_t mac[6])
{
	size_t head = type == 133 ? 8 : type == 134 ? 16 : type == 137 ? 40 : 24;
	struct fw_frame f = fw_ethernet(all_nodes, fw_guest_mac, ETH_P_IPV6);
	uint8_t m[48] = { type };

	if (head == 24)
		assert_int_equal(inet_pton(AF_INET6, target, m + 8), 1);
	if (option) {
		m[head] = (uint8_t)option;
		m[head + 1] = 1;
		memcpy(m + head + 2, mac, 6);
		head += 8;
	}
	fw_ip6(&f, from, "ff02::1", IPPROTO_ICMPV6, head);
	fw_add(&f, m, head);
	f.serial_at = 14 + 40 + 4; /* reserved, or flags */
	return f;
}

static void test_nd_bridged(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL, false);
	const char *own = FW_GUEST6, *other = "2001:db8::11", *link_local = "fe80::ff:fe00:a";

	assert_true(fw_arrives(w, nd(135, own, other, 1, fw_guest_mac)));
	assert_true(fw_arrives(w, nd(135, link_local, other, 1, fw_guest_mac)));
	assert_true(fw_arrives(w, nd(135, "::", own, 0, NULL)));
	assert_true(fw_arrives(w, nd(135, "::", own, 14, fw_other_mac)));
	assert_true(fw_arrives(w, nd(135, "::", link_local, 0, NULL)));
	assert_true(fw_arrives(w, nd(136, own, own, 2, fw_guest_mac)));
	assert_true(fw_arrives(w, nd(136, own, own, 0, NULL)));
	assert_true(fw_arrives(w, nd(133, link_local, NULL, 1, fw_guest_mac)));
	assert_true(fw_arrives(w, nd(133, "::", NULL, 0, NULL)));
	assert_false(fw_arrives(w, nd(135, other, own, 0, NULL)));
	assert_false(fw_arrives(w, nd(135, "fe80::1", other, 0, NULL)));
	assert_false(fw_arrives(w, nd(135, own, other, 1, fw_other_mac)));
	assert_false(fw_arrives(w, nd(135, own, other, 2, fw_guest_mac)));
	assert_false(fw_arrives(w, nd(135, "::", other, 0, NULL)));
	assert_false(fw_arrives(w, nd(136, own, other, 2, fw_guest_mac)));
	assert_false(fw_arrives(w, nd(136, own, own, 2, fw_other_mac)));
	assert_false(fw_arrives(w, nd(133, link_local, NULL, 1, fw_other_mac)));
	assert_false(fw_arrives(w, nd(134, link_local, NULL, 1, fw_guest_mac)));
	assert_false(fw_arrives(w, nd(137, link_local, NULL, 0, NULL)));
	fw_free(w);
}

/* With `next` in front of the ICMPv6 header: an extension header of 8 bytes. */
static struct fw_frame hidden(uint8_t next, uint8_t extension_next, const uint8_t extension[8], uint8_t type, size_t rest)
{
	struct fw_frame f = fw_ethernet(all_nodes, fw_guest_mac, ETH_P_IPV6);
	uint8_t m[64] = { type };

	fw_ip6(&f, "fe80::ff:fe00:a", "ff02::1", next, 8 + rest);
	fw_add(&f, extension, 8);
	f.data[14 + 40] = extension_next;
	fw_add(&f, m, rest);
	f.serial_at = 14 + 40 + 4; /* in the extension header: padding, or a fragment's identification */
	return f;
}

static void test_hidden_advertisement(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL, false);
	const uint8_t options[8] = { 0, 0, 1, 4 };	      /* padding */
	const uint8_t whole[8] = { 0 };			      /* a fragment that is all */
	const uint8_t first[8] = { 0, 0, 0, 1, 0, 0, 0, 9 };  /* offset 0, more follow */
	const uint8_t second[8] = { 0, 0, 0, 8, 0, 0, 0, 9 }; /* offset 8 */
	const uint8_t routing[8] = { 0, 0, 0, 0 };

	assert_false(fw_arrives(w, hidden(60, 58, options, 134, 16)));
	assert_false(fw_arrives(w, hidden(60, 58, options, 136, 24)));
	assert_true(fw_arrives(w, hidden(60, 58, options, 128, 16)));
	assert_false(fw_arrives(w, hidden(44, 58, whole, 134, 16)));
	assert_false(fw_arrives(w, hidden(44, 58, first, 134, 16)));
	assert_false(fw_arrives(w, hidden(44, 58, first, 0, 0)));  /* nothing behind the fragment header */
	assert_false(fw_arrives(w, hidden(44, 60, first, 58, 8))); /* the message is in the second fragment */
	assert_true(fw_arrives(w, hidden(44, 58, first, 128, 16)));
	assert_true(fw_arrives(w, hidden(44, 58, second, 134, 16)));
	assert_false(fw_arrives(w, hidden(43, 58, routing, 128, 16)));
	fw_free(w);
}

static void test_other_protocols(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL, false);
	static const uint16_t types[] = { 0x88cc, 0x8863, 0x8864, 0x8035, 0x0100, 0x8847 };
	struct fw_frame honest = fw_honest(w);

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		struct fw_frame f = fw_ethernet(fw_peer_mac, fw_guest_mac, types[i]);

		fw_add(&f, (uint8_t[60]){ 0 }, 60);
		assert_false(fw_arrives(w, f));
	}
	for (int q = 0; q < 2; q++) {
		struct fw_frame f = fw_ethernet(fw_peer_mac, fw_guest_mac, q ? 0x88a8 : 0x8100);

		fw_add(&f, (uint8_t[2]){ 0, 0 }, 2);
		fw_add(&f, honest.data + 12, honest.len - 12);
		assert_false(fw_arrives(w, f));
	}
	fw_free(w);
}

static struct fw_frame ip4_message(struct fw_world *w, uint8_t protocol, uint8_t type)
{
	struct fw_frame f = fw_ethernet(w->next_hop, fw_guest_mac, ETH_P_IP);
	uint8_t m[28] = { type, 1 };

	fw_ip4(&f, FW_GUEST4, FW_PEER4, protocol, sizeof(m));
	fw_add(&f, m, sizeof(m));
	return f;
}

static struct fw_frame source_routed(struct fw_world *w, uint8_t option)
{
	struct fw_frame f = fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 7, 7);
	const uint8_t route[8] = { option, 7, 4, 10, 0, 0, 1, 0 };

	memmove(f.data + 42, f.data + 34, f.len - 34);
	memcpy(f.data + 34, route, 8);
	f.data[14] = 0x47;
	f.data[14 + 3] = (uint8_t)(f.data[14 + 3] + 8);
	f.len += 8;
	return f;
}

/* On a bridge: a host that routes would not believe the checksums of some of these. */
static void test_ip4_tricks(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_FULL, false);

	assert_false(fw_arrives(w, ip4_message(w, IPPROTO_ICMP, 5)));
	assert_false(fw_arrives(w, ip4_message(w, IPPROTO_ICMP, 9)));
	assert_true(fw_arrives(w, ip4_message(w, IPPROTO_ICMP, 8)));
	assert_false(fw_arrives(w, source_routed(w, 131)));
	assert_false(fw_arrives(w, source_routed(w, 137)));
	assert_true(fw_arrives(w, ip4_message(w, IPPROTO_ESP, 5)));
	fw_free(w);
}

static void test_level_mac(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_MAC, false);

	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, "192.0.2.99", FW_PEER4, 7, 7)));
	assert_false(fw_arrives(w, fw_udp4(w, fw_other_mac, FW_GUEST4, FW_PEER4, 7, 7)));
	assert_false(fw_arrives(w, nd(134, "fe80::ff:fe00:a", NULL, 1, fw_guest_mac)));
	assert_true(fw_arrives(w, nd(135, "fe80::99", FW_GUEST6, 0, NULL)));
	fw_free(w);
}

static void test_level_none(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = world_with(true, NET_FILTER_NONE, false);

	assert_true(fw_arrives(w, fw_udp4(w, fw_other_mac, "192.0.2.99", FW_PEER4, 67, 68)));
	assert_true(fw_arrives(w, nd(134, "fe80::ff:fe00:a", NULL, 1, fw_guest_mac)));
	fw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_bridged),    cmocka_unit_test(test_addresses_routed),
		cmocka_unit_test(test_routed_prefix),	     cmocka_unit_test(test_dhcp_servers),
		cmocka_unit_test(test_dhcp_client),	     cmocka_unit_test(test_arp_bridged),
		cmocka_unit_test(test_arp_routed),	     cmocka_unit_test(test_nd_bridged),
		cmocka_unit_test(test_hidden_advertisement), cmocka_unit_test(test_other_protocols),
		cmocka_unit_test(test_ip4_tricks),	     cmocka_unit_test(test_level_mac),
		cmocka_unit_test(test_level_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
