/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "addresses_unit.h"

#include "base/str.h"
#include "runtime/interface.h"

/* How an interface that was set gets its addresses, from pools or as they were typed. */

static void set(struct guest_interface *iface, const char *key, const char *value)
{
	struct err err = ERR_INIT;

	assert_ok(param_set(iface, interface_param_find(key), value, &err), &err);
}

static void open_interface(struct guest_interface *iface)
{
	struct err err = ERR_INIT;

	assert_ok(interface_init(iface, "eth0", &err), &err);
}

static void test_an_interface_gets_addresses(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	_cleanup_(interface_free) struct guest_interface a = { 0 }, b = { 0 };
	struct err err = ERR_INIT;

	open_interface(&a);
	set(&a, "net", "nat");
	assert_ok(address_give_interface(node, UUID_A, &a, &err), &err);
	assert_string_equal(a.ip, "10.200.0.2/28");
	assert_ok(address_give_interface(node, UUID_A, &a, &err), &err);
	assert_int_equal(count_entries(node), 1);
	open_interface(&b);
	set(&b, "net", "nat");
	set(&b, "ip", "10.200.0.2");
	assert_int_equal(address_give_interface(node, UUID_B, &b, &err), -EADDRINUSE);
	set(&b, "ip", "10.200.0.3, 10.1.0.1");
	assert_int_equal(address_give_interface(node, UUID_B, &b, &err), -EADDRNOTAVAIL);
	assert_err_has(&err, "address '10.1.0.1' is not in the network '10.200.0.0/28' of pool 'default'");
	assert_int_equal(count_entries(node), 1);
	set(&b, "ip", "10.200.0.3");
	assert_ok(address_give_interface(node, UUID_B, &b, &err), &err);
	assert_int_equal(count_entries(node), 2);
	assert_ok(address_release_all_of(node, UUID_B, &err), &err);
	assert_int_equal(count_entries(node), 1);
}

static void test_an_interface_of_a_pool(void **state)
{
	struct net_pool_spec spec = { .name = "p1", .ranges = (const char *const[]){ "198.51.100.7-198.51.100.7", NULL } };
	struct place p;
	struct node *node = put_node(*state, &p);
	_cleanup_(interface_free) struct guest_interface a = { 0 }, b = { 0 };
	struct err err = ERR_INIT;

	node->uplink = "ctctl-no-such";
	assert_ok(net_pool_create(node, &spec, &err), &err);
	open_interface(&a);
	set(&a, "net-pool", "p1");
	set(&a, "route", "2001:db8:5::/64");
	assert_ok(address_give_interface(node, UUID_A, &a, &err), &err);
	assert_int_equal(a.net, NET_MODE_ROUTED);
	assert_string_equal(a.ip, "198.51.100.7");
	assert_owner(node, "2001:db8:5::_64", UUID_A "/eth0");
	/* The routes go, too, if there is no address. */
	open_interface(&b);
	set(&b, "net-pool", "p1");
	set(&b, "route", "2001:db8:6::/64");
	assert_int_equal(address_give_interface(node, UUID_B, &b, &err), -EADDRNOTAVAIL);
	assert_int_equal(count_entries(node), 2);
	set(&b, "net", "bridge");
	assert_int_equal(address_give_interface(node, UUID_B, &b, &err), -EINVAL);
	assert_err_has(&err, "net-pool 'p1': its guests are routed, and 'eth0' is bridge");
	assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	assert_int_equal(count_entries(node), 0);
}

static int work_add_one(const struct node *node)
{
	_cleanup_(interface_free) struct guest_interface a = { 0 };
	struct err err = ERR_INIT;

	open_interface(&a);
	set(&a, "net", "nat");
	set(&a, "ip", "10.200.0.2, 10.200.0.3");
	return address_give_interface(node, UUID_A, &a, &err);
}

/* Of a change that fails, only what it added goes. */
static void test_what_it_had_before_stays(void **state)
{
	static const char *const points[] = { "address.linked", "address.synced", "address.asked" };
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err;

	assert_ok(take_one(node, "10.200.0.2", false, UUID_A, "eth0", &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		assert_int_equal(with_fault("CTCTL_FAULT_FAIL", points[i], work_add_one, node), 77);
		assert_owner(node, "10.200.0.2", UUID_A "/eth0");
		assert_owner(node, "10.200.0.3", "");
	}
	assert_ok(work_add_one(node), &err);
	assert_owner(node, "10.200.0.3", UUID_A "/eth0");
}

/* A change that was killed: what guest.conf does not list is given back, but only then. */
static void test_changes_that_were_interrupted(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	_cleanup_(interface_free) struct guest_interface a = { 0 };
	struct err err;

	open_interface(&a);
	set(&a, "net", "nat");
	set(&a, "ip", "10.200.0.2/28");
	set(&a, "route", "2001:db8:5::/64");
	assert_ok(take_one(node, "10.200.0.2", false, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "2001:db8:5::/64", true, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "2001:db8:6::/64", true, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "10.200.0.3", false, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "10.200.0.4", false, UUID_A, "eth1", &err), &err);
	assert_ok(take_one(node, "10.200.0.5", false, UUID_B, "eth0", &err), &err);
	assert_int_equal(address_settle_change(node, UUID_A, &a, 1, &err), 0);
	assert_ok(address_begin_change(node, UUID_A, &err), &err);
	assert_ok(address_end_change(node, UUID_A, &err), &err);
	assert_int_equal(address_settle_change(node, UUID_A, &a, 1, &err), 0);
	assert_int_equal(count_entries(node), 6);
	assert_ok(address_begin_change(node, UUID_A, &err), &err);
	assert_int_equal(address_settle_change(node, UUID_B, &a, 1, &err), 0);
	assert_int_equal(address_settle_change(node, UUID_A, &a, 1, &err), 1);
	assert_int_equal(count_entries(node), 3);
	assert_owner(node, "10.200.0.2", UUID_A "/eth0");
	assert_owner(node, "2001:db8:5::_64", UUID_A "/eth0");
	assert_owner(node, "10.200.0.5", UUID_B "/eth0");
	assert_ok(take_one(node, "10.200.0.3", false, UUID_A, "eth0", &err), &err);
	assert_int_equal(address_settle_change(node, UUID_A, &a, 1, &err), 0);
}

/* A guest that took a bridge's address would take its neighbours' way out. */
static void test_gateways_are_in_use(void **state)
{
	struct place p;
	struct node *node = put_node(*state, &p);
	_cleanup_(interface_free) struct guest_interface a = { 0 };
	struct err err = ERR_INIT;

	node->uplink = "ctctl-no-such";
	put_dir(((const struct scratch *)*state)->fd, "netpools");
	put_file(((const struct scratch *)*state)->fd, "netpools/a.conf", "broken\n");
	open_interface(&a);
	set(&a, "net", "routed");
	set(&a, "ip", "10.200.0.1");
	assert_int_equal(address_give_interface(node, UUID_A, &a, &err), -EADDRINUSE);
	assert_err_has(&err, "address '10.200.0.1' is the gateway of pool 'default'");
	assert_int_equal(count_entries(node), 0);
	set(&a, "ip", "10.200.0.2");
	assert_ok(address_give_interface(node, UUID_A, &a, &err), &err);
}

/* The host would not answer its own question. */
static void test_the_hosts_own_addresses_are_in_use(void **state)
{
	struct address_wire wire = { .timeout_ms = 1 };
	struct net_address list[] = { address_of("192.0.2.77"), address_of("127.0.0.1") };
	struct err err = ERR_INIT;
	size_t which = 9;

	(void)state;
	assert_int_equal(address_probe(&wire, list, 1, &which, &err), 0);
	assert_int_equal(address_probe(&wire, list, 2, &which, &err), 1);
	assert_int_equal(which, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_an_interface_gets_addresses), SCRATCH_TEST(test_an_interface_of_a_pool),
		SCRATCH_TEST(test_what_it_had_before_stays),	SCRATCH_TEST(test_changes_that_were_interrupted),
		SCRATCH_TEST(test_gateways_are_in_use),		SCRATCH_TEST(test_the_hosts_own_addresses_are_in_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
