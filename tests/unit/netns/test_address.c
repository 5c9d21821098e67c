/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "netns/address.h"

static void test_bad(void **state)
{
	static const char *const bad[] = { "",
					   "10.0.3.5/",
					   "10.0.3.5/33",
					   "10.0.3.5/-1",
					   "10.0.3/24",
					   "010.0.3.5/24",
					   "fd00::5/129",
					   "fd00:::5/64",
					   "10.0.3.5/24x",
					   " 10.0.3.5/24",
					   "10.0.3.5/24/24",
					   "eth0",
					   "10.0.3",
					   "10.0.3.1 ",
					   "fe80::1%eth0" };
	struct net_address a;
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (net_address_parse("--ip", bad[i], NET_PREFIX_OPTIONAL, &a, &err) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
		assert_err_has(&err, "--ip");
		assert_int_equal(err.exit, EXIT_INVALID);
	}
}

static struct net_address addr(const char *text)
{
	struct net_address a = { 0 };
	struct err err = ERR_INIT;

	assert_ok(net_address_parse("address", text, NET_PREFIX_OPTIONAL, &a, &err), &err);
	return a;
}

static void test_forms(void **state)
{
	struct net_address a;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(net_address_parse("ip", "10.0.3.5", NET_PREFIX_REQUIRED, &a, &err), -EINVAL);
	assert_err_has(&err, "10.0.3.5/24");
	assert_int_equal(net_address_parse("ip", "10.0.3.5/24", NET_PREFIX_NONE, &a, &err), -EINVAL);
	assert_err_has(&err, "ip '10.0.3.5/24'");
	assert_int_equal(addr("10.0.3.5").prefix, 32);
	assert_int_equal(addr("fd00::5").prefix, 128);
	assert_int_equal(addr("0.0.0.0/0").prefix, 0);
	assert_int_equal(addr("2001:db8:5::/64").prefix, 64);
}

static void check_format(const char *text, bool with_prefix, const char *expected)
{
	struct net_address a = addr(text);
	char room[NET_ADDRESS_ROOM];

	net_address_format(&a, with_prefix, room);
	assert_string_equal(room, expected);
}

static void test_format(void **state)
{
	(void)state;
	check_format("10.0.3.5", false, "10.0.3.5");
	check_format("10.0.3.5", true, "10.0.3.5/32");
	check_format("2001:DB8:0:0::5/064", true, "2001:db8::5/64");
	check_format("2001:0db8:1111:2222:3333:4444:5555:6666", true, "2001:db8:1111:2222:3333:4444:5555:6666/128");
	check_format("::ffff:255.255.255.255", true, "::ffff:255.255.255.255/128");
}

static bool covers(const char *network, const char *address)
{
	struct net_address n = addr(network), a = addr(address);

	return net_address_covers(&n, &a);
}

static void test_covers(void **state)
{
	(void)state;
	assert_true(covers("10.0.3.5/24", "10.0.3.254"));
	assert_false(covers("10.0.3.5/24", "10.0.4.1"));
	assert_false(covers("10.0.3.5/32", "10.0.3.4"));
	assert_true(covers("10.0.3.5/23", "10.0.2.1"));
	assert_true(covers("0.0.0.0/0", "10.0.2.1"));
	assert_true(covers("10.0.0.0/16", "10.0.3.0/24"));
	assert_true(covers("10.0.3.0/24", "10.0.3.0/24"));
	assert_false(covers("10.0.0.0/24", "10.0.0.0/16"));
	assert_true(covers("fd00::5/64", "fd00::1"));
	assert_false(covers("fd00::5/64", "fd00:0:0:1::1"));
	assert_false(covers("10.0.3.5/24", "fd00::1"));
}

static void test_order(void **state)
{
	struct net_address a = addr("10.0.3.5/24"), b = addr("10.0.3.5"), c = addr("10.0.4.1"), d = addr("fd00::5");

	(void)state;
	assert_true(net_address_equal(&a, &b));
	assert_false(net_address_equal(&a, &c));
	assert_false(net_address_equal(&a, &d));
	assert_true(net_address_compare(&a, &b) == 0);
	assert_true(net_address_compare(&a, &c) < 0);
	assert_true(net_address_compare(&c, &a) > 0);
}

static void check_next(const char *from, const char *expected)
{
	struct net_address a = addr(from), e = addr(expected);

	assert_true(net_address_next(&a));
	assert_true(net_address_equal(&a, &e));
	assert_int_equal(a.prefix, e.prefix);
}

static void test_next(void **state)
{
	struct net_address last4 = addr("255.255.255.255"), last6 = addr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	struct net_address was4 = last4;

	(void)state;
	check_next("10.0.3.5/24", "10.0.3.6/24");
	check_next("10.0.255.255", "10.1.0.0");
	check_next("2001:db8::ffff", "2001:db8::1:0");
	assert_false(net_address_next(&last4));
	assert_true(net_address_equal(&last4, &was4));
	assert_false(net_address_next(&last6));
}

static void check_network(const char *of, const char *expected)
{
	struct net_address a = addr(of), e = addr(expected);

	net_address_network(&a);
	assert_memory_equal(a.bytes, e.bytes, sizeof(a.bytes));
	assert_int_equal(a.prefix, e.prefix);
}

static void check_last(const char *of, const char *expected)
{
	struct net_address a = addr(of), e = addr(expected);

	net_address_last(&a);
	assert_memory_equal(a.bytes, e.bytes, sizeof(a.bytes));
	assert_int_equal(a.prefix, e.prefix);
}

static void test_network(void **state)
{
	(void)state;
	check_last("10.0.3.5/24", "10.0.3.255/24");
	check_last("10.0.2.5/23", "10.0.3.255/23");
	check_last("10.0.3.5", "10.0.3.5");
	check_last("0.0.0.0/0", "255.255.255.255/0");
	check_last("2001:db8::/61", "2001:db8:0:7:ffff:ffff:ffff:ffff/61");
	check_network("10.0.3.5/24", "10.0.3.0/24");
	check_network("10.0.3.5/23", "10.0.2.0/23");
	check_network("10.0.3.5", "10.0.3.5");
	check_network("10.0.3.5/0", "0.0.0.0/0");
	check_network("2001:db8:5:7f::9/57", "2001:db8:5::/57");
}

/* The example of RFC 4291, appendix A: 34-56-78-9A-BC-DE with the universal bit turned over. */
static void test_link_local(void **state)
{
	static const uint8_t mac[6] = { 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde };
	struct net_address a, e = addr("fe80::3656:78ff:fe9a:bcde/64");

	(void)state;
	net_address_link_local(mac, &a);
	assert_true(net_address_equal(&a, &e));
	assert_int_equal(a.prefix, 64);
}

static void test_is_host(void **state)
{
	static const char *const good[] = { "10.0.3.5",	   "10.0.3.5/24", "192.0.2.0/31",  "10.0.3.0",	     "10.0.0.0/31",
					    "10.0.0.1/31", "fd00::5/64",  "2001:db8::/64", "2001:db8::1/128" };
	static const char *const bad[] = { "0.0.0.0",	  "127.0.0.1",		 "224.0.0.1", "240.0.0.1",   "169.254.1.1",
					   "10.0.3.0/24", "10.0.3.255/24",	 "::",	      "::1",	     "ff02::1",
					   "fe80::1",	  "febf::1/64",		 "0.1.2.3/8", "224.0.0.1/4", "255.255.255.255/32",
					   "::/64",	  "::ffff:10.0.3.5/128", "ff02::1/64" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct net_address a = addr(good[i]);

		if (!net_address_is_host(&a))
			fail_msg("'%s' is a host's", good[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct net_address a = addr(bad[i]);

		if (net_address_is_host(&a))
			fail_msg("'%s' is no host's", bad[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),	cmocka_unit_test(test_forms),	   cmocka_unit_test(test_format),
		cmocka_unit_test(test_covers),	cmocka_unit_test(test_order),	   cmocka_unit_test(test_next),
		cmocka_unit_test(test_network), cmocka_unit_test(test_link_local), cmocka_unit_test(test_is_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
