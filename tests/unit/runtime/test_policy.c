/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/str.h"
#include "netns/link.h"
#include "runtime/interface.h"
#include "runtime/policy.h"

/* KEY VALUE pairs; a key "eth1" or the like: what follows is that interface's. */
#define PAIRS_MAX 8
typedef const char *const pairs_t[PAIRS_MAX][2];

static void configure(struct guest_config *c, pairs_t pairs)
{
	struct guest_interface *iface = NULL;
	struct err err = ERR_INIT;

	assert_ok(config_init(c, &err), &err);
	for (size_t i = 0; i < PAIRS_MAX && pairs[i][0]; i++) {
		const char *key = pairs[i][0];
		const struct param *p = iface ? interface_param_find(key) : param_find(key);

		if (str_has_prefix(key, "eth"))
			assert_ok(config_add_interface(c, key, &iface, &err), &err);
		else if (p)
			assert_ok(param_set(iface ? (void *)iface : (void *)c, p, pairs[i][1], &err), &err);
		else
			fail_msg("no parameter %s", key);
	}
}

static int policy_of(pairs_t pairs, struct err *err)
{
	char bridge[] = "ctctl0";
	struct node node = { .bridge = bridge };
	struct guest_config c;
	struct err start = ERR_INIT;

	configure(&c, pairs);

	int r = policy_check(&node, &c, err);

	/* Of what is refused when it is set, neither a processor that is offline nor a link that is missing is asked for here. */
	if (r == 0)
		assert_ok(policy_check_start(&node, &c, &start), &start);
	config_free(&c);
	return r;
}

static void check_row(pairs_t pairs, const char *why)
{
	struct err err = ERR_INIT;
	int r = policy_of(pairs, &err);

	if (r < 0 && !why)
		fail_msg("refused: %s", err.msg);
	if (r == 0 && why)
		fail_msg("accepted, not \"%s\"", why);
	if (!why)
		return;
	assert_err_has(&err, why);
	assert_true(err.exit == EXIT_INVALID || err.exit == EXIT_NETWORK);
}

static void test_limits(void **state)
{
	static const struct {
		pairs_t pairs;
		const char *why; /* NULL: it is fine */
	} rows[] = {
		{ { { "memory", "" } }, NULL },
		{ { { "memory", "4M" }, { "cpus", "1" } }, NULL },
		{ { { "memory", "8191P" } }, "memory limit '8387584T': this host has" },
		{ { { "cpus", "99999" } }, "cpus '99999': this host has" },
		{ { { "memory", "8M" }, { "memory-high", "8M" } }, NULL },
		{ { { "memory", "8M" }, { "memory-high", "9M" } }, "memory-high '9M': expected at most its memory, 8M" },
		{ { { "memory", "8M" }, { "memory-low", "9M" } }, "memory-low '9M': expected at most its memory, 8M" },
		{ { { "memory-high", "8M" }, { "memory-low", "9M" } }, "memory-low '9M': expected at most its memory-high, 8M" },
		{ { { "memory-low", "9M" } }, NULL },
		{ { { "memory-low", "8191P" } }, "memory-low '8387584T': this host has" },
		{ { { "cpuset", "0" } }, NULL },
		{ { { "search", "example.com, b.example" } }, NULL },
		{ { { "search", "exa/mple.com" } }, "search 'exa/mple.com': expected domains" },
		{ { { "cpuset", "0,8191" } }, "cpuset '0,8191': expected processors that this host has online: 0" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(rows[i].pairs, rows[i].why);
}

#define ETH0               \
	{                  \
		"eth0", "" \
	}
#define NET(mode)           \
	{                   \
		"net", mode \
	}

static const struct {
	pairs_t pairs;
	const char *why;
} modes[] = {
	{ { ETH0 }, "eth0: net is missing: expected routed" },
	{ { ETH0, NET("none") }, NULL },
	{ { ETH0, NET("none"), { "ip", "192.0.2.10" }, { "bridge", "br0" }, { "rate-in", "1M" } }, NULL },

	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "route", "203.0.113.0/28" } }, NULL },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "route", "10.0.0.0/8" } }, NULL },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "route", "0.0.0.0/0" } }, "not all addresses" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "route", "fe80::/64" } }, "route 'fe80::/64'" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "route", "224.0.0.0/24" } }, "route '224.0.0.0/24'" },
	{ { ETH0, NET("routed"), { "net-pool", "public" } }, NULL },
	{ { ETH0, NET("routed") }, "net 'routed': needs an address: --ip" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "gateway", "192.0.2.1" } },
	  "gateway '192.0.2.1': expected none with net=routed, where it is always the host: 169.254.1.1" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "bridge", "br0" } }, "bridge 'br0': expected none with net=routed" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "vlan", "7" } }, "vlan '7'" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "parent", "lo" } }, "parent 'lo'" },
	{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "publish", "80:80" } }, "publish '80:80/tcp'" },

	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "192.0.2.10/24" }, { "gateway", "192.0.2.1" } }, NULL },
	{ { ETH0, NET("bridge"), { "net-pool", "lan" } }, NULL },
	{ { ETH0, NET("bridge"), { "ip", "192.0.2.10/24" } }, "net 'bridge': needs a bridge of the host: --bridge" },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" } }, "the filter lets nothing out: --ip ADDRESS/PREFIX, or --filter mac" },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "filter", "mac" }, { "vlan", "7" } }, NULL },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "192.0.2.10" } },
	  "ip '192.0.2.10': expected the prefix of its network, too: 192.0.2.10/24" },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "192.0.2.10/24" }, { "gateway", "198.51.100.1" } },
	  "gateway '198.51.100.1': expected one in the network of an address" },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "192.0.2.10/24" }, { "gateway", "fe80::1" } },
	  "gateway 'fe80::1': the interface has no IPv6 address" },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "192.0.2.10/24" }, { "gateway", "192.0.2.1, 192.0.2.2" } },
	  "expected at most one of each family" },
	{ { ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "192.0.2.10/24" }, { "route", "203.0.113.0/28" } }, "route" },
	{ { ETH0, NET("bridge"), { "bridge", "nosuchbridge" }, { "ip", "192.0.2.10/24" } }, "nosuchbridge" },
	{ { ETH0, NET("bridge"), { "bridge", "lo" }, { "ip", "192.0.2.10/24" } }, "'lo'" },

	{ { ETH0, NET("nat"), { "net-pool", "default" }, { "publish", "80:80" }, { "quota", "1T" } }, NULL },
	{ { ETH0, NET("nat") }, "net 'nat': needs a pool" },
	{ { ETH0, NET("nat"), { "net-pool", "default" }, { "route", "203.0.113.0/28" } }, "route '203.0.113.0/28'" },

	{ { ETH0, NET("macvlan"), { "parent", "lo" }, { "filter", "none" } }, NULL },
	{ { ETH0, NET("macvlan"), { "filter", "none" } }, "net 'macvlan': needs an interface of the host: --parent" },
	{ { ETH0, NET("macvlan"), { "parent", "lo" } }, "say that it need not with --filter none" },
	{ { ETH0, NET("macvlan"), { "parent", "lo" }, { "filter", "none" }, { "rate-in", "1M" } },
	  "rate-in '1M': expected none with net=macvlan, whose packets the host does not see" },
	{ { ETH0, NET("macvlan"), { "parent", "lo" }, { "filter", "none" }, { "quota", "1T" } }, "quota '1T'" },
	{ { ETH0, NET("macvlan"), { "parent", "lo" }, { "filter", "none" }, { "rules", "deny any" } }, "rules 'deny any'" },
	{ { ETH0, NET("macvlan"), { "parent", "nosuchlink" }, { "filter", "none" } },
	  "parent 'nosuchlink': there is no such interface" },
};

static void test_modes(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		check_row(modes[i].pairs, modes[i].why);
}

static void test_pairs_of_interfaces(void **state)
{
	static const struct {
		pairs_t pairs;
		const char *why;
	} rows[] = {
		{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "eth1", "" }, NET("routed"), { "ip", "192.0.2.11" } },
		  "net 'routed': eth0 is routed already" },
		{ { ETH0, NET("routed"), { "ip", "192.0.2.10" }, { "eth1", "" }, NET("nat"), { "net-pool", "default" } }, NULL },
		{ { ETH0,
		    NET("routed"),
		    { "ip", "192.0.2.10" },
		    { "eth1", "" },
		    NET("routed"),
		    { "ip", "192.0.2.11, 192.0.2.10/24" } },
		  "ip '192.0.2.10': is twice in the guest, on eth0 and eth1" },
		{ { ETH0, NET("routed"), { "ip", "192.0.2.10, 192.0.2.10/24" } },
		  "ip '192.0.2.10': is twice in the guest, on eth0: " },
		{ { ETH0,
		    NET("none"),
		    { "mac", "02:00:00:00:00:01" },
		    { "eth1", "" },
		    NET("none"),
		    { "mac", "02:00:00:00:00:01" } },
		  "mac '02:00:00:00:00:01': is twice in the guest, on eth0 and eth1" },
		{ { ETH0, NET("nat"), { "net-pool", "default" }, { "publish", "80:80, 80:81/udp" } }, NULL },
		{ { ETH0, NET("nat"), { "net-pool", "default" }, { "publish", "80:80, 192.0.2.1:80:81" } },
		  "publish: port 80 of the host is twice" },
		{ { ETH0, NET("nat"), { "net-pool", "default" }, { "publish", "192.0.2.2:80:80, 192.0.2.1:80:81" } }, NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(rows[i].pairs, rows[i].why);
}

static void test_ipv6(void **state)
{
	static const pairs_t fine = {
		ETH0, NET("bridge"), { "bridge", "ctctl0" }, { "ip", "2001:db8::10/64" }, { "gateway", "fe80::1" }
	};
	static const pairs_t narrow = { ETH0, NET("routed"), { "ip", "2001:db8::10" }, { "mtu", "1279" } };
	struct err err = ERR_INIT;

	(void)state;
	if (net_has_ipv6()) {
		check_row(fine, NULL);
		check_row(narrow, "mtu '1279': expected at least 1280, which IPv6 needs for '2001:db8::10/128'");
		return;
	}
	assert_true(policy_of(fine, &err) < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "this host has no IPv6");
}

/* What follows from what is set, with each default-net. */
static void test_completion(void **state)
{
	static const struct {
		enum net_mode dflt;
		pairs_t pairs;
		enum net_mode mode;
		const char *pool, *bridge;
	} rows[] = {
		{ NET_MODE_NAT, { ETH0 }, NET_MODE_NAT, "default", NULL },
		{ NET_MODE_NONE, { ETH0 }, NET_MODE_NONE, NULL, NULL },
		{ NET_MODE_BRIDGE, { ETH0 }, NET_MODE_BRIDGE, NULL, "ctctl0" },
		{ NET_MODE_NAT, { ETH0, { "ip", "192.0.2.10" } }, NET_MODE_ROUTED, NULL, NULL },
		{ NET_MODE_NAT, { ETH0, { "bridge", "br0" }, { "ip", "192.0.2.10/24" } }, NET_MODE_BRIDGE, NULL, "br0" },
		{ NET_MODE_NAT, { ETH0, { "parent", "lan0" } }, NET_MODE_MACVLAN, NULL, NULL },
		{ NET_MODE_NONE, { ETH0, { "net-pool", "default" } }, NET_MODE_NAT, "default", NULL },
		{ NET_MODE_NONE, { ETH0, NET("nat"), { "ip", "10.200.0.7" } }, NET_MODE_NAT, "default", NULL },
		{ NET_MODE_NAT,
		  { ETH0, NET("routed"), { "net-pool", "default" }, { "ip", "192.0.2.10" } },
		  NET_MODE_ROUTED,
		  NULL,
		  NULL },
	};
	const struct scratch *s = *state;
	char bridge[] = "ctctl0", address[] = "10.200.0.1/20", pools[4096];

	snprintf(pools, sizeof(pools), "%s/netpools", s->path);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct node node = {
			.default_net = rows[i].dflt, .bridge = bridge, .bridge_address = address, .netpools_dir = pools
		};
		struct guest_config c;
		struct err err = ERR_INIT;

		configure(&c, rows[i].pairs);
		assert_ok(policy_complete_interface(&node, c.interfaces, &err), &err);
		assert_int_equal(c.interfaces[0].net, rows[i].mode);
		assert_true(!c.interfaces[0].net_pool == !rows[i].pool && !c.interfaces[0].bridge == !rows[i].bridge);
		if (rows[i].pool)
			assert_string_equal(c.interfaces[0].net_pool, rows[i].pool);
		if (rows[i].bridge)
			assert_string_equal(c.interfaces[0].bridge, rows[i].bridge);
		config_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits), cmocka_unit_test(test_modes),  cmocka_unit_test(test_pairs_of_interfaces),
		cmocka_unit_test(test_ipv6),   SCRATCH_TEST(test_completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
