/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

/* A bridge of the host with these addresses, and the guest's "eth0" at it. */
static void make_nat(struct world *w)
{
	struct net_address addresses[] = { addr("10.99.3.1/24"), addr("fd99::1/64") };
	struct net_port_spec port = { .link = "vmech0", .bridge = "brmech" };
	struct err err = ERR_INIT;

	memcpy(port.mac, guest_mac, 6);
	enter(w->host);
	assert_ok(net_bridge_ensure("brmech", addresses, 2, &err), &err);
	make_veth(w->guest, "vmech0", "eth0", guest_mac, "brmech");
	assert_ok(net_port_setup(&port, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_loopback(&err), &err);
	assert_true(is_up("lo"));
}

static const char *const own[] = { "10.99.3.5/24", "fd99::5/64", "10.99.3.6/24", "fd99::6/64", "10.99.3.7/24" };

/* The addresses of `own` from `first`, the bridge as gateway. */
static struct net_setup_spec spec_of(struct net_address addresses[5], size_t first, size_t n)
{
	for (size_t i = 0; i < n; i++)
		addresses[i] = addr(own[first + i]);
	return (struct net_setup_spec){
		.name = "eth0",
		.addresses = addresses,
		.n_addresses = n,
		.gateways = { addr("10.99.3.1"), addr("fd99::1") },
		.has_default = true,
	};
}

static void test_both_families(void **state)
{
	struct world *w = *state;
	struct net_address addresses[5];
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_nat(w);

	struct net_setup_spec spec = spec_of(addresses, 0, 2);

	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_true(is_up("eth0"));
	/* The kernel opens a bridge's port up to a second after its link is up (net/core/link_watch.c): more than one try. */
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->host, .address = "10.99.3.1", .tries = 10 }));
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->host, .address = "fd99::1", .tries = 10 }));
	assert_true(echo(&(struct echo){ .from = w->host, .to = w->guest, .address = "10.99.3.5", .tries = 10 }));
	assert_true(echo(&(struct echo){ .from = w->host, .to = w->guest, .address = "fd99::5", .tries = 10 }));
	enter(w->guest);
	assert_true(has_route("192.0.2.1"));
	assert_true(has_route("2001:db8::1"));

	/* Once more: nothing changes, and nothing is there twice. */
	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_int_equal(count_addresses("eth0", AF_INET), 1);
	assert_int_equal(count_addresses("eth0", AF_INET6), 2);
}

/* What it would hear of routers, and how it would make its addresses, is settled before it comes up. */
static void test_listens_to_nobody(void **state)
{
	struct world *w = *state;
	struct net_address addresses[5];
	struct err err = ERR_INIT;

	NEED_ROOT();
	enter(w->guest);
	change_setting("ipv6/conf/default/addr_gen_mode", "3"); /* random */
	make_nat(w);
	assert_int_equal(setting("ipv6/conf/eth0/accept_ra"), 1);

	struct net_setup_spec spec = spec_of(addresses, 0, 2);

	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_int_equal(setting("ipv6/conf/eth0/accept_ra"), 0);
	assert_int_equal(setting("ipv6/conf/eth0/accept_dad"), 0);
	assert_int_equal(setting("ipv6/conf/eth0/addr_gen_mode"), 0);
	assert_true(has_address("eth0", GUEST_LINK_LOCAL));
	assert_int_equal(count_addresses("eth0", AF_INET6), 2);
}

static void test_on_a_foreign_lan(void **state)
{
	struct world *w = *state;
	struct net_address addresses[5];
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_nat(w);

	struct net_setup_spec spec = spec_of(addresses, 0, 0);

	spec.gateways[0] = spec.gateways[1] = (struct net_address){ 0 };
	spec.accepts_ra = true;
	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_int_equal(setting("ipv6/conf/eth0/accept_ra"), 1);
	assert_int_equal(setting("ipv6/conf/eth0/accept_dad"), 1);
	assert_true(has_address("eth0", GUEST_LINK_LOCAL));
}

/* Hosting providers route single addresses: the gateway is not in the network of a /32. */
static void test_gateway_outside(void **state)
{
	struct world *w = *state;
	struct net_address address = addr("192.0.2.7/32");
	struct net_setup_spec spec = { .name = "eth0", .addresses = &address, .n_addresses = 1, .has_default = true };
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_nat(w);
	spec.gateways[0] = addr("10.99.3.1");
	assert_ok(net_setup_guest(&spec, &err), &err);
	assert_true(has_route("198.51.100.1"));
}

static void test_bad_input(void **state)
{
	struct world *w = *state;
	struct net_address address = addr("10.99.3.5/24");
	struct net_setup_spec spec = { .name = "eth7", .addresses = &address, .n_addresses = 1, .has_default = true };
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_nat(w);
	assert_int_equal(net_setup_guest(&spec, &err), -ENODEV);
	assert_err_has(&err, "'eth7'");
	spec.name = "eth0";
	spec.gateways[1] = addr("fd99::1");
	assert_int_equal(net_setup_guest(&spec, &err), -EINVAL);
	assert_err_has(&err, "fd99::1");
	assert_false(is_up("eth0"));
	change_setting("ipv6/conf/all/disable_ipv6", "1");
	spec.gateways[1] = (struct net_address){ 0 };
	assert_ok(net_setup_guest(&spec, &err), &err);
	address = addr("fd99::5/64");
	assert_int_equal(net_setup_guest(&spec, &err), -EAFNOSUPPORT);
	assert_err_has(&err, "fd99::5");
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
}

/* A connection of an address that stays goes on, although the first of its network, and so the kernel's primary one, goes. */
static void test_change(void **state)
{
	struct world *w = *state;
	struct net_address before[5], after[5];
	struct err err = ERR_INIT;
	struct sockaddr_in host = { .sin_family = AF_INET, .sin_port = htons(4001) }, mine = { .sin_family = AF_INET };
	char byte = 'x';

	NEED_ROOT();
	make_nat(w);

	struct net_setup_spec old = spec_of(before, 0, 4);
	struct net_setup_spec spec = spec_of(after, 2, 3);

	assert_ok(net_setup_change(NULL, &old, &err), &err);
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->host, .address = "10.99.3.1", .tries = 10 }));
	enter(w->host);
	_cleanup_fd_ int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "10.99.3.1", &host.sin_addr);
	inet_pton(AF_INET, "10.99.3.6", &mine.sin_addr);
	assert_int_equal(bind(listener, (struct sockaddr *)&host, sizeof(host)), 0);
	assert_int_equal(listen(listener, 1), 0);
	enter(w->guest);
	_cleanup_fd_ int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(client, (struct sockaddr *)&mine, sizeof(mine)), 0);
	assert_int_equal(connect(client, (struct sockaddr *)&host, sizeof(host)), 0);
	_cleanup_fd_ int server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	assert_true(server >= 0);
	assert_ok(net_setup_change(&old, &spec, &err), &err);
	assert_false(has_address("eth0", "10.99.3.5"));
	assert_false(has_address("eth0", "fd99::5"));
	assert_true(has_address("eth0", "10.99.3.6"));
	assert_true(has_address("eth0", "fd99::6"));
	assert_true(has_address("eth0", "10.99.3.7"));
	assert_true(has_route("198.51.100.1"));
	assert_true(has_route("2001:db8::1"));
	assert_int_equal(send(client, &byte, 1, 0), 1);
	assert_int_equal(recv(server, &byte, 1, 0), 1);
	assert_int_equal(send(server, &byte, 1, 0), 1);
	assert_int_equal(recv(client, &byte, 1, 0), 1);

	/* Without its gateways, it has no default route. */
	old = spec;
	spec.has_default = false;
	assert_ok(net_setup_change(&old, &spec, &err), &err);
	assert_false(has_route("198.51.100.1"));
	assert_false(has_route("2001:db8::1"));
	assert_true(has_route("10.99.3.1"));
}

/* The same address with another prefix is a change, too. */
static void test_change_of_prefix(void **state)
{
	struct world *w = *state;
	struct net_address before[] = { addr("10.99.3.5/24"), addr("fd99::5/64") };
	struct net_address after[] = { addr("10.99.3.5/32"), addr("fd99::5/128") };
	struct net_setup_spec old = { .name = "eth0", .addresses = before, .n_addresses = 2 };
	struct net_setup_spec spec = { .name = "eth0", .addresses = after, .n_addresses = 2 };
	struct err err = ERR_INIT;

	NEED_ROOT();
	make_nat(w);
	assert_ok(net_setup_guest(&old, &err), &err);
	assert_true(has_route("10.99.3.9"));
	assert_true(has_route("fd99::9"));
	assert_ok(net_setup_change(&old, &spec, &err), &err);
	assert_true(has_address("eth0", "10.99.3.5"));
	assert_true(has_address("eth0", "fd99::5"));
	assert_false(has_route("10.99.3.9"));
	assert_false(has_route("fd99::9"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_both_families),	   WORLD_TEST(test_listens_to_nobody), WORLD_TEST(test_on_a_foreign_lan),
		WORLD_TEST(test_gateway_outside),  WORLD_TEST(test_bad_input),	       WORLD_TEST(test_change),
		WORLD_TEST(test_change_of_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
