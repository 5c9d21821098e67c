/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>

#include "filter_world.h"

/* A guest's own rules for what comes to it. Answers pass where the kernel tracks a bridge's connections, or not. */

/* From the peer to the guest; does it arrive? Neighbour discovery always does, and says when to stop waiting. */
static bool comes_in(struct fw_world *w, struct fw_frame f)
{
	uint32_t serial = 0xc7c90000 + ++w->serial;
	uint32_t mark = 0xc7c90000 + ++w->serial;
	struct fw_frame nd = fw_ethernet(fw_guest_mac, fw_peer_mac, ETH_P_IPV6);
	uint8_t solicit[24] = { 135 };

	assert_int_equal(inet_pton(AF_INET6, FW_GUEST6, solicit + 8), 1);
	fw_ip6(&nd, "fe80::ff:fe00:b", FW_GUEST6, IPPROTO_ICMPV6, sizeof(solicit));
	fw_add(&nd, solicit, sizeof(solicit));
	memcpy(nd.data + 14 + 40 + 4, &mark, 4);
	memcpy(f.data + (f.serial_at ? f.serial_at : f.len - 4), &serial, 4);
	assert_int_equal(send(w->observer, f.data, f.len, 0), f.len);
	assert_int_equal(send(w->observer, nd.data, nd.len, 0), nd.len);

	for (bool seen = false;;) {
		struct fw_frame got = fw_receive(w->sender);

		seen = seen || fw_is(&got, serial);
		if (fw_is(&got, mark))
			return seen;
	}
}

static struct fw_frame to_guest(const char *from, uint8_t protocol, size_t payload)
{
	struct fw_frame f = fw_ethernet(fw_guest_mac, fw_peer_mac, ETH_P_IP);

	fw_ip4(&f, from, FW_GUEST4, protocol, payload);
	return f;
}

static struct fw_frame tcp_in(const char *from, uint16_t port, uint8_t flags)
{
	struct fw_frame f = to_guest(from, IPPROTO_TCP, 20);
	uint8_t h[20] = { 0x1f, 0x90, (uint8_t)(port >> 8), (uint8_t)port, [12] = 0x50, [13] = flags };

	fw_add(&f, h, sizeof(h));
	f.serial_at = 14 + 20 + 4;
	return f;
}

static struct fw_frame udp_in(const char *from, uint16_t sport, uint16_t dport)
{
	struct fw_frame f = to_guest(from, IPPROTO_UDP, 8 + 24);

	fw_udp(&f, sport, dport, 24);
	return f;
}

static struct fw_frame icmp_in(uint8_t type)
{
	struct fw_frame f = to_guest(FW_PEER4, IPPROTO_ICMP, 28);
	uint8_t m[28] = { type };

	fw_add(&f, m, sizeof(m));
	return f;
}

static struct fw_world *with_rules(const struct net_rule *rules, size_t n)
{
	struct fw_world *w = fw_new(true);
	struct err err = ERR_INIT;

	w->spec.rules = rules;
	w->spec.n_rules = n;
	assert_ok(net_filter_add(FW_TABLE, &w->spec, &err), &err);
	return w;
}

static void test_rules(void **state)
{
	(void)state;
	fw_need_root();

	const struct net_rule rules[] = {
		{ .allow = false, .from = fw_address("198.51.100.66/32") },
		{ .allow = true, .protocol = IPPROTO_TCP, .port_first = 80, .port_last = 90 },
		{ .allow = true, .protocol = IPPROTO_UDP, .port_first = 53, .from = fw_address("198.51.100.0/24") },
	};
	struct fw_world *w = with_rules(rules, ARRAY_SIZE(rules));

	assert_true(comes_in(w, tcp_in(FW_PEER4, 80, 0x02)));
	assert_true(comes_in(w, tcp_in(FW_PEER4, 90, 0x02)));
	assert_false(comes_in(w, tcp_in(FW_PEER4, 91, 0x02)));
	assert_false(comes_in(w, tcp_in(FW_PEER4, 22, 0x02)));
	assert_false(comes_in(w, tcp_in("198.51.100.66", 80, 0x02)));
	assert_true(comes_in(w, udp_in(FW_PEER4, 1000, 53)));
	assert_false(comes_in(w, udp_in("203.0.113.9", 1000, 53)));
	assert_false(comes_in(w, udp_in(FW_PEER4, 1000, 54)));
	assert_false(comes_in(w, icmp_in(8)));
	/* An answer to what the guest asked. */
	assert_true(fw_arrives(w, fw_udp4(w, fw_guest_mac, FW_GUEST4, FW_PEER4, 40000, 123)));
	assert_true(comes_in(w, udp_in(FW_PEER4, 123, 40000)));
	fw_free(w);
}

static void test_rules_change(void **state)
{
	(void)state;
	fw_need_root();

	const struct net_rule first[] = { { .allow = true, .protocol = IPPROTO_TCP, .port_first = 80 } };
	const struct net_rule second[] = { { .allow = true, .protocol = IPPROTO_ICMP } };
	struct fw_world *w = with_rules(first, 1);
	struct net_filter_spec changed = w->spec, none = w->spec;
	struct err err = ERR_INIT;

	changed.rules = second;
	none.rules = NULL;
	none.n_rules = 0;
	assert_true(comes_in(w, tcp_in(FW_PEER4, 80, 0x02)));
	assert_false(comes_in(w, icmp_in(8)));
	assert_ok(net_filter_change(FW_TABLE, &w->spec, &changed, &err), &err);
	assert_false(comes_in(w, tcp_in(FW_PEER4, 80, 0x02)));
	assert_true(comes_in(w, icmp_in(8)));
	assert_ok(net_filter_change(FW_TABLE, &changed, &none, &err), &err);
	assert_true(comes_in(w, tcp_in(FW_PEER4, 80, 0x02)));
	assert_true(comes_in(w, icmp_in(8)));
	/* The chain is gone with the rules: what it did not take along would be found by the next who is of that name. */
	assert_ok(net_filter_change(FW_TABLE, &none, &changed, &err), &err);
	assert_ok(net_filter_remove(FW_TABLE, &changed, NULL, &err), &err);
	assert_true(comes_in(w, tcp_in(FW_PEER4, 80, 0x02)));
	fw_free(w);
}

/* To a link of its own it is the host that sends, and it tracks connections. */
static void test_rules_routed(void **state)
{
	(void)state;
	fw_need_root();

	const struct net_rule rules[] = { { .allow = true, .protocol = IPPROTO_UDP, .port_first = 53 } };
	struct fw_world *w = fw_new(false);
	struct err err = ERR_INIT;
	struct net_address addresses[1] = { fw_address(FW_GUEST4 "/32") };
	struct net_setup_spec setup = { .name = "eth0", .addresses = addresses, .n_addresses = 1, .is_routed = true };
	_cleanup_fd_ int host = -EBADF, guest = -EBADF;
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	char room[8];

	w->spec.rules = rules;
	w->spec.n_rules = 1;
	assert_ok(net_filter_add(FW_TABLE, &w->spec, &err), &err);
	fw_enter(w->guest);
	assert_ok(net_setup_guest(&setup, &err), &err);
	guest = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(inet_pton(AF_INET, FW_GUEST4, &to.sin_addr), 1);
	assert_int_equal(bind(guest, (struct sockaddr *)&to, sizeof(to)), 0);
	fw_enter(w->host);
	host = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(sendto(host, "yes", 3, 0, (struct sockaddr *)&to, sizeof(to)), 3);
	assert_int_equal(recv(guest, room, sizeof(room), 0), 3);
	to.sin_port = htons(54);
	assert_int_equal(sendto(host, "no", 2, 0, (struct sockaddr *)&to, sizeof(to)), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fw_read(w).in[NET_LOCAL][0].packets, 1);
	fw_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_rules_change),
		cmocka_unit_test(test_rules_routed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
