/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

/* The host with an uplink "up0" to a LAN, and a guest behind it with two routed addresses of each family that are the LAN's. */
static void make_lan(struct world *w)
{
	struct net_address addresses[] = { addr("192.0.2.10"), addr("2001:db8::10"), addr("192.0.2.11"), addr("2001:db8::11") };
	struct net_routed_spec host = { .link = "vroute0", .addresses = addresses, .n_addresses = 4 };
	struct net_setup_spec guest = {
		.name = "eth0",
		.addresses = addresses,
		.n_addresses = 4,
		.gateways = { addr(NET_ROUTED_GATEWAY4), addr(NET_ROUTED_GATEWAY6) },
		.is_routed = true,
		.has_default = true,
	};
	struct err err = ERR_INIT;

	memcpy(host.guest_mac, guest_mac, 6);
	enter(w->host);
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	set_up("up0", "192.0.2.1/24", "2001:db8::1/64");
	enter(w->lan);
	set_up("lan0", "192.0.2.2/24", "2001:db8::2/64");
	enter(w->host);
	make_veth(w->guest, "vroute0", "eth0", guest_mac, NULL);
	assert_ok(net_routed_setup(&host, &err), &err);
	assert_ok(net_forwarding_enable(AF_INET, &err), &err);
	assert_ok(net_forwarding_enable(AF_INET6, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_loopback(&err), &err);
	assert_ok(net_setup_guest(&guest, &err), &err);
	enter(w->host);
}

/* The LAN finds the guest by the host's answers, without delay, and only as long as there is an entry. */
static void test_proxy(void **state)
{
	struct world *w = *state;
	static const char *const first[] = { "192.0.2.10", "2001:db8::10" };
	static const char *const second[] = { "192.0.2.11", "2001:db8::11" };
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_lan(w);
	for (size_t i = 0; i < ARRAY_SIZE(first); i++) {
		struct net_address a = addr(first[i]), b = addr(second[i]);

		enter(w->host);
		assert_ok(net_proxy_add("up0", &a, &err), &err);
		assert_ok(net_proxy_add("up0", &a, &err), &err);
		assert_ok(net_proxy_add("up0", &b, &err), &err);
		assert_ok(net_proxy_remove("up0", &b, &err), &err);
		assert_ok(net_proxy_remove("up0", &b, &err), &err);
		if (!echo(&(struct echo){ .from = w->lan, .to = w->guest, .address = first[i] }))
			fail_msg("%s is not reached from the LAN", first[i]);
		if (echo(&(struct echo){ .from = w->lan, .to = w->guest, .address = second[i], .timeout_ms = 300 }))
			fail_msg("%s is reached without an entry", second[i]);
	}
	enter(w->host);
	assert_int_equal(setting("ipv4/neigh/up0/proxy_delay"), 0);
	assert_int_equal(setting("ipv6/neigh/up0/proxy_delay"), 0);
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->lan, .source = "192.0.2.10", .address = "192.0.2.2" }));
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->lan, .source = "2001:db8::10", .address = "2001:db8::2" }));
}

static void test_proxy_bad_input(void **state)
{
	struct net_address v4 = addr("192.0.2.10"), v6 = addr("2001:db8::10");
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	assert_int_equal(net_proxy_add("up0", &v4, &err), -ENODEV);
	assert_err_has(&err, "'up0'");
	assert_ok(net_proxy_remove("up0", &v4, &err), &err);
	change_setting("ipv6/conf/all/disable_ipv6", "1");
	assert_ok(net_proxy_add("lo", &v4, &err), &err);
	assert_int_equal(net_proxy_add("lo", &v6, &err), -EAFNOSUPPORT);
	assert_err_has(&err, "2001:db8::10");
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_int_equal(net_forwarding_enable(AF_INET6, &err), -EAFNOSUPPORT);
	assert_err_has(&err, "IPv6");
}

static void test_uplink(void **state)
{
	struct world *w = *state;
	struct net_address addresses[] = { addr("192.0.2.1/24"), addr("2001:db8::1/64") };
	struct net_setup_spec spec = {
		.name = "up0",
		.addresses = addresses,
		.n_addresses = 2,
		.gateways = { addr("192.0.2.254"), addr("2001:db8::ffff") },
	};
	struct err err = ERR_INIT;
	char name[IFNAMSIZ];

	NEED_ROOT();
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	assert_int_equal(net_uplink_find(AF_INET, name, &err), -ENODEV);
	assert_err_has(&err, "uplink = ");
	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_int_equal(net_uplink_find(AF_INET, name, &err), -ENODEV);
	assert_int_equal(net_uplink_find(AF_INET6, name, &err), -ENODEV);
	assert_err_has(&err, "IPv6");
	spec.has_default = true;
	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_ok(net_uplink_find(AF_INET, name, &err), &err);
	assert_string_equal(name, "up0");
	name[0] = '\0';
	assert_ok(net_uplink_find(AF_INET6, name, &err), &err);
	assert_string_equal(name, "up0");
}

static void test_forwarding4(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	/* A new namespace has it as the host's first one has (ip-sysctl.rst, devconf_inherit_init_net). */
	change_setting("ipv4/ip_forward", "0");
	assert_int_equal(net_forwarding_is_enabled(AF_INET), 0);
	assert_int_equal(net_forwarding_enable(AF_INET, &err), 1);
	assert_int_equal(net_forwarding_enable(AF_INET, &err), 0);
	assert_int_equal(setting("ipv4/ip_forward"), 1);
	assert_int_equal(net_forwarding_is_enabled(AF_INET), 1);
	assert_int_equal(net_forwarding_is_enabled(AF_INET6), 0);
}

/* A host that has its default route from router advertisements keeps on listening; one that does not listen is left so. */
static void test_forwarding6(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	make_veth(w->guest, "up1", "lan0", guest_mac, NULL);
	change_setting("ipv6/conf/up1/accept_ra", "0");
	assert_int_equal(setting("ipv6/conf/up0/accept_ra"), 1);
	assert_int_equal(net_forwarding_enable(AF_INET6, &err), 1);
	assert_int_equal(net_forwarding_is_enabled(AF_INET6), 1);
	assert_int_equal(setting("ipv6/conf/up0/accept_ra"), 2);
	assert_int_equal(setting("ipv6/conf/up1/accept_ra"), 0);
	assert_int_equal(net_forwarding_enable(AF_INET6, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_proxy),	      WORLD_TEST(test_proxy_bad_input), WORLD_TEST(test_uplink),
		WORLD_TEST(test_forwarding4), WORLD_TEST(test_forwarding6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
