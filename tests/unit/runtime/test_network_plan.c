/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "network_unit.h"

#include "base/str.h"

/* The plan of what was set; there is to be no error. */
static const struct net_plans *plan(struct planned *p)
{
	struct err err = ERR_INIT;

	network_plans_free(&p->plans);
	assert_ok(network_plan(&p->guest, &p->plans, &err), &err);
	return &p->plans;
}

static void test_names(void **state)
{
	static const uint8_t mac0[6] = { 0x02, 0x01, 0x23, 0x45, 0x67, 0x89 }, mac1[6] = { 0x12, 0x01, 0x23, 0x45, 0x67, 0x89 };
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "routed");
	set_on(guest, "wan", "net", "routed");

	const struct net_plans *plans = plan(&p);

	assert_int_equal(plans->n, 2);
	assert_string_equal(plans->list[0].guest_name, "eth0");
	assert_string_equal(plans->list[0].link, "ct0123456789ab0");
	assert_string_equal(plans->list[0].ifb, "cf0123456789ab0");
	assert_memory_equal(plans->list[0].mac, mac0, 6);
	assert_string_equal(plans->list[1].link, "ct0123456789ab1");
	assert_memory_equal(plans->list[1].mac, mac1, 6);
	assert_ptr_equal(network_find_plan(plans, "wan"), &plans->list[1]);
	assert_null(network_find_plan(plans, "eth1"));
	drop_guest(&p);
}

static void test_not_connected_is_in_no_plan(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "none");
	set_on(guest, "eth1", "ip", "192.0.2.1");
	assert_int_equal(plan(&p)->n, 0);
	drop_guest(&p);
}

/* Alone on its link: whatever prefix was given, and the host's end is the way out of each family that it has. */
static void test_routed(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "routed");
	set_on(guest, "eth0", "ip", "192.0.2.10/24");

	const struct net_plan *eth0 = &plan(&p)->list[0];

	assert_address(&eth0->addresses[0], "192.0.2.10/32");
	assert_address(&eth0->gateways[0], NET_ROUTED_GATEWAY4 "/32");
	assert_address(&eth0->gateways[1], "none");
	assert_false(eth0->filter.is_bridged);
	assert_true(network_setup_of(eth0).is_routed);

	set_on(guest, "eth0", "route", "2001:db8:5::/64");
	eth0 = &plan(&p)->list[0];
	assert_address(&eth0->prefixes[0], "2001:db8:5::/64");
	assert_address(&eth0->gateways[1], NET_ROUTED_GATEWAY6 "/128");
	drop_guest(&p);
}

/* In the default pool: its bridge, its gateways, and its network's prefix where none was given. */
static void test_nat(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "nat");
	set_on(guest, "eth0", "ip", "10.200.0.5, fd12:3456:789a::500/64");
	set_on(guest, "eth0", "publish", "8080:80");

	const struct net_plan *eth0 = &plan(&p)->list[0];

	assert_string_equal(eth0->bridge, "ctctl-no-such");
	assert_true(eth0->is_own_bridge && eth0->filter.is_bridged);
	assert_address(&eth0->addresses[0], "10.200.0.5/28");
	assert_address(&eth0->addresses[1], "fd12:3456:789a::500/64");
	assert_address(&eth0->gateways[0], "10.200.0.1/32");
	assert_address(&eth0->bridge_addresses[0], "10.200.0.1/28");
	assert_address(&eth0->bridge_addresses[1], "fd12:3456:789a::1/64");
	assert_int_equal(eth0->n_publish, 1);
	assert_false(network_setup_of(eth0).accepts_ra);
	drop_guest(&p);
}

static void test_bridge(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "bridge");
	set_on(guest, "eth0", "bridge", "br0");
	set_on(guest, "eth0", "vlan", "12");
	set_on(guest, "eth0", "ip", "192.0.2.10/24");

	const struct net_plan *eth0 = &plan(&p)->list[0];

	assert_string_equal(eth0->bridge, "br0");
	assert_int_equal(eth0->vlan, 12);
	assert_false(eth0->is_own_bridge);
	assert_address(&eth0->addresses[0], "192.0.2.10/24");
	assert_address(&eth0->gateways[0], "none");
	assert_true(network_setup_of(eth0).accepts_ra);

	/* The node's own is made by ctctl, and a way out unless another is given. */
	set_on(guest, "eth0", "bridge", "ctctl-no-such");
	eth0 = &plan(&p)->list[0];
	assert_true(eth0->is_own_bridge);
	assert_address(&eth0->gateways[0], "10.200.0.1/32");
	set_on(guest, "eth0", "gateway", "192.0.2.254, 2001:db8::1");
	eth0 = &plan(&p)->list[0];
	assert_address(&eth0->gateways[0], "192.0.2.254/32");
	assert_address(&eth0->gateways[1], "none");
	drop_guest(&p);
}

/* It has no end on the host: nothing of the filter's or shaper's is for it. */
static void test_macvlan(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "macvlan");
	set_on(guest, "eth0", "parent", "up0");
	set_on(guest, "eth0", "mac", "02:00:00:00:00:07");

	const struct net_plan *eth0 = &plan(&p)->list[0];

	assert_string_equal(eth0->link, "");
	assert_string_equal(eth0->parent, "up0");
	assert_int_equal(eth0->mac[5], 7);
	drop_guest(&p);
}

/* Two default routes of a family would be one too many. */
static void test_first_gateway_counts(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "routed");
	set_on(guest, "eth0", "ip", "192.0.2.10");
	set_on(guest, "eth1", "net", "nat");
	set_on(guest, "eth1", "ip", "10.200.0.5, fd12:3456:789a::500");

	const struct net_plans *plans = plan(&p);

	assert_address(&plans->list[0].gateways[0], NET_ROUTED_GATEWAY4 "/32");
	assert_address(&plans->list[1].gateways[0], "none");
	assert_address(&plans->list[1].gateways[1], "fd12:3456:789a::1/128");
	drop_guest(&p);
}

static void test_limits(void **state)
{
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "routed");
	set_on(guest, "eth0", "filter", "mac");
	set_on(guest, "eth0", "rate-in", "100M");
	set_on(guest, "eth0", "rate-out", "50M");
	set_on(guest, "eth0", "packets", "1000");
	set_on(guest, "eth0", "connections", "20");
	set_on(guest, "eth0", "quota", "1G");
	set_on(guest, "eth0", "rules", "allow tcp/22");

	const struct net_plan *eth0 = &plan(&p)->list[0];

	assert_int_equal(eth0->filter.level, NET_FILTER_MAC);
	assert_int_equal(eth0->shape.to_guest_bits, 100000000);
	assert_int_equal(eth0->shape.from_guest_bits, 50000000);
	assert_string_equal(eth0->shape.ifb, eth0->ifb);
	assert_int_equal(eth0->filter.packets_per_s, 1000);
	assert_int_equal(eth0->filter.connections_per_s, 20);
	assert_int_equal(eth0->filter.quota_bytes, 1 << 30);
	assert_int_equal(eth0->filter.quota_action, NET_QUOTA_THROTTLE);
	assert_int_equal(eth0->filter.n_rules, 1);
	assert_ptr_equal(eth0->filter.rules, eth0->rules);

	/* What is to be stopped is blocked until it is. */
	set_on(guest, "eth0", "quota-action", "stop");
	assert_int_equal(plan(&p)->list[0].filter.quota_action, NET_QUOTA_BLOCK);
	drop_guest(&p);
}

static void test_missing_pool(void **state)
{
	struct err err = ERR_INIT;
	struct planned p;
	struct guest *guest = put_guest(*state, &p);

	set_on(guest, "eth0", "net", "nat");
	set_on(guest, "eth0", "net-pool", "elsewhere");
	assert_true(network_plan(guest, &p.plans, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	/* Which guest's it is says whoever asked. */
	assert_true(str_has_prefix(err.msg, "interface 'eth0': "));
	assert_err_has(&err, "'elsewhere'");
	assert_int_equal(p.plans.n, 0);
	drop_guest(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_names),	 SCRATCH_TEST(test_not_connected_is_in_no_plan),
		SCRATCH_TEST(test_routed),	 SCRATCH_TEST(test_nat),
		SCRATCH_TEST(test_bridge),	 SCRATCH_TEST(test_macvlan),
		SCRATCH_TEST(test_limits),	 SCRATCH_TEST(test_first_gateway_counts),
		SCRATCH_TEST(test_missing_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
