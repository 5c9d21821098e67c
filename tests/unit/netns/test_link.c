/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

static struct net_veth_spec veth(struct world *w, const char *bridge)
{
	return (struct net_veth_spec){
		.host_name = "vmech0",
		.guest_name = "eth0",
		.guest_netns_fd = w->guest,
		.bridge = bridge,
		.mac = { 0x02, 0x00, 0x0a, 0x00, 0x03, 0x05 },
	};
}

static bool is_port_of(const char *bridge, const char *port)
{
	_cleanup_fd_ int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int ports[64] = { 0 };
	unsigned long args[4] = { 7 /* BRCTL_GET_PORT_LIST */, (unsigned long)ports, 64, 0 };
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, bridge, strlen(bridge));
	req.ifr_data = (void *)args;
	if (ioctl(s, SIOCDEVPRIVATE, &req) < 0)
		return false;
	for (int i = 0; i < 64; i++) {
		if (ports[i] && ports[i] == (int)if_nametoindex(port))
			return true;
	}
	return false;
}

static void test_veth(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();
	assert_ok(net_bridge_ensure("brmech", NULL, 0, &err), &err);

	struct net_veth_spec spec = veth(w, "brmech");

	spec.mtu = 1400;
	assert_ok(net_veth_create(&spec, &err), &err);
	assert_true(is_up("vmech0"));
	assert_true(is_port_of("brmech", "vmech0"));
	assert_int_equal(ask("vmech0", SIOCGIFMTU).ifr_mtu, 1400);
	assert_int_equal(if_nametoindex("eth0"), 0);

	enter(w->guest);
	assert_true(if_nametoindex("eth0") > 0);
	assert_false(is_up("eth0"));
	assert_int_equal(ask("eth0", SIOCGIFMTU).ifr_mtu, 1400);

	struct ifreq req = ask("eth0", SIOCGIFHWADDR);

	assert_memory_equal(req.ifr_hwaddr.sa_data, spec.mac, sizeof(spec.mac));

	enter(w->host);
	assert_int_equal(net_veth_create(&spec, &err), -EEXIST);
	assert_err_has(&err, "'vmech0'");
	assert_ok(net_link_delete("vmech0", &err), &err);
	assert_ok(net_link_delete("vmech0", &err), &err);
	enter(w->guest);
	assert_int_equal(if_nametoindex("eth0"), 0);
}

/* A bridge that is missing, or that is none, leaves no half of a pair behind. */
static void test_veth_without_bridge(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();

	struct net_veth_spec spec = veth(w, "brnone");

	assert_int_equal(net_veth_create(&spec, &err), -ENODEV);
	assert_err_has(&err, "'brnone'");
	assert_int_equal(err.exit, EXIT_NETWORK);
	spec.bridge = "lo";
	assert_true(net_veth_create(&spec, &err) < 0);
	assert_err_has(&err, "no bridge");
	assert_int_equal(if_nametoindex("vmech0"), 0);
}

static void test_exists(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	assert_int_equal(net_link_exists("lo", &err), 1);
	assert_int_equal(net_link_exists("vnone", &err), 0);
	assert_int_equal(net_link_exists("a/b", &err), -EINVAL);
}

/* It is ready with its other end, which a child brings up while it is waited for, and not before. */
static void test_wait_ready(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();
	assert_int_equal(net_link_wait_ready("vmech0", 10, &err), -ENODEV);
	for (int i = 0; i < 20; i++) {
		make_veth(w->guest, "vmech0", "eth0", guest_mac, NULL);
		assert_int_equal(net_link_wait_ready("vmech0", 10, &err), 0);

		pid_t pid = fork_child();

		if (pid == 0) {
			struct net_setup_spec spec = { .name = "eth0" };

			enter(w->guest);
			_exit(net_setup_guest(&spec, &err) < 0);
		}
		assert_int_equal(net_link_wait_ready("vmech0", 10000, &err), 1);
		assert_true(ask("vmech0", SIOCGIFFLAGS).ifr_flags & IFF_RUNNING);
		assert_int_equal(wait_status(pid), 0);
		assert_ok(net_link_delete("vmech0", &err), &err);
	}
}

static void test_interface_names(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	static const char *const bad[] = { "", "a/b", "..", "sixteen-letters!", "a b", "x:1", "veth%d" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct net_veth_spec spec = veth(w, NULL);

		spec.host_name = bad[i];
		assert_int_equal(net_veth_create(&spec, &err), -EINVAL);
		assert_err_has(&err, "interface name");
		assert_int_equal(err.exit, EXIT_INVALID);
		assert_int_equal(net_check_link_name("bridge", bad[i], &err), -EINVAL);
		assert_err_has(&err, "bridge '");
	}
	assert_ok(net_check_link_name("bridge", "fifteen.letters", &err), &err);
}

static struct net_macvlan_spec macvlan(struct world *w)
{
	return (struct net_macvlan_spec){
		.parent = "up0",
		.guest_name = "eth0",
		.guest_netns_fd = w->guest,
		.mac = { 0x02, 0x00, 0x0a, 0x00, 0x03, 0x05 },
		.mtu = 1400,
	};
}

/* The guest is on the LAN as if it had a cable of its own, and the host has nothing of it. */
static void test_macvlan(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct net_macvlan_spec spec = macvlan(w);

	NEED_ROOT();
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	enter(w->lan);
	set_up("lan0", "192.0.2.2/24", "2001:db8::2/64");
	enter(w->host);

	int r = net_macvlan_create(&spec, &err);

	if (r == -EOPNOTSUPP) {
		assert_int_equal(err.exit, EXIT_UNSUPPORTED);
		print_message("this kernel has no macvlan\n");
		skip();
	}
	assert_ok(r, &err);
	assert_int_equal(if_nametoindex("eth0"), 0);
	assert_int_equal(net_macvlan_create(&spec, &err), -EEXIST);
	assert_err_has(&err, "'eth0'");
	enter(w->guest);
	assert_memory_equal(ask("eth0", SIOCGIFHWADDR).ifr_hwaddr.sa_data, spec.mac, sizeof(spec.mac));
	assert_int_equal(ask("eth0", SIOCGIFMTU).ifr_mtu, 1400);
	set_up("eth0", "192.0.2.5/24", "2001:db8::5/64");
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->lan, .address = "192.0.2.2" }));
	assert_true(echo(&(struct echo){ .from = w->guest, .to = w->lan, .address = "2001:db8::2" }));
}

static void test_macvlan_parent(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct net_macvlan_spec spec = macvlan(w);

	NEED_ROOT();
	assert_int_equal(net_macvlan_create(&spec, &err), -ENODEV);
	assert_err_has(&err, "'up0'");
	assert_int_equal(net_parent_check("up0", &err), -ENODEV);
	assert_err_has(&err, "parent 'up0'");
	make_veth(w->lan, "up0", "lan0", lan_mac, NULL);
	assert_ok(net_parent_check("up0", &err), &err);
	set_down("up0");
	assert_int_equal(net_macvlan_create(&spec, &err), -ENETDOWN);
	assert_err_has(&err, "down");
	assert_ok(net_link_delete("up0", &err), &err);
	assert_ok(net_bridge_ensure("brmech", NULL, 0, &err), &err);
	make_veth(w->lan, "up0", "lan0", lan_mac, "brmech");
	assert_true(net_macvlan_create(&spec, &err) < 0);
	assert_err_has(&err, "'up0'");
	assert_int_equal(err.exit, EXIT_NETWORK);
	enter(w->guest);
	assert_int_equal(if_nametoindex("eth0"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_veth),		 WORLD_TEST(test_veth_without_bridge),
		WORLD_TEST(test_exists),	 WORLD_TEST(test_interface_names),
		WORLD_TEST(test_wait_ready),	 WORLD_TEST(test_macvlan),
		WORLD_TEST(test_macvlan_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
