/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>

#include "filter_world.h"

/* Counters, quotas and limits, and elements that are there already or not any more. */

#define LOCAL4	  "203.0.113.1"
#define UDP_BYTES 52 /* of fw_udp4(), from the IP header on */

static struct fw_world *new_world(bool is_bridged)
{
	struct fw_world *w = fw_new(is_bridged);

	if (is_bridged)
		w->mark_to = LOCAL4;
	return w;
}

static void add(struct fw_world *w)
{
	struct err err = ERR_INIT;

	assert_ok(net_filter_add(FW_TABLE, &w->spec, &err), &err);
}

static struct fw_frame out(struct fw_world *w)
{
	return fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 7, 7);
}

/* From the peer to the guest, over the bridge: sent, and waited for on the guest's own socket. */
static void send_in(struct fw_world *w, const char *from)
{
	struct fw_frame f = fw_ethernet(fw_guest_mac, fw_peer_mac, ETH_P_IP);
	uint32_t serial = 0xc7c80000 + ++w->serial;
	struct fw_frame seen;

	fw_ip4(&f, from, FW_GUEST4, IPPROTO_UDP, 8 + 24);
	fw_udp(&f, 7, 7, 24);
	memcpy(f.data + f.len - 4, &serial, 4);
	assert_int_equal(send(w->observer, f.data, f.len, 0), f.len);
	do
		seen = fw_receive(w->sender);
	while (!fw_is(&seen, serial));
}

static void assert_count(const struct net_count *count, uint64_t packets, uint64_t bytes)
{
	assert_int_equal(count->packets, packets);
	assert_int_equal(count->bytes, bytes);
}

static void test_counters_bridged(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);

	add(w);
	for (int i = 0; i < 5; i++)
		assert_true(fw_arrives(w, out(w)));
	for (int i = 0; i < 3; i++)
		send_in(w, FW_PEER4);
	send_in(w, LOCAL4);
	assert_true(fw_arrives(w, fw_udp6(w, fw_guest_mac, FW_GUEST6, FW_PEER6, 7, 7)));
	assert_false(fw_arrives(w, fw_udp6(w, fw_guest_mac, FW_PEER6, FW_PEER6, 7, 7)));

	struct net_traffic t = fw_read(w);

	assert_count(&t.out[NET_OUTSIDE][0], 5, 5 * UDP_BYTES);
	assert_count(&t.out[NET_LOCAL][0], 7, 7 * UDP_BYTES);
	assert_count(&t.out[NET_OUTSIDE][1], 1, UDP_BYTES + 20);
	assert_count(&t.in[NET_OUTSIDE][0], 3, 3 * UDP_BYTES);
	assert_count(&t.in[NET_LOCAL][0], 1, UDP_BYTES);
	assert_count(&t.in[NET_OUTSIDE][1], 0, 0);
	assert_count(&t.dropped, 1, UDP_BYTES + 20);
	fw_free(w);
}

static void test_counters_routed(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(false);

	add(w);
	for (int i = 0; i < 4; i++)
		assert_true(fw_arrives(w, out(w)));

	struct net_traffic t = fw_read(w);

	assert_count(&t.out[NET_OUTSIDE][0], 8, 8 * UDP_BYTES);
	assert_count(&t.out[NET_LOCAL][0], 0, 0);
	fw_free(w);
}

/* All that was sent, and what the guest's own kernel says of itself when the sending takes long (RFC 3810, RFC 4861). */
static void assert_count_near(const struct net_traffic *t, uint64_t sent)
{
	assert_in_range(t->out[NET_OUTSIDE][0].packets + t->dropped.packets, sent, sent + 10);
}

static void test_packet_limit(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);

	w->spec.packets_per_s = 20;
	add(w);
	for (int i = 0; i < 500; i++)
		fw_send(w, out(w));

	struct net_traffic t = fw_read(w);

	assert_in_range(t.out[NET_OUTSIDE][0].packets, 10, 100);
	assert_count_near(&t, 500);
	fw_free(w);
}

static struct fw_frame syn(struct fw_world *w, const uint8_t to[6], const uint8_t from[6], bool reverse, uint16_t port,
			   uint8_t flags)
{
	struct fw_frame f = fw_ethernet(to, from, ETH_P_IP);
	uint8_t h[20] = { 0x1f, 0x90, (uint8_t)(port >> 8), (uint8_t)port, [12] = 0x50, [13] = flags };

	(void)w;
	fw_ip4(&f, reverse ? FW_PEER4 : FW_GUEST4, reverse ? FW_GUEST4 : FW_PEER4, IPPROTO_TCP, sizeof(h));
	fw_add(&f, h, sizeof(h));
	f.serial_at = 14 + 20 + 4;
	return f;
}

static void test_connection_limit(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);

	w->spec.connections_per_s = 20;
	add(w);
	for (int i = 0; i < 500; i++)
		fw_send(w, syn(w, fw_peer_mac, fw_guest_mac, false, 80, 0x02));

	struct net_traffic t = fw_read(w);

	assert_in_range(t.out[NET_OUTSIDE][0].packets, 10, 100);
	assert_count_near(&t, 500);
	/* What belongs to a connection goes on. */
	assert_true(fw_arrives(w, syn(w, fw_peer_mac, fw_guest_mac, false, 80, 0x10)));
	assert_true(fw_arrives(w, out(w)));
	fw_free(w);
}

static void test_quota_blocks(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);

	w->spec.quota_bytes = 10 * UDP_BYTES - 1; /* at the very byte, kernels differ */
	w->spec.quota_used_bytes = 2 * UDP_BYTES;
	w->spec.quota_action = NET_QUOTA_BLOCK;
	add(w);
	for (int i = 0; i < 3; i++)
		assert_true(fw_arrives(w, out(w)));
	for (int i = 0; i < 4; i++)
		send_in(w, FW_PEER4);
	assert_int_equal(fw_read(w).quota_used_bytes, 9 * UDP_BYTES);
	/* The tenth passes it. Local traffic goes on. */
	assert_false(fw_arrives(w, out(w)));
	send_in(w, LOCAL4);
	assert_count(&fw_read(w).out[NET_OUTSIDE][0], 3, 3 * UDP_BYTES);

	/* More is bought: it goes on from what is used. */
	struct net_filter_spec more = w->spec;
	struct err err = ERR_INIT;

	more.quota_bytes = 100 * UDP_BYTES;
	assert_ok(net_filter_change(FW_TABLE, &w->spec, &more, &err), &err);
	assert_true(fw_arrives(w, out(w)));
	assert_int_equal(fw_read(w).quota_used_bytes, w->spec.quota_bytes + UDP_BYTES);
	assert_count(&fw_read(w).out[NET_OUTSIDE][0], 4, 4 * UDP_BYTES);
	fw_free(w);
}

static void test_quota_throttles(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);

	w->spec.quota_bytes = 1000;
	w->spec.quota_used_bytes = 5000;
	w->spec.quota_action = NET_QUOTA_THROTTLE;
	w->spec.throttle_bits = 8000;
	add(w);
	/* 64 KiB may come at once. */
	for (int i = 0; i < 2000; i++)
		fw_send(w, out(w));

	struct net_traffic t = fw_read(w);

	assert_in_range(t.out[NET_OUTSIDE][0].packets, 1200, 1400);
	assert_count_near(&t, 2000);
	/* The other direction has a limit of its own. */
	send_in(w, FW_PEER4);
	fw_free(w);
}

static void test_twice_and_partly(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);
	struct err err = ERR_INIT;
	struct net_filter_node node = fw_node(w);
	struct net_filter_spec less = w->spec;
	struct net_traffic t;

	assert_ok(net_filter_open(&node, &err), &err);
	add(w);
	/* As after a kill: what is there says something else. */
	w->spec.level = NET_FILTER_MAC;
	w->spec.packets_per_s = 5000;
	add(w);
	add(w);
	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, "192.0.2.99", FW_PEER4, 7, 7)));

	/* What is only there in part goes, too. */
	assert_ok(net_filter_remove(FW_TABLE, &w->spec, NULL, &err), &err);
	less.n_addresses = 1;
	assert_ok(net_filter_add(FW_TABLE, &less, &err), &err);
	w->spec.level = NET_FILTER_FULL;
	assert_ok(net_filter_remove(FW_TABLE, &w->spec, NULL, &err), &err);
	assert_ok(net_filter_remove(FW_TABLE, &w->spec, NULL, &err), &err);
	assert_int_equal(net_filter_read(FW_TABLE, FW_LINK, true, &t, &err), -ENOENT);
	assert_err_has(&err, FW_LINK);
	add(w);
	assert_false(fw_arrives(w, fw_udp4(w, fw_guest_mac, "192.0.2.99", FW_PEER4, 7, 7)));
	fw_free(w);
}

static void test_change_keeps_counting(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);
	struct err err = ERR_INIT;
	struct net_address moved[1] = { fw_address("192.0.2.20") };
	struct net_filter_spec changed = w->spec;

	add(w);
	assert_true(fw_arrives(w, out(w)));
	changed.addresses = moved;
	changed.n_addresses = 1;
	changed.packets_per_s = 100000;
	assert_ok(net_filter_change(FW_TABLE, &w->spec, &changed, &err), &err);
	fw_send(w, out(w));
	fw_send(w, fw_udp4(w, fw_guest_mac, "192.0.2.20", FW_PEER4, 7, 7));

	struct net_traffic t = fw_read(w);

	assert_int_equal(t.out[NET_OUTSIDE][0].packets, 2);
	assert_int_equal(t.dropped.packets, 1);
	fw_free(w);
}

static void test_no_tables(void **state)
{
	(void)state;
	fw_need_root();

	struct fw_world *w = new_world(true);
	struct err err = ERR_INIT;

	assert_ok(net_filter_remove_all(FW_TABLE, &err), &err);
	assert_ok(net_filter_remove_all(FW_TABLE, &err), &err);
	assert_ok(net_filter_remove(FW_TABLE, &w->spec, NULL, &err), &err);
	assert_int_equal(net_filter_add(FW_TABLE, &w->spec, &err), -ENOENT);
	assert_err_has(&err, "is missing");
	fw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counters_bridged), cmocka_unit_test(test_counters_routed),
		cmocka_unit_test(test_packet_limit),	 cmocka_unit_test(test_connection_limit),
		cmocka_unit_test(test_quota_blocks),	 cmocka_unit_test(test_quota_throttles),
		cmocka_unit_test(test_twice_and_partly), cmocka_unit_test(test_change_keeps_counting),
		cmocka_unit_test(test_no_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
