/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

/* Links whose host's end is closed until it is opened. */

static struct net_veth_spec closed(int netns, const char *host_name, const char *guest_name)
{
	return (struct net_veth_spec){
		.host_name = host_name,
		.guest_name = guest_name,
		.guest_netns_fd = netns,
		.bridge = "brmech",
		.mac = { 0x02, 0x00, 0x0a, 0x00, 0x03, 0x05 },
		.mtu = 1400,
		.is_closed = true,
	};
}

/* The bridge need not even be there. Its mode of opening is the caller's: port or routes come with it. */
static void test_closed(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();

	struct net_veth_spec spec = closed(w->guest, "vmech0", "eth0");

	assert_ok(net_veth_create(&spec, &err), &err);
	assert_false(is_up("vmech0"));
	assert_int_equal(ask("vmech0", SIOCGIFMTU).ifr_mtu, 1400);
	assert_ok(net_link_open("vmech0", &err), &err);
	assert_true(is_up("vmech0"));
	assert_ok(net_link_open("vmech0", &err), &err);
	assert_int_equal(net_link_open("vnone", &err), -ENODEV);
	assert_err_has(&err, "'vnone'");
}

int main(void)
{
	const struct CMUnitTest tests[] = { WORLD_TEST(test_closed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
