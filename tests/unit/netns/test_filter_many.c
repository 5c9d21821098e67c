/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <sched.h>

#include "filter_world.h"

/* More than fits into a netlink socket as it comes: requests are sent at once, and each refused one has an answer. */

enum { MANY = 1500 };

static void test_many_addresses(void **state)
{
	struct net_address *list;
	struct net_filter_spec spec = { .link = FW_LINK, .is_bridged = true, .mac = { 2 }, .n_addresses = MANY };
	const struct net_filter_node node = { .table = FW_TABLE };
	struct net_traffic traffic;
	struct err err = ERR_INIT;

	(void)state;
	fw_need_root();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	list = calloc(MANY, sizeof(*list));
	assert_non_null(list);
	for (size_t i = 0; i < MANY; i++) {
		list[i] = fw_address("2001:db8::");
		list[i].bytes[14] = (uint8_t)(i >> 8);
		list[i].bytes[15] = (uint8_t)i;
	}
	spec.addresses = list;

	/* Without tables the kernel refuses each one. */
	assert_ok(net_filter_remove(FW_TABLE, &spec, NULL, &err), &err);
	assert_ok(net_filter_open(&node, &err), &err);
	assert_ok(net_filter_remove(FW_TABLE, &spec, NULL, &err), &err);
	assert_ok(net_filter_add(FW_TABLE, &spec, &err), &err);
	/* And here, since all are there. */
	assert_ok(net_filter_add(FW_TABLE, &spec, &err), &err);
	assert_ok(net_filter_read(FW_TABLE, FW_LINK, true, &traffic, &err), &err);
	assert_ok(net_filter_remove(FW_TABLE, &spec, NULL, &err), &err);
	assert_int_equal(net_filter_read(FW_TABLE, FW_LINK, true, &traffic, &err), -ENOENT);
	free(list);
}

/* Two removals by one socket, which the caller closes. */
static void test_held_socket(void **state)
{
	const struct net_filter_node node = { .table = FW_TABLE };
	struct net_filter_spec first = { .link = "ctone", .mac = { 2 } }, second = { .link = "cttwo", .mac = { 2, 1 } };
	struct net_traffic traffic;
	struct err err = ERR_INIT;
	int hold = -EBADF, same;

	(void)state;
	fw_need_root();
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	assert_ok(net_filter_open(&node, &err), &err);
	assert_ok(net_filter_add(FW_TABLE, &first, &err), &err);
	assert_ok(net_filter_add(FW_TABLE, &second, &err), &err);
	assert_ok(net_filter_remove(FW_TABLE, &first, &hold, &err), &err);
	assert_true(hold >= 0);
	same = hold;
	assert_ok(net_filter_remove(FW_TABLE, &second, &hold, &err), &err);
	assert_int_equal(hold, same);
	assert_int_equal(close(hold), 0);
	assert_int_equal(net_filter_read(FW_TABLE, "ctone", false, &traffic, &err), -ENOENT);
	assert_int_equal(net_filter_read(FW_TABLE, "cttwo", false, &traffic, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held_socket),
		cmocka_unit_test(test_many_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
