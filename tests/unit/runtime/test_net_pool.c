/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "addresses_unit.h"

#include "base/str.h"

/* What pools can be, and how they are made and removed. Leases are test_net_pool_lease.c's. */

static int create(const struct node *node, const char *name, const char *const ranges[], const char *net, const char *gateway,
		  const char *bridge, struct err *err)
{
	struct net_pool_spec spec = { .name = name, .net = net, .ranges = ranges, .gateway = gateway, .bridge = bridge };

	*err = ERR_INIT;
	return net_pool_create(node, &spec, err);
}

#define RANGES(...) ((const char *const[]){ __VA_ARGS__, NULL })

static const struct good {
	const char *ranges[3];
	const char *net, *gateway, *bridge;
	const char *text; /* of the file, without its comment */
} goods[] = {
	{ .ranges = { "10.1.0.0/24", "fd00:1::/64" },
	  .bridge = "br9",
	  .net = "nat",
	  .text = "net = nat\nrange = 10.1.0.1-10.1.0.254\nrange = fd00:1::100-fd00:1::ffff:ffff:ffff:ff7f\n"
		  "network = 10.1.0.0/24\ngateway = 10.1.0.1\nnetwork = fd00:1::/64\ngateway = fd00:1::1\nbridge = br9\n" },
	{ .ranges = { "198.51.100.10 - 198.51.100.19" }, .text = "net = routed\nrange = 198.51.100.10-198.51.100.19\n" },
	{ .ranges = { "10.1.0.0/31" }, .net = "routed", .text = "net = routed\nrange = 10.1.0.0-10.1.0.1\n" },
	{ .ranges = { "10.1.0.7/32" }, .net = "routed", .text = "net = routed\nrange = 10.1.0.7-10.1.0.7\n" },
	{ .ranges = { "198.51.100.10-198.51.100.19" },
	  .bridge = "ctctl-no-such", /* the node's own */
	  .gateway = "198.51.100.1",
	  .text = "net = bridge\nrange = 198.51.100.10-198.51.100.19\nnetwork = 198.51.100.0/27\ngateway = 198.51.100.1\nbridge "
		  "= ctctl-no-such\n" },
	{ .ranges = { "198.51.100.10-198.51.100.19", "2001:db8::10-2001:db8::1f" },
	  .bridge = "ctctl-no-such",
	  .gateway = "198.51.100.1/24, fe80::1",
	  .text = "net = bridge\nrange = 198.51.100.10-198.51.100.19\nrange = 2001:db8::10-2001:db8::1f\nnetwork = "
		  "198.51.100.0/24\n"
		  "gateway = 198.51.100.1\nnetwork = 2001:db8::/64\ngateway = fe80::1\nbridge = ctctl-no-such\n" },
};

static void test_what_is_made(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct net_pool pool;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(goods); i++) {
		const struct good *g = &goods[i];
		_cleanup_free_ char *text = NULL;

		assert_ok(create(node, "p1", g->ranges, g->net, g->gateway, g->bridge, &err), &err);
		assert_true(fd_read_file_at(s->fd, "netpools/p1.conf", 4096, &text) > 0);
		assert_true(*text == '#');
		assert_string_equal(strchr(text, '\n') + 1, g->text);
		assert_ok(net_pool_open(node, "p1", &pool, &err), &err);
		assert_ok(net_pool_remove(node, "p1", &err), &err);
		assert_int_equal(net_pool_open(node, "p1", &pool, &err), -ENOENT);
		assert_int_equal(err.exit, EXIT_NO_POOL);
	}
}

/* nat, by private addresses, on a bridge of its own. */
static void test_nat_needs_nothing_but_a_range(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_pool one, two;
	struct err err = ERR_INIT;

	assert_ok(create(node, "p1", RANGES("10.1.0.0/24"), NULL, NULL, NULL, &err), &err);
	assert_ok(create(node, "p2", RANGES("172.16.1.100-172.16.1.199"), NULL, NULL, NULL, &err), &err);
	assert_ok(net_pool_open(node, "p1", &one, &err), &err);
	assert_ok(net_pool_open(node, "p2", &two, &err), &err);
	assert_int_equal(one.net, NET_MODE_NAT);
	assert_int_equal(two.net, NET_MODE_NAT);
	assert_true(*one.bridge && *two.bridge && strcmp(one.bridge, two.bridge) != 0);
}

static const struct bad {
	const char *ranges[3];
	const char *net, *gateway, *bridge;
	const char *why;
} bads[] = {
	{ .ranges = { NULL }, .why = "no range: expected at least one" },
	{ .ranges = { "" }, .why = "range '': expected FIRST-LAST or a network" },
	{ .ranges = { "10.1.0.300/24" }, .why = "range '10.1.0.300/24': expected FIRST-LAST or a network" },
	{ .ranges = { "10.1.0.1" }, .why = "expected FIRST-LAST" },
	{ .ranges = { "10.1.0.1-" }, .why = "expected FIRST-LAST" },
	{ .ranges = { "10.1.0.1-10.1.0.9-10.1.0.12" }, .why = "expected FIRST-LAST" },
	{ .ranges = { "10.1.0.9-10.1.0.1" }, .why = "expected the lower address first" },
	{ .ranges = { "10.1.0.1-fd00::1" }, .why = "expected two addresses of one family" },
	{ .ranges = { "10.1.0.5/24" }, .why = "expected the first address of the network" },
	{ .ranges = { "11.0.0.0/7" }, .why = "first address of the network" },
	{ .ranges = { "8.0.0.0/7" }, .why = "expected a prefix of at least 8" },
	{ .ranges = { "8.0.0.0-10.0.0.0" }, .why = "expected at most 16777216 IPv4 addresses" },
	{ .ranges = { "fd00::/113" }, .why = "expected an IPv6 prefix of at most 112" },
	{ .ranges = { "127.0.0.0/24" }, .why = "expected addresses that a host can have" },
	{ .ranges = { "224.0.0.0/24" }, .why = "expected addresses that a host can have" },
	{ .ranges = { "fe80::/64" }, .why = "expected addresses that a host can have" },
	{ .ranges = { "10.1.0.0/24", "10.1.0.254-10.1.1.9" }, .why = "range '10.1.0.254-10.1.1.9' overlaps another one of it" },
	{ .ranges = { "10.1.0.0/24" }, .net = "macvlan", .why = "net 'macvlan': expected routed, bridge or nat" },
	{ .ranges = { "10.1.0.0/24" }, .net = "bridge", .why = "no bridge: expected --bridge" },
	{ .ranges = { "10.1.0.0/24" }, .bridge = "br0", .why = "no IPv4 gateway: expected --gateway" },
	{ .ranges = { "10.1.0.0/24" },
	  .bridge = "a-bridge-of-too-long-a-name",
	  .gateway = "10.1.0.1",
	  .why = "bridge 'a-bridge-of-too-long-a-name': expected 1 to 15 printable characters" },
	{ .ranges = { "10.1.0.0/24" },
	  .bridge = "br0",
	  .gateway = "10.2.0.1/24",
	  .why = "expected one in its network '10.2.0.0/24'" },
	{ .ranges = { "10.1.0.0/24" }, .gateway = "10.1.0.1, 10.1.0.2", .why = "at most one of each family" },
	{ .ranges = { "10.1.0.0/24" }, .gateway = "10.1.0.0/24", .why = "expected the address of a host in its network" },
	{ .ranges = { "10.1.0.0/24" }, .gateway = "fd00::1", .why = "gateway 'fd00::1': expected a range of that family" },
	{ .ranges = { "10.1.0.0/24" }, .gateway = "me", .why = "gateway 'me': expected an address" },
	{ .ranges = { "10.1.0.1-10.1.0.1" }, .why = "no IPv4 gateway" },
	{ .ranges = { "10.1.0.1-10.1.0.1" }, .gateway = "10.1.0.1/24", .why = "nothing but the gateway" },
	{ .ranges = { "198.51.100.0/24" }, .gateway = "198.51.100.1", .why = "a routed pool has no gateway" },
	{ .ranges = { "198.51.100.0/24" }, .net = "routed", .bridge = "br0", .why = "a routed pool has no bridge" },
};

static void test_what_is_refused(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct err err;

	for (size_t i = 0; i < ARRAY_SIZE(bads); i++) {
		const struct bad *b = &bads[i];

		assert_true(create(node, "p1", b->ranges, b->net, b->gateway, b->bridge, &err) < 0);
		assert_err_has(&err, b->why);
		assert_int_equal(err.exit, EXIT_INVALID);
		assert_false(path_exists_at(s->fd, "netpools/p1.conf"));
	}
	assert_true(create(node, "Bad Name", RANGES("10.1.0.0/24"), NULL, NULL, NULL, &err) < 0);
}

static void test_too_many_ranges(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	const char *ranges[NET_POOL_RANGES_MAX + 2] = { NULL };
	char texts[NET_POOL_RANGES_MAX + 1][40];
	struct err err;

	for (size_t i = 0; i <= NET_POOL_RANGES_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "10.1.%zu.1-10.1.%zu.9", i, i);
		ranges[i] = texts[i];
	}
	assert_int_equal(create(node, "p1", ranges, NULL, NULL, NULL, &err), -E2BIG);
	assert_err_has(&err, "range '10.1.16.1-10.1.16.9': expected at most 16");
	ranges[NET_POOL_RANGES_MAX] = NULL;
	assert_ok(create(node, "p1", ranges, NULL, NULL, NULL, &err), &err);
}

static void test_pools_do_not_overlap(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err;

	assert_int_equal(create(node, "p1", RANGES("10.200.0.14-10.200.0.20"), "routed", NULL, NULL, &err), -EADDRINUSE);
	assert_int_equal(err.exit, EXIT_ADDRESS_IN_USE);
	assert_err_has(&err, "pool 'p1': '10.200.0.14' is in the pool 'default', too");
	assert_ok(create(node, "p1", RANGES("10.1.0.0/24", "fd00:1::/64"), NULL, NULL, NULL, &err), &err);
	assert_int_equal(create(node, "p2", RANGES("10.1.0.200-10.1.1.9"), NULL, NULL, NULL, &err), -EADDRINUSE);
	assert_err_has(&err, "pool 'p2': '10.1.0.200' is in the pool 'p1', too");
	assert_int_equal(create(node, "p2", RANGES("fd00:1::1:0-fd00:1::1:9"), "routed", NULL, NULL, &err), -EADDRINUSE);
	/* Not the range, but the network of another bridge. */
	assert_int_equal(create(node, "p2", RANGES("10.1.1.0/24"), NULL, "10.1.1.1/16", NULL, &err), -EADDRINUSE);
	assert_err_has(&err, "'10.1.0.0/24' is the network of pool 'p1'");
	assert_int_equal(create(node, "p1", RANGES("10.2.0.0/24"), NULL, NULL, NULL, &err), -EEXIST);
	assert_int_equal(err.exit, EXIT_EXISTS);
	assert_int_equal(create(node, "default", RANGES("10.2.0.0/24"), NULL, NULL, NULL, &err), -EEXIST);
	assert_ok(create(node, "p2", RANGES("10.1.1.0/24"), NULL, NULL, NULL, &err), &err);
}

static void test_bridges(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err;

	assert_int_equal(create(node, "p1", RANGES("10.1.0.0/24"), NULL, "10.1.0.1", "ctctl-none", &err), -ENODEV);
	assert_err_has(&err, "pool 'p1': ");
	assert_err_has(&err, "'ctctl-none'");
	/* ctctl makes nat's own, but not of something else. */
	assert_ok(create(node, "p1", RANGES("10.1.0.0/24"), "nat", NULL, "ctctl-none", &err), &err);
	assert_int_equal(create(node, "p2", RANGES("10.2.0.0/24"), "nat", NULL, "lo", &err), -EINVAL);
	assert_err_has(&err, "'lo'");
	/* Of two nat pools, each has a bridge of its own. */
	assert_int_equal(create(node, "p2", RANGES("10.2.0.0/24"), "nat", NULL, "ctctl-none", &err), -EBUSY);
	assert_err_has(&err, "pool 'p2': the bridge 'ctctl-none' is that of pool 'p1'");
	assert_int_equal(create(node, "p2", RANGES("10.2.0.0/24"), "nat", NULL, node->bridge, &err), -EBUSY);
	assert_err_has(&err, "is that of pool 'default'");
}

static void test_one_of_those_at_once(void **state)
{
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct err err = ERR_INIT;
	pid_t pids[8];
	int n = 0;

	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "p%d", i);
		pids[i] = fork_child();
		if (pids[i] == 0)
			_exit(create(node, name, RANGES("10.1.0.0/24"), NULL, NULL, NULL, &err) < 0);
	}
	for (int i = 0; i < 8; i++)
		n += wait_status(pids[i]) == 0;
	assert_int_equal(n, 1);
}

static const struct {
	const char *text, *why;
} hand_made[] = {
	{ "net = nat\nrange = 10.1.0.9-10.1.0.1\n",
	  "p1.conf line 2: range '10.1.0.9-10.1.0.1': expected the lower address first" },
	{ "\n\nnet = fast\n", "p1.conf line 3: net 'fast': expected routed, bridge or nat" },
	{ "net = nat\nnetwork = 10.1.0.1/24\n", "p1.conf line 2: network '10.1.0.1/24': expected its first address" },
	{ "net = nat\nnetwork = 10.1.0.0\n", "p1.conf line 2: network '10.1.0.0': expected" },
	{ "gateway = 10.1.0.1/24\n", "p1.conf line 1: gateway '10.1.0.1/24': expected" },
	{ "gateway = 10.1.0.1\ngateway = 10.1.0.2\n", "p1.conf line 2: gateway '10.1.0.2': expected at most one of each family" },
	{ "bridge = a/b\n", "p1.conf line 1: bridge 'a/b': expected 1 to 15" },
	{ "just words\n", "p1.conf line 1: expected 'key = value'" },
	{ "net = nat\n", "pool 'p1': no range" },
	{ "range = 10.1.0.0/24\n", "pool 'p1': no net" },
	{ "net = nat\nrange = 10.1.0.0/24\nbridge = b\n", "expected a line 'network = NETWORK/PREFIX'" },
	{ "net = nat\nrange = 10.1.0.0/24\nnetwork = 10.1.0.0/24\nbridge = b\n", "no IPv4 gateway" },
	{ "net = nat\nrange = 10.1.0.0/24\nnetwork = 10.1.0.0/24\ngateway = 10.1.0.1\n", "no bridge" },
};

static void test_files_of_a_hand(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct net_pool pool;

	put_dir(s->fd, "netpools");
	for (size_t i = 0; i < ARRAY_SIZE(hand_made); i++) {
		struct err err = ERR_INIT;

		put_file(s->fd, "netpools/p1.conf", hand_made[i].text);
		assert_true(net_pool_open(node, "p1", &pool, &err) < 0);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, hand_made[i].why);
	}

	struct err err = ERR_INIT;

	put_file(s->fd, "netpools/p1.conf",
		 "# ours\n  net=bridge ; a LAN\nnetwork = 10.1.0.0/16\nbridge = br0\nrange = 10.1.7.1 - 10.1.7.9\nfuture = yes\n"
		 "[later]\nnet = x\n");
	assert_ok(net_pool_open(node, "p1", &pool, &err), &err);
	assert_int_equal(pool.net, NET_MODE_BRIDGE);
	assert_int_equal(pool.networks[0].prefix, 16);
	assert_int_equal(pool.n_ranges, 1);
	assert_string_equal(pool.bridge, "br0");
}

static int add_name(void *context, const struct net_pool *pool)
{
	strcat(context, pool->name);
	strcat(context, " ");
	return 0;
}

static void test_each(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	char names[64] = "";
	struct err err = ERR_INIT;

	assert_ok(create(node, "zoo", RANGES("10.1.0.0/24"), NULL, NULL, NULL, &err), &err);
	assert_ok(create(node, "a", RANGES("10.2.0.0/24"), NULL, NULL, NULL, &err), &err);
	put_file(s->fd, "netpools/.b.conf.new", "");
	put_file(s->fd, "netpools/b.conf~", "");
	put_file(s->fd, "netpools/.conf", "");
	assert_ok(net_pool_each(node, add_name, names, &err), &err);
	assert_string_equal(names, "a default zoo ");
}

static void test_remove(void **state)
{
	const struct scratch *s = *state;
	struct place p;
	const struct node *node = put_node(s, &p);
	struct err err = ERR_INIT;

	assert_ok(create(node, "p1", RANGES("10.1.0.0/24", "fd00:1::/64"), NULL, NULL, NULL, &err), &err);
	assert_ok(take_one(node, "fd00:1::1234", false, UUID_A, "eth0", &err), &err);
	assert_int_equal(net_pool_remove(node, "p1", &err), -EBUSY);
	assert_err_has(&err, "pool 'p1': 1 of its addresses are taken");
	assert_ok(address_release_all_of(node, UUID_A, &err), &err);
	/* Who has an address beside its ranges could not be started without it. */
	put_dir(s->fd, "guests/web1");
	put_file(s->fd, "guests/web1/guest.conf",
		 "uuid = " UUID_A "\nids = 1073741824\ntemplate = micro@1\n[eth1]\nnet = nat\nnet-pool = p1\nip = 10.1.0.9\n");
	assert_int_equal(net_pool_remove(node, "p1", &err), -EBUSY);
	assert_err_has(&err, "pool 'p1': guest 'web1' has it as its net-pool");
	put_file(s->fd, "guests/web1/guest.conf", "uuid = " UUID_A "\nids = 1073741824\ntemplate = micro@1\n");
	assert_ok(net_pool_remove(node, "p1", &err), &err);
	err = ERR_INIT;
	assert_int_equal(net_pool_remove(node, "p1", &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	assert_int_equal(net_pool_remove(node, "default", &err), -EINVAL);
	assert_err_has(&err, "pool 'default' cannot be removed");
	assert_true(net_pool_remove(node, "../x", &err) < 0);
}

static void test_default(void **state)
{
	struct place p;
	struct node *node = put_node(*state, &p);
	struct net_pool_usage usage;
	struct net_pool pool;
	struct err err = ERR_INIT;

	node->bridge_address6 = "fd12:3456:789a::1/64";
	assert_ok(net_pool_open(node, "default", &pool, &err), &err);
	assert_int_equal(pool.net, NET_MODE_NAT);
	assert_true(net_pool_has_family(&pool, AF_INET6));
	assert_ok(net_pool_get_usage(node, &pool, &usage, &err), &err);
	assert_int_equal(usage.total4, 13); /* of 16, without both ends and the bridge */
	assert_ok(take_one(node, "10.200.0.9", false, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "10.200.0.16", false, UUID_A, "eth0", &err), &err);
	assert_ok(take_one(node, "10.200.0.10/31", true, UUID_A, "eth0", &err), &err);
	assert_ok(net_pool_get_usage(node, &pool, &usage, &err), &err);
	assert_int_equal(usage.taken4, 1);
	assert_int_equal(usage.taken6, 0);
	node->bridge_address = "10.200.0.1/4";
	assert_true(net_pool_open(node, "default", &pool, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_CONFIG);
	assert_err_has(&err, "ctctl.conf: bridge-address '10.200.0.1/4'");
}

static void test_typed_addresses(void **state)
{
	static const struct {
		const char *address, *why;
	} typed[] = {
		{ "10.1.0.2", NULL },
		{ "10.1.0.200/24", NULL },
		{ "10.1.0.99/8", NULL },
		{ "10.1.0.1", "address '10.1.0.1' is the gateway or an end of the network of pool 'p1'" },
		{ "10.1.0.0", "is the gateway or an end of the network" },
		{ "10.1.0.255", "is the gateway or an end of the network" },
		{ "10.1.1.1", "address '10.1.1.1' is not in the network '10.1.0.0/24' of pool 'p1'" },
		{ "fd00::1", "address 'fd00::1' is not in pool 'p1'" },
	};
	struct place p;
	const struct node *node = put_node(*state, &p);
	struct net_pool pool;
	struct err err = ERR_INIT;

	assert_ok(create(node, "p1", RANGES("10.1.0.2-10.1.0.99"), NULL, "10.1.0.1/24", NULL, &err), &err);
	assert_ok(net_pool_open(node, "p1", &pool, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(typed); i++) {
		struct net_address a = address_of(typed[i].address);

		assert_int_equal(net_pool_check_address(&pool, &a, &err), typed[i].why ? -EADDRNOTAVAIL : 0);
		if (typed[i].why)
			assert_err_has(&err, typed[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_what_is_made),
		SCRATCH_TEST(test_nat_needs_nothing_but_a_range),
		SCRATCH_TEST(test_what_is_refused),
		SCRATCH_TEST(test_too_many_ranges),
		SCRATCH_TEST(test_pools_do_not_overlap),
		SCRATCH_TEST(test_bridges),
		SCRATCH_TEST(test_one_of_those_at_once),
		SCRATCH_TEST(test_files_of_a_hand),
		SCRATCH_TEST(test_each),
		SCRATCH_TEST(test_remove),
		SCRATCH_TEST(test_default),
		SCRATCH_TEST(test_typed_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
