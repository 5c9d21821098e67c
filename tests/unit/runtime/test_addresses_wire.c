/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "addresses_unit.h"
#include "netns/world.h"

#include "runtime/interface.h"

/* Neighbours that ctctl knows nothing of have addresses, too: those of a LAN behind a bridge, in namespaces of the test's own. */

#define BRIDGE "br7"

/* The host is 192.0.2.1 on the bridge, a neighbour behind it 192.0.2.9. */
static void put_lan(struct world *w)
{
	struct net_address own[] = { addr("192.0.2.1/24"), addr("2001:db8:7::1/64") };
	struct err err = ERR_INIT;

	assert_ok(net_bridge_ensure(BRIDGE, own, 2, &err), &err);
	make_veth(w->lan, "v0", "lan0", lan_mac, BRIDGE);
	enter(w->lan);
	set_up("lan0", "192.0.2.9/24", "2001:db8:7::9/64");
	enter(w->host);
}

static int give(const struct node *node, const char *uuid, const char *ip, struct err *err)
{
	_cleanup_(interface_free) struct guest_interface a = { 0 };

	*err = ERR_INIT;

	int r = interface_init(&a, "eth0", err);

	a.net = NET_MODE_BRIDGE;
	if (r == 0)
		r = param_set(&a, interface_param_find("bridge"), BRIDGE, err);
	if (r == 0)
		r = param_set(&a, interface_param_find("ip"), ip, err);
	return r < 0 ? r : address_give_interface(node, uuid, &a, err);
}

static void check_typed(const struct node *node)
{
	static const char *const used[] = { "192.0.2.9/24", "2001:db8:7::9/64", "192.0.2.8/24, 2001:db8:7::9", "192.0.2.1/24" };
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(used); i++) {
		assert_int_equal(give(node, UUID_A, used[i], &err), -EADDRINUSE);
		assert_int_equal(err.exit, EXIT_ADDRESS_IN_USE);
		assert_err_has(&err, "is in use by this host, or by another machine on the network");
		assert_int_equal(count_entries(node), 0);
	}
	assert_ok(give(node, UUID_A, "192.0.2.8/24, 2001:db8:7::8/64", &err), &err);
	assert_int_equal(count_entries(node), 2);
}

/* 192.0.2.8 is a guest's, 192.0.2.9 the neighbour's. */
static void check_leased(const struct node *node)
{
	struct net_pool_spec spec = { .name = "lan",
				      .ranges = (const char *const[]){ "192.0.2.8-192.0.2.10", NULL },
				      .bridge = BRIDGE,
				      .gateway = "192.0.2.1/24" };
	_cleanup_(interface_free) struct guest_interface a = { 0 };
	struct err err = ERR_INIT;

	assert_ok(net_pool_create(node, &spec, &err), &err);
	assert_ok(interface_init(&a, "eth0", &err), &err);
	assert_ok(param_set(&a, interface_param_find("net-pool"), "lan", &err), &err);
	assert_ok(address_give_interface(node, UUID_B, &a, &err), &err);
	assert_string_equal(a.ip, "192.0.2.10/24");
	assert_owner(node, "192.0.2.9", "");
}

static void test_what_neighbours_have(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct world *w;

	NEED_ROOT();
	assert_int_equal(world_setup((void **)&w), 0);
	put_lan(w);
	check_typed(node);
	check_leased(node);
	world_teardown((void **)&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_what_neighbours_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
