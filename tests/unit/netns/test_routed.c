/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

static const struct net_address addresses[] = { { AF_INET, { 192, 0, 2, 10 }, 32 },
						{ AF_INET6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 }, 128 } };
static const struct net_address prefixes[] = { { AF_INET6, { 0x20, 0x01, 0x0d, 0xb8, 0, 5 }, 64 }, /* 2001:db8:5::/64 */
					       { AF_INET, { 203, 0, 113, 8 }, 29 } };

static struct net_routed_spec host_side(const char *link)
{
	struct net_routed_spec spec = {
		.link = link,
		.addresses = addresses,
		.n_addresses = 2,
		.prefixes = prefixes,
		.n_prefixes = 2,
	};

	memcpy(spec.guest_mac, guest_mac, 6);
	return spec;
}

static struct net_setup_spec guest_side(void)
{
	return (struct net_setup_spec){
		.name = "eth0",
		.addresses = addresses,
		.n_addresses = 2,
		.prefixes = prefixes,
		.n_prefixes = 2,
		.gateways = { addr(NET_ROUTED_GATEWAY4), addr(NET_ROUTED_GATEWAY6) },
		.is_routed = true,
		.has_default = true,
	};
}

/* The host has addresses of its own on "up0", for packets to have where they come from. */
static void make_routed(struct world *w)
{
	struct net_routed_spec host = host_side("vroute0");
	struct net_setup_spec guest = guest_side();
	struct err err = ERR_INIT;

	enter(w->host);
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	set_up("up0", "198.51.100.1/24", "2001:db8:1::1/64");
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	assert_ok(net_routed_setup(&host, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_loopback(&err), &err);
	assert_ok(net_setup_guest(&guest, &err), &err);
	enter(w->host);
	assert_int_equal(net_link_wait_ready("vroute0", 10000, &err), 1);
	enter(w->guest);
}

/* The very first packet arrives, in both directions, of both families, to each address. */
static void test_packets(void **state)
{
	struct world *w = *state;
	static const char *const to_guest[] = { "192.0.2.10", "2001:db8::10", "2001:db8:5::1", "203.0.113.9" };
	static const char *const to_host[] = { "198.51.100.1", "2001:db8:1::1", NET_ROUTED_GATEWAY4 };

	NEED_ROOT();
	make_routed(w);
	for (size_t i = 0; i < ARRAY_SIZE(to_host); i++) {
		if (!echo(&(struct echo){ .from = w->guest, .to = w->host, .address = to_host[i] }))
			fail_msg("%s is not reached from the guest", to_host[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(to_guest); i++) {
		if (!echo(&(struct echo){ .from = w->host, .to = w->guest, .address = to_guest[i] }))
			fail_msg("%s is not reached from the host", to_guest[i]);
	}
}

/* The first of all is one to the guest: the host asks for it in the gateway's name. */
static void test_first_packet_is_to_the_guest(void **state)
{
	struct world *w = *state;

	NEED_ROOT();
	make_routed(w);
	assert_true(echo(&(struct echo){ .from = w->host, .to = w->guest, .address = "2001:db8:5::1" }));
	assert_true(echo(&(struct echo){ .from = w->host, .to = w->guest, .address = "192.0.2.10" }));
}

static void test_gateway_of_ipv6(void **state)
{
	struct world *w = *state;
	struct echo to_gateway = { .from = w->guest, .to = w->host, .address = "fe80::1", .from_if = "eth0", .to_if = "vroute0" };
	struct echo to_guest = { .from = w->host, .to = w->guest, .from_if = "vroute0", .to_if = "eth0" };

	NEED_ROOT();
	make_routed(w);
	to_guest.address = GUEST_LINK_LOCAL;
	assert_true(echo(&to_gateway));
	assert_true(echo(&to_guest));
	enter(w->host);
	assert_int_equal(count_addresses("vroute0", AF_INET6), 1);
	assert_int_equal(setting("ipv6/conf/vroute0/accept_ra"), 0);
	assert_int_equal(setting("ipv4/conf/vroute0/send_redirects"), 0);
}

/* A second interface: the host, which asks for it as the gateway, can be answered also without a default route. */
static void test_without_default_route(void **state)
{
	struct world *w = *state;
	struct net_routed_spec host = host_side("vroute0");
	struct net_setup_spec guest = guest_side();
	struct err err = ERR_INIT;

	NEED_ROOT();
	guest.has_default = false;
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	assert_ok(net_routed_setup(&host, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_guest(&guest, &err), &err);
	assert_false(has_route("198.51.100.1"));
	assert_true(has_route(NET_ROUTED_GATEWAY4));
	assert_true(echo(&(struct echo){ .from = w->host, .to = w->guest, .address = "192.0.2.10" }));
}

/* With a wide prefix, its neighbours are still behind the gateway. */
static void test_wide_prefix(void **state)
{
	struct world *w = *state;
	struct net_setup_spec guest = guest_side();
	struct net_address wide[] = { addr("198.51.100.77/24"), addr("2001:db8:1::77/64") };
	struct net_routed_spec host = host_side("vroute0");
	struct err err = ERR_INIT;

	NEED_ROOT();
	guest.addresses = host.addresses = wide;
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	set_up("up0", "198.51.100.1/24", "2001:db8:1::1/64");
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	assert_ok(net_routed_setup(&host, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_guest(&guest, &err), &err);
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->host, .address = "198.51.100.1" }));
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->host, .address = "2001:db8:1::1" }));
}

static void test_again_and_removed(void **state)
{
	struct world *w = *state;
	struct net_routed_spec host = host_side("vroute0");
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_routed(w);
	enter(w->host);
	assert_ok(net_routed_setup(&host, &err), &err);
	assert_ok(net_routed_remove(&host, &err), &err);
	assert_false(has_route("192.0.2.10"));
	assert_false(has_route("2001:db8::10"));
	assert_false(has_route("2001:db8:5::1"));
	assert_false(has_route("203.0.113.9"));
	assert_ok(net_routed_remove(&host, &err), &err);
	assert_ok(net_routed_setup(&host, &err), &err);
	assert_true(has_route("2001:db8:5::1"));
	assert_ok(net_link_delete("vroute0", &err), &err);
	assert_false(has_route("192.0.2.10"));
	assert_ok(net_routed_remove(&host, &err), &err);
}

static void check_conflict(struct net_address address, bool is_prefix, const char *part1, const char *part2)
{
	struct net_address both[] = { addr("192.0.2.99"), address };
	struct net_routed_spec spec = { .link = "vroute1", .addresses = both, .n_addresses = is_prefix ? 1 : 2 };
	struct err err = ERR_INIT;

	spec.prefixes = both + 1;
	spec.n_prefixes = is_prefix;
	memcpy(spec.guest_mac, lan_mac, 6);
	assert_int_equal(net_routed_setup(&spec, &err), -EEXIST);
	assert_err_has(&err, part1);
	assert_err_has(&err, part2);
	assert_int_equal(err.exit, EXIT_ADDRESS_IN_USE);
}

static void test_conflicts(void **state)
{
	struct world *w = *state;

	NEED_ROOT();
	make_routed(w);
	enter(w->host);
	make_veth(w->guest, "vroute1", "eth1", lan_mac, NULL);
	check_conflict(addresses[0], false, "192.0.2.10/32", "'vroute0'");
	check_conflict(addresses[1], false, "2001:db8::10/128", "'vroute0'");
	check_conflict(prefixes[0], true, "2001:db8:5::/64", "'vroute0'");
	check_conflict(prefixes[1], true, "203.0.113.8/29", "'vroute0'");
	check_conflict(addr("198.51.100.1"), false, "198.51.100.1", "host's own");
	check_conflict(addr("2001:db8:1::1"), false, "2001:db8:1::1", "host's own");
}

/* A longer route in a network that is the guest's does not make it look like another's. */
static void test_network_with_its_own_address(void **state)
{
	struct world *w = *state;
	struct net_address inside[] = { addr("2001:db8:5::"), addr("203.0.113.8") };
	struct net_routed_spec spec = host_side("vroute0");
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	spec.addresses = inside;
	assert_ok(net_routed_setup(&spec, &err), &err);
	assert_ok(net_routed_setup(&spec, &err), &err);
}

static void test_without_ipv6(void **state)
{
	struct world *w = *state;
	struct net_routed_spec spec = host_side("vroute0");
	struct err err = ERR_INIT;

	NEED_ROOT();
	change_setting("ipv6/conf/all/disable_ipv6", "1");
	change_setting("ipv6/conf/default/disable_ipv6", "1");
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	assert_int_equal(net_routed_setup(&spec, &err), -EAFNOSUPPORT);
	assert_err_has(&err, "2001:db8::10");
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	spec.n_addresses = 1;
	spec.n_prefixes = 0;
	assert_ok(net_routed_setup(&spec, &err), &err);

	/* Off for new interfaces only: those of guests have it nevertheless. */
	change_setting("ipv6/conf/all/disable_ipv6", "0");
	change_setting("ipv6/conf/default/disable_ipv6", "1");
	spec = host_side("vroute1");
	spec.addresses = addresses + 1;
	spec.n_addresses = spec.n_prefixes = 1;
	make_veth(w->guest, "vroute1", "eth1", lan_mac, NULL);
	assert_ok(net_routed_setup(&spec, &err), &err);
	assert_true(has_address("vroute1", NET_ROUTED_GATEWAY6));
}

/* An MTU below that of IPv6 leaves IPv4. */
static void test_small_mtu(void **state)
{
	struct world *w = *state;
	struct net_routed_spec spec = host_side("vroute0");
	struct net_veth_spec veth = { .host_name = "vroute0", .guest_name = "eth0", .guest_netns_fd = w->guest, .mtu = 1000 };
	struct net_setup_spec guest = guest_side();
	struct err err = ERR_INIT;

	NEED_ROOT();
	memcpy(veth.mac, guest_mac, 6);
	assert_ok(net_veth_create(&veth, &err), &err);
	assert_int_equal(net_routed_setup(&spec, &err), -EAFNOSUPPORT);
	assert_err_has(&err, "1280");
	spec.n_addresses = guest.n_addresses = 1;
	spec.n_prefixes = guest.n_prefixes = 0;
	guest.gateways[1] = (struct net_address){ 0 };
	assert_ok(net_routed_setup(&spec, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_guest(&guest, &err), &err);
	assert_true(echo(&(struct echo){ .from = w->host, .to = w->guest, .address = "192.0.2.10" }));
}

static void test_bad_input(void **state)
{
	struct world *w = *state;
	struct net_routed_spec spec = host_side("vnone");
	struct err err = ERR_INIT;

	NEED_ROOT();
	assert_int_equal(net_routed_setup(&spec, &err), -ENODEV);
	assert_err_has(&err, "'vnone'");
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	spec.link = "vroute0";
	spec.addresses = addresses + 1;
	spec.n_addresses = 1;
	assert_int_equal(net_routed_setup(&spec, &err), -EINVAL);
	assert_err_has(&err, "give it one");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_packets),	  WORLD_TEST(test_first_packet_is_to_the_guest),
		WORLD_TEST(test_gateway_of_ipv6), WORLD_TEST(test_without_default_route),
		WORLD_TEST(test_wide_prefix),	  WORLD_TEST(test_again_and_removed),
		WORLD_TEST(test_conflicts),	  WORLD_TEST(test_network_with_its_own_address),
		WORLD_TEST(test_without_ipv6),	  WORLD_TEST(test_small_mtu),
		WORLD_TEST(test_bad_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
