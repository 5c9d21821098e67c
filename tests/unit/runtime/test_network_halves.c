/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "netns/tc_dump.h"
#include "netns/world.h"

#include "netns/wire.h"
#include "runtime/network_priv.h"

/* An interface that is plugged closed, opened, shut and opened again, in namespaces of the test's own. */

#define TABLE	 "ctctl-unit"
#define LINK	 "vhalf0"
#define BRIDGE	 "br7"
#define RATE	 100000000
#define QUIET_MS 150

static const struct node node;

struct half {
	struct world *w;
	struct net_plan plan;
	struct net_address addresses[2];
	int other; /* the namespace that the guest talks to, ... */
	const char *other4, *other6;
	const char *other_if; /* where that asks for the guest */
	const char *own4, *own6;
};

static void begin(struct half *h, enum net_mode mode)
{
	struct net_filter_node tables = { .table = TABLE };
	struct err err = ERR_INIT;

	h->addresses[0] = addr(h->own4);
	h->addresses[1] = addr(h->own6);
	h->plan = (struct net_plan){ .mode = mode,
				     .guest_name = "eth0",
				     .link = LINK,
				     .ifb = "ihalf0",
				     .table = TABLE,
				     .addresses = h->addresses,
				     .n_addresses = 2,
				     .shape = { .to_guest_bits = RATE, .from_guest_bits = RATE } };
	memcpy(h->plan.mac, guest_mac, sizeof(guest_mac));
	network_point(&h->plan);
	assert_ok(net_filter_open(&tables, &err), &err);
}

/* The host is 192.0.2.1 on the bridge, a neighbour behind it 192.0.2.9. */
static void begin_bridged(struct half *h)
{
	struct net_address own[] = { addr("192.0.2.1/24"), addr("2001:db8:7::1/64") };
	struct err err = ERR_INIT;

	h->own4 = "192.0.2.5/24";
	h->own6 = "2001:db8:7::5/64";
	begin(h, NET_MODE_BRIDGE);
	strcpy(h->plan.bridge, BRIDGE);
	h->plan.is_own_bridge = true;
	assert_ok(net_bridge_ensure(BRIDGE, own, 2, &err), &err);
	make_veth(h->w->lan, "v0", "lan0", lan_mac, BRIDGE);
	enter(h->w->lan);
	set_up("lan0", "192.0.2.9/24", "2001:db8:7::9/64");
	enter(h->w->host);
	h->other = h->w->lan;
	h->other4 = "192.0.2.9";
	h->other6 = "2001:db8:7::9";
	h->other_if = "lan0";
}

/* The host is 198.51.100.1 on its uplink, and answers there for the guest. */
static void begin_routed(struct half *h)
{
	h->own4 = "192.0.2.10/32";
	h->own6 = "2001:db8::10/128";
	begin(h, NET_MODE_ROUTED);
	h->plan.gateways[0] = addr(NET_ROUTED_GATEWAY4);
	h->plan.gateways[1] = addr(NET_ROUTED_GATEWAY6);
	strcpy(h->plan.uplinks[0], "up0");
	strcpy(h->plan.uplinks[1], "up0");
	make_veth(h->w->lan, "up0", "lan0", lan_mac, NULL);
	set_up("up0", "198.51.100.1/24", "2001:db8:1::1/64");
	h->other = h->w->host;
	h->other4 = "198.51.100.1";
	h->other6 = "2001:db8:1::1";
	h->other_if = LINK;
}

static struct net_address bare(struct net_address a)
{
	a.prefix = net_address_bits(&a);
	return a;
}

/* Does somebody on `interface` answer for it? */
static bool answers(int netns, const char *interface, struct net_address address, int timeout_ms)
{
	struct err err = ERR_INIT;
	uint8_t mac[6];
	size_t which;

	enter(netns);

	int r = net_probe(interface, &address, 1, timeout_ms, &which, mac, &err);

	assert_ok(r, &err);
	return r > 0;
}

static bool talks(int from, int to, struct net_address address, int timeout_ms)
{
	char text[NET_ADDRESS_ROOM];

	net_address_format(&address, false, text);
	return echo(&(struct echo){ .from = from, .to = to, .address = text, .timeout_ms = timeout_ms });
}

static void assert_passes(const struct half *h, bool is_open)
{
	int guest = h->w->guest, ms = is_open ? 5000 : QUIET_MS;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(talks(guest, h->other, addr(i ? h->other6 : h->other4), ms), is_open);
		assert_int_equal(talks(h->other, guest, bare(h->addresses[i]), ms), is_open);
		assert_int_equal(answers(h->other, h->other_if, bare(h->addresses[i]), ms), is_open);
	}
	/* The host itself, which a bridge brings in by another way. */
	if (h->plan.mode == NET_MODE_BRIDGE)
		assert_int_equal(talks(guest, h->w->host, addr("192.0.2.1"), ms), is_open);
	enter(h->w->host);
}

static void assert_shaped(bool is_so)
{
	struct tc_state tc = tc_read(LINK);

	assert_int_equal(tc.rate, is_so ? RATE / 8 : 0);
	assert_int_equal(tc.redirect, is_so ? if_nametoindex("ihalf0") : if_nametoindex(LINK));
	assert_int_equal(tc.filters, 1);
}

/* Whatever happens to links, addresses and routes of the guest. */
static int listen_in_guest(const struct half *h)
{
	struct sockaddr_nl local = { .nl_family = AF_NETLINK,
				     .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR |
						  RTMGRP_IPV6_ROUTE };

	enter(h->w->guest);

	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
	enter(h->w->host);
	return fd;
}

static void assert_silent(int fd)
{
	char room[4096];

	assert_int_equal(recv(fd, room, sizeof(room), 0), -1);
	assert_int_equal(errno, EAGAIN);
}

static void plug_closed(const struct half *h)
{
	struct net_setup_spec setup = network_setup_of(&h->plan);
	struct err err = ERR_INIT;

	assert_ok(network_plug_closed(&h->plan, h->w->guest, &err), &err);
	assert_false(is_up(LINK));
	enter(h->w->guest);
	assert_ok(net_setup_loopback(&err), &err);
	assert_ok(net_setup_guest(&setup, &err), &err);
	enter(h->w->host);
}

static void open_it(const struct half *h)
{
	struct err err = ERR_INIT;

	assert_ok(network_open(&node, &h->plan, &err), &err);
	assert_int_equal(net_link_wait_ready(LINK, 10000, &err), 1);
	assert_shaped(true);
}

static void shut(const struct half *h)
{
	struct err err = ERR_INIT;

	assert_ok(network_shut(&h->plan, &err), &err);
	assert_shaped(false);
	enter(h->w->guest);
	assert_true(ask("eth0", SIOCGIFFLAGS).ifr_flags & IFF_RUNNING);
	for (int i = 0; i < 2; i++)
		assert_true(has_address("eth0", i ? h->own6 : h->own4));
	assert_true(has_route(h->other4));
	assert_true(has_route(h->other6));
	enter(h->w->host);
}

/* The filter was there all the time: what it refuses does not pass, either. */
static void assert_filtered(const struct half *h)
{
	struct net_traffic traffic;
	struct err err = ERR_INIT;

	enter(h->w->guest);
	set_up("eth0", "192.0.2.66/24", "2001:db8:7::66/64");
	assert_false(echo(&(struct echo){
		.from = h->w->guest, .to = h->other, .source = "192.0.2.66", .address = h->other4, .timeout_ms = QUIET_MS }));
	enter(h->w->host);
	assert_ok(net_filter_read(TABLE, LINK, h->plan.filter.is_bridged, &traffic, &err), &err);
	assert_true(traffic.dropped.packets > 0);
}

static void check(struct half *h)
{
	struct err err = ERR_INIT;

	plug_closed(h);
	assert_passes(h, false);
	open_it(h);
	assert_passes(h, true);

	_cleanup_fd_ int events = listen_in_guest(h);

	shut(h);
	assert_passes(h, false);
	shut(h);
	open_it(h);
	assert_passes(h, true);
	open_it(h);
	assert_passes(h, true);
	assert_silent(events);
	assert_filtered(h);
	assert_ok(network_unplug(&h->plan, &err), &err);
	assert_int_equal(if_nametoindex(LINK), 0);
	assert_int_equal(if_nametoindex("ihalf0"), 0);
}

static void test_bridged(void **state)
{
	struct half h = { .w = *state };

	NEED_ROOT();
	begin_bridged(&h);
	check(&h);
}

static void test_routed(void **state)
{
	struct half h = { .w = *state };

	NEED_ROOT();
	begin_routed(&h);
	check(&h);
}

/* A kill after shutting leaves nothing that unplugging does not find; and what cannot be plugged leaves nothing at all. */
static void test_unplug(void **state)
{
	struct half h = { .w = *state };
	struct err err = ERR_INIT;

	NEED_ROOT();
	begin_bridged(&h);
	h.plan.shape.to_guest_bits = h.plan.shape.from_guest_bits = 0;
	plug_closed(&h);
	assert_int_equal(network_plug_closed(&h.plan, h.w->guest, &err), -EEXIST);
	assert_err_has(&err, "'eth0'");
	assert_int_equal(if_nametoindex(LINK), 0);
	plug_closed(&h);
	assert_ok(network_open(&node, &h.plan, &err), &err);
	assert_ok(network_shut(&h.plan, &err), &err);
	assert_ok(network_unplug(&h.plan, &err), &err);
	assert_int_equal(if_nametoindex(LINK), 0);
	assert_int_equal(if_nametoindex("ihalf0"), 0);
}

static void test_macvlan(void **state)
{
	struct net_plan plan = { .mode = NET_MODE_MACVLAN, .guest_name = "eth0", .parent = "up0" };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(network_plug_closed(&plan, -EBADF, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "macvlan");
	assert_int_equal(network_shut(&plan, &err), -EOPNOTSUPP);
	assert_ok(network_open(&node, &plan, &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_bridged),
		WORLD_TEST(test_routed),
		WORLD_TEST(test_unplug),
		cmocka_unit_test(test_macvlan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
