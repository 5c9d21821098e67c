/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include "runtime/policy.h"

static void put_conf(const struct scratch *s, const char *text)
{
	(void)!mkdirat(s->fd, "etc", 0700);
	put_file(s->fd, "etc/ctctl.conf", text);
}

static void test_folders_are_for_root_only(void **state)
{
	static const char *const names[] = { "lib/guests", "lib/pools", "lib/templates", "run", "run/_images" };
	const struct scratch *s = *state;
	struct stat st;

	NEED_ROOT();

	mode_t old = umask(0);
	_cleanup_node_ struct node *node = open_node(s, NULL);

	umask(old);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(fstatat(s->fd, names[i], &st, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
}

static void test_defaults_of_a_prefix(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_dir(s->fd, "one");
	put_dir(s->fd, "two");

	_cleanup_free_ char *one = str_printf("%s/one", s->path), *same = str_printf("%s/./two/../one/", s->path);
	_cleanup_free_ char *two = str_printf("%s/two", s->path);
	_cleanup_node_ struct node *a = NULL, *b = NULL, *c = NULL;
	struct err err = ERR_INIT;

	assert_ok(node_open(one, NULL, &a, &err), &err);
	assert_ok(node_open(same, NULL, &b, &err), &err);
	assert_ok(node_open(two, NULL, &c, &err), &err);
	assert_string_equal(a->prefix, b->prefix);
	assert_string_equal(a->cgroup_parent, b->cgroup_parent);
	assert_string_not_equal(a->cgroup_parent, c->cgroup_parent);
	assert_string_not_equal(a->bridge, c->bridge);
	/* IFNAMSIZ is 16 with the terminator. */
	assert_true(strlen(a->bridge) < 16);
	/* Behind the ranges of the instance without a prefix, and below 2^31. */
	assert_true(a->ids_first >= 0x40000000ULL + 6144ULL * NODE_IDS_PER_GUEST);
	assert_true(a->ids_first + a->ids_slots * NODE_IDS_PER_GUEST <= 0x80000000ULL);
}

static void test_a_prefix_that_is_none(void **state)
{
	const struct scratch *s = *state;
	_cleanup_free_ char *file = str_printf("%s/file", s->path), *below = str_printf("%s/file/x", s->path);
	struct node *node = NULL;

	NEED_ROOT();
	put_file(s->fd, "file", "");
	for (int i = 0; i < 2; i++) {
		struct err err = ERR_INIT;

		assert_true(node_open(i ? file : below, NULL, &node, &err) < 0);
		assert_err_has(&err, "file");
	}
	assert_null(node);
}

static void test_conf_is_read(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_conf(s, "bridge = br7\ndefault-pool: fast\nids-first = 1048576\nids-slots = 2\nfuture-key = x\n"
		    "bridge-address = 10.9.0.1/16\ndefault-memory = 512M\nbridge-address6 = fd00:9::1/48\ndefault-net = none\n"
		    "uplink = wan0\nlocal-networks = 192.0.2.0/24,2001:DB8::/32\nforwarding = no\n"
		    "on-shutdown = suspend\nsuspend-timeout = 240\n[later]\nbridge = other\n");

	_cleanup_node_ struct node *node = open_node(s, NULL);

	assert_string_equal(node->bridge, "br7");
	assert_string_equal(node->default_pool, "fast");
	assert_string_equal(node->bridge_address, "10.9.0.1/16");
	assert_true(node->ids_first == 1048576 && node->ids_slots == 2);
	assert_int_equal(node->default_memory, 512 << 20);
	assert_string_equal(node->bridge_address6, "fd00:9::1/48");
	assert_int_equal(node->default_net, NET_MODE_NONE);
	assert_string_equal(node->uplink, "wan0");
	assert_string_equal(node->local_networks, "192.0.2.0/24, 2001:db8::/32");
	assert_false(node->may_forward);
	assert_int_equal(node->on_shutdown, SHUTDOWN_SUSPEND);
	assert_int_equal(node->suspend_timeout_s, 240);
}

/* What an instance without a ctctl.conf is like: its network has its own names, and an IPv6 network that stays. */
static void test_defaults_of_a_host(void **state)
{
	const struct scratch *s = *state;
	struct net_address *local = NULL, address;
	struct err err = ERR_INIT;
	size_t n = 0;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL), *again = open_node(s, NULL);

	assert_int_equal(node->default_net, NET_MODE_NAT);
	assert_int_equal(node->on_shutdown, SHUTDOWN_STOP);
	assert_null(node->uplink);
	assert_true(node->may_forward);
	assert_string_equal(node->bridge_address, "10.200.0.1/20");
	assert_true(str_has_prefix(node->nft_table, "ctctl-"));
	assert_string_equal(node->bridge_address6, again->bridge_address6);
	assert_ok(net_address_parse("bridge-address6", node->bridge_address6, NET_PREFIX_REQUIRED, &address, &err), &err);
	assert_true(address.bytes[0] == 0xfd && address.bytes[15] == 1 && address.prefix == 64);
	assert_ok(interface_parse_addresses(node->local_networks, &local, &n, &err), &err);
	assert_int_equal(n, 7);
	free(local);
	assert_int_equal(access(node->addresses_dir, F_OK), 0);
	assert_int_equal(access(node->netpools_dir, F_OK), 0);
	put_conf(s, "bridge-address6 = none\n");

	_cleanup_node_ struct node *without = open_node(s, NULL);

	assert_null(without->bridge_address6);
}

static void test_default_memory(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL), *other = NULL;

	assert_int_equal(node->default_memory, 1 << 30);
	put_conf(s, "default-memory = none\n");
	other = open_node(s, NULL);
	assert_int_equal(other->default_memory, 0);
}

static void test_bad_conf(void **state)
{
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "ids-first = 0\n", "line 1: ids-first '0': expected" },
		{ "ids-first = 100000\n", "must be a multiple of 65536" },
		{ "ids-first = -65536\n", "line 1: ids-first" },
		{ "ids-slots = 0\n", "line 1: ids-slots" },
		{ "ids-slots = 65536\n", "must be a multiple of 65536, and the last id below" },
		{ "\nids-slots = 99999999999999999999\n", "line 2: ids-slots" },
		{ "bridge-address = 10.0.0.1\n", "line 1: bridge-address" },
		{ "bridge-address = 10.0.0.0/24\n", "line 1: bridge-address '10.0.0.0/24': expected" },
		{ "bridge-address = fd00::1/64\n", "line 1: bridge-address 'fd00::1/64': expected" },
		{ "bridge-address6 = 10.0.0.1/24\n", "line 1: bridge-address6 '10.0.0.1/24': expected" },
		{ "bridge-address = 10.0.0.1/31\n",
		  "'10.0.0.1/31': leaves no address for guests: expected a prefix of at most 30" },
		{ "bridge-address = 10.0.0.1/32\n", "'10.0.0.1/32': leaves no address" },
		{ "bridge-address6 = fd00::1/127\n",
		  "'fd00::1/127': leaves no address for guests: expected a prefix of at most 126" },
		{ "default-net = macvlan\n", "line 1: default-net 'macvlan': expected routed" },
		{ "uplink = a/b\n", "line 1: uplink 'a/b'" },
		{ "local-networks = 10.0.0.1/8\n", "line 1: local-networks '10.0.0.1/8': expected" },
		{ "forwarding = perhaps\n", "line 1: forwarding 'perhaps': expected yes or no" },
		{ "bridge\n", "line 1: expected 'key = value'" },
		{ "bridge =\n", "line 1: bridge ''" },
		{ "bridge = a/b\n", "line 1: bridge 'a/b'" },
		{ "bridge = a-name-too-long-for-it\n", "line 1: bridge" },
		{ "cgroup-parent = ../x\n", "line 1: cgroup-parent '../x'" },
		{ "cgroup-parent = /x\n", "line 1: cgroup-parent" },
		{ "cgroup-parent =\n", "line 1: cgroup-parent" },
		{ "default-memory = 1M\n", "line 1: default-memory '1M': expected" },
		{ "default-memory =\n", "line 1: default-memory ''" },
		{ "on-shutdown = hibernate\n", "line 1: on-shutdown 'hibernate': expected stop or suspend" },
		{ "on-shutdown =\n", "line 1: on-shutdown ''" },
		{ "suspend-timeout = 0\n", "line 1: suspend-timeout '0': expected seconds" },
		{ "suspend-timeout = 15m\n", "line 1: suspend-timeout '15m'" },
		{ "default-pool = ../x\n", "line 1: default-pool name" },
	};
	const struct scratch *s = *state;

	NEED_ROOT();
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct node *node = NULL;
		struct err err = ERR_INIT;

		put_conf(s, rows[i].text);
		if (node_open(s->path, NULL, &node, &err) == 0)
			fail_msg("'%s' was accepted", rows[i].text);
		assert_int_equal(err.exit, EXIT_BAD_CONFIG);
		assert_err_has(&err, rows[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_folders_are_for_root_only),
		SCRATCH_TEST(test_defaults_of_a_prefix),
		SCRATCH_TEST(test_a_prefix_that_is_none),
		SCRATCH_TEST(test_conf_is_read),
		SCRATCH_TEST(test_defaults_of_a_host),
		SCRATCH_TEST(test_default_memory),
		SCRATCH_TEST(test_bad_conf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
