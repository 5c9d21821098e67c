/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <linux/rtnetlink.h>

/* Links whose guest's end has a number of its own, and whose host's end is closed until it is opened. */

#define NUMBER 4711

static struct net_veth_spec closed(int netns, const char *host_name, const char *guest_name)
{
	return (struct net_veth_spec){
		.host_name = host_name,
		.guest_name = guest_name,
		.guest_netns_fd = netns,
		.bridge = "brmech",
		.mac = { 0x02, 0x00, 0x0a, 0x00, 0x03, 0x05 },
		.mtu = 1400,
		.guest_ifindex = NUMBER,
		.is_closed = true,
	};
}

/* As `ip link set dev eth0 netns` does. */
static void move(const char *name, int netns)
{
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr head;
		struct ifinfomsg info;
		struct rtattr attr;
		uint32_t netns;
	} request = {
		.head = { sizeof(request), RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0 },
		.info = { .ifi_index = (int)if_nametoindex(name) },
		.attr = { RTA_LENGTH(sizeof(uint32_t)), IFLA_NET_NS_FD },
		.netns = (uint32_t)netns,
	};
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[256];
	} answer;

	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	assert_true(recv(fd, &answer, sizeof(answer), 0) >= (ssize_t)(sizeof(answer.head) + sizeof(answer.error)));
	assert_int_equal(answer.head.nlmsg_type, NLMSG_ERROR);
	assert_int_equal(answer.error.error, 0);
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

/* The number is there, and stays when the link goes on to another namespace; a taken one is refused, and nothing is left. */
static void test_ifindex(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();

	struct net_veth_spec spec = closed(w->guest, "vmech0", "eth0");

	assert_ok(net_veth_create(&spec, &err), &err);

	struct net_veth_spec second = closed(w->guest, "vmech1", "eth1");

	assert_int_equal(net_veth_create(&second, &err), -EBUSY);
	assert_err_has(&err, "'eth1'");
	assert_int_equal(if_nametoindex("vmech1"), 0);
	second.guest_ifindex = NUMBER + 1;
	assert_ok(net_veth_create(&second, &err), &err);
	enter(w->guest);
	assert_int_equal(if_nametoindex("eth0"), NUMBER);
	assert_int_equal(if_nametoindex("eth1"), NUMBER + 1);
	move("eth0", w->lan);
	assert_int_equal(if_nametoindex("eth0"), 0);
	enter(w->lan);
	assert_int_equal(if_nametoindex("eth0"), NUMBER);
}

int main(void)
{
	const struct CMUnitTest tests[] = { WORLD_TEST(test_closed), WORLD_TEST(test_ifindex) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
