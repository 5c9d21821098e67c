/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>

#include "base/cleanup.h"
#include "netns/address_priv.h"
#include "netns/link.h"

static void test_good(void **state)
{
	struct err err = ERR_INIT;
	static const char *const cidr[] = { "10.0.3.5/24", "192.0.2.1/32", "10.0.0.0/31",
					    "10.0.0.1/31", "fd00::5/64",   "2001:db8::1/128" };
	static const char *const plain[] = { "10.0.3.1", "fe80::1", "fd00::1" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cidr); i++)
		assert_ok(net_check_cidr("address", cidr[i], &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++)
		assert_ok(net_check_address("gateway", plain[i], &err), &err);
}

static void test_bad(void **state)
{
	static const char *const cidr[] = { "",
					    "10.0.3.5",
					    "10.0.3.5/",
					    "10.0.3.5/33",
					    "10.0.3.5/0",
					    "10.0.3.5/-1",
					    "10.0.3.0/24",
					    "10.0.3.255/24",
					    "10.0.3/24",
					    "010.0.3.5/24",
					    "0.0.0.0/8",
					    "127.0.0.1/8",
					    "224.0.0.1/4",
					    "fd00::5/129",
					    "::1/128",
					    "::/64",
					    "ff02::1/64",
					    "fd00:::5/64",
					    "10.0.3.5/24x",
					    " 10.0.3.5/24",
					    "10.0.3.5/24/24",
					    "eth0" };
	static const char *const plain[] = { "", "10.0.3.1/24", "10.0.3", "10.0.3.1 ", "fe80::1%eth0", "0.0.0.0" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cidr); i++) {
		if (net_check_cidr("--ip", cidr[i], &err) != -EINVAL)
			fail_msg("'%s' was accepted", cidr[i]);
		assert_err_has(&err, "--ip");
		assert_int_equal(err.exit, EXIT_INVALID);
	}
	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		if (net_check_address("gateway", plain[i], &err) != -EINVAL)
			fail_msg("'%s' was accepted", plain[i]);
	}
}

static bool covers(const char *network, const char *address)
{
	struct net_address n, a;
	struct err err = ERR_INIT;

	assert_ok(net_address_parse("n", network, true, &n, &err), &err);
	assert_ok(net_address_parse("a", address, false, &a, &err), &err);
	return net_address_covers(&n, &a);
}

static void test_covers(void **state)
{
	(void)state;
	assert_true(covers("10.0.3.5/24", "10.0.3.254"));
	assert_false(covers("10.0.3.5/24", "10.0.4.1"));
	assert_false(covers("10.0.3.5/32", "10.0.3.4"));
	assert_true(covers("10.0.3.5/23", "10.0.2.1"));
	assert_true(covers("fd00::5/64", "fd00::1"));
	assert_false(covers("fd00::5/64", "fd00:0:0:1::1"));
	assert_false(covers("10.0.3.5/24", "fd00::1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
