/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"

#include <poll.h>

#define TEST_ETHERTYPE 0x88b5 /* IEEE 802: for experiments */

static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t nobody[6] = { 0x02, 0x00, 0x00, 0x00, 0x00, 0x99 };

static void test_is_made_once(void **state)
{
	struct net_address addresses[] = { addr("10.99.3.1/24"), addr("fd99::1/64"), addr("10.99.4.1/24") };
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	assert_ok(net_bridge_ensure("brmech", addresses, 2, &err), &err);
	assert_true(is_up("brmech"));
	assert_true(has_address("brmech", "10.99.3.1"));
	assert_true(has_address("brmech", "fd99::1"));

	unsigned int index = if_nametoindex("brmech");

	assert_ok(net_bridge_ensure("brmech", addresses, 3, &err), &err);
	assert_int_equal(if_nametoindex("brmech"), index);
	assert_true(has_address("brmech", "10.99.3.1"));
	assert_true(has_address("brmech", "10.99.4.1"));
	assert_int_equal(count_addresses("brmech", AF_INET), 2);
	assert_ok(net_link_delete("brmech", &err), &err);
	assert_int_equal(if_nametoindex("brmech"), 0);
}

static void test_name_is_taken(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	assert_int_equal(net_bridge_ensure("lo", NULL, 0, &err), -EEXIST);
	assert_err_has(&err, "'lo'");
	assert_int_equal(err.exit, EXIT_NETWORK);
}

static void test_check(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	assert_int_equal(net_bridge_check("brmech", &err), -ENODEV);
	assert_err_has(&err, "ip link add brmech type bridge");
	assert_int_equal(net_bridge_check("lo", &err), -EINVAL);
	assert_err_has(&err, "no bridge");
	assert_ok(net_bridge_ensure("brmech", NULL, 0, &err), &err);
	assert_ok(net_bridge_check("brmech", &err), &err);
}

/* Several starts at once on a fresh host: each finds a bridge afterwards and none fails. */
static void test_race(void **state)
{
	struct net_address address = addr("10.99.3.1/24");
	struct err err = ERR_INIT;
	int bad = 0;

	(void)state;
	NEED_ROOT();
	for (int round = 0; round < 20; round++) {
		pid_t pids[4];
		int gate[2];
		char byte;

		assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
		for (int i = 0; i < 4; i++) {
			pids[i] = fork();
			if (pids[i] == 0) {
				close(gate[1]);
				(void)!read(gate[0], &byte, 1); /* until the parent opens it for all at once */
				_exit(net_bridge_ensure("brmech", &address, 1, &err) < 0);
			}
		}
		close(gate[0]);
		close(gate[1]);
		for (int i = 0; i < 4; i++)
			bad += wait_status(pids[i]) != 0;
		assert_ok(net_link_delete("brmech", &err), &err);
	}
	assert_int_equal(bad, 0);
}

static void test_without_ipv6(void **state)
{
	struct net_address addresses[] = { addr("10.99.3.1/24"), addr("fd99::1/64") };
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();
	change_setting("ipv6/conf/all/disable_ipv6", "1");
	assert_false(net_has_ipv6());
	assert_ok(net_bridge_ensure("brmech", addresses, 1, &err), &err);
	assert_int_equal(net_bridge_ensure("brmech", addresses, 2, &err), -EAFNOSUPPORT);
	assert_err_has(&err, "fd99::1");
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
}

/* A bridge "brmech" with a guest in each of two namespaces, whose ports are set up. */
static int two_ports(struct world *w, unsigned int vlan1, unsigned int vlan2, struct err *err)
{
	struct net_port_spec first = { .link = "vmech0", .bridge = "brmech", .vlan = vlan1, .is_own = true };
	struct net_port_spec second = { .link = "vmech1", .bridge = "brmech", .vlan = vlan2, .is_own = true };

	memcpy(first.mac, guest_mac, 6);
	memcpy(second.mac, lan_mac, 6);
	enter(w->host);
	assert_ok(net_bridge_ensure("brmech", NULL, 0, err), err);
	make_veth(w->guest, "vmech0", "eth0", guest_mac, "brmech");
	make_veth(w->lan, "vmech1", "eth0", lan_mac, "brmech");

	int r = net_port_setup(&first, err);

	if (r == 0)
		r = net_port_setup(&second, err);
	if (r < 0)
		return r;
	assert_ok(net_port_setup(&first, err), err);
	enter(w->guest);
	set_up("eth0", "10.99.3.5/24", "fd99::5/64");
	enter(w->lan);
	set_up("eth0", "10.99.3.6/24", "fd99::6/64");
	return 0;
}

static int packet_socket(int netns)
{
	struct sockaddr_ll where = { .sll_family = AF_PACKET, .sll_protocol = htons(TEST_ETHERTYPE) };

	enter(netns);
	where.sll_ifindex = (int)if_nametoindex("eth0");

	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(TEST_ETHERTYPE));

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
	return fd;
}

static void send_frame(int fd, const uint8_t to[6], const uint8_t from[6], char mark)
{
	uint8_t frame[60] = { 0 };

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = TEST_ETHERTYPE >> 8;
	frame[13] = TEST_ETHERTYPE & 0xff;
	frame[14] = (uint8_t)mark;
	assert_int_equal(send(fd, frame, sizeof(frame), 0), sizeof(frame));
}

/* The mark of the next frame, or 0 if none comes in time. */
static char next_mark(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	uint8_t frame[100] = { 0 };

	if (poll(&p, 1, timeout_ms) != 1)
		return 0;
	return recv(fd, frame, sizeof(frame), 0) > 14 ? (char)frame[14] : 0;
}

/* The kernel opens the ports a moment after their links are up: what is sent before is lost. */
static void wait_for_ports(int from, int to)
{
	char mark = 0;

	for (int i = 0; i < 100 && mark != 'w'; i++) {
		send_frame(from, broadcast, lan_mac, 'w');
		mark = next_mark(to, 100);
	}
	assert_int_equal(mark, 'w');
	while (next_mark(to, 50))
		;
}

/* The guests of two_ports(), each by a packet socket. */
struct pair {
	int guest;
	int other;
};

static struct pair pair_open(struct world *w)
{
	struct pair pair;
	struct err err = ERR_INIT;

	assert_ok(two_ports(w, 0, 0, &err), &err);
	pair.guest = packet_socket(w->guest);
	pair.other = packet_socket(w->lan);
	wait_for_ports(pair.other, pair.guest);
	return pair;
}

static void pair_close(struct pair *pair)
{
	close(pair->guest);
	close(pair->other);
}

/*
 * What is for others is not seen, what is for it arrives before it ever sent anything, and nobody else's MAC can be taken over.
 */
static void test_port_sees_only_its_own(void **state)
{
	struct world *w = *state;

	NEED_ROOT();

	_cleanup_(pair_close) struct pair pair = pair_open(w);

	send_frame(pair.other, guest_mac, lan_mac, 'a');
	assert_int_equal(next_mark(pair.guest, 2000), 'a');
	send_frame(pair.other, nobody, lan_mac, 'b');
	send_frame(pair.other, broadcast, lan_mac, 'c');
	assert_int_equal(next_mark(pair.guest, 2000), 'c');

	/* It says that it is somebody else, and is not believed. */
	send_frame(pair.guest, broadcast, nobody, 'd');
	assert_int_equal(next_mark(pair.other, 2000), 'd');
	send_frame(pair.other, nobody, lan_mac, 'e');
	send_frame(pair.other, broadcast, lan_mac, 'f');
	assert_int_equal(next_mark(pair.guest, 2000), 'f');
}

/* The port's end on the host is no IPv6 host of the guest's link. */
static void test_port_has_no_address(void **state)
{
	struct world *w = *state;

	NEED_ROOT();

	_cleanup_(pair_close) struct pair pair = pair_open(w);

	enter(w->host);
	assert_int_equal(count_addresses("vmech0", AF_INET6), 0);
}

static void test_mac_is_taken(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct net_port_spec third = { .link = "vmech1", .bridge = "brmech" };

	NEED_ROOT();
	assert_ok(two_ports(w, 0, 0, &err), &err);
	enter(w->host);
	memcpy(third.mac, guest_mac, 6);
	assert_int_equal(net_port_setup(&third, &err), -EEXIST);
	assert_err_has(&err, "02:00:0a:00:03:05");
	assert_err_has(&err, "'vmech0'");
}

static void test_port_is_moved(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct net_port_spec spec = { .link = "vmech0", .bridge = "brother" };

	NEED_ROOT();
	assert_ok(two_ports(w, 0, 0, &err), &err);
	enter(w->host);
	memcpy(spec.mac, guest_mac, 6);
	assert_int_equal(net_port_setup(&spec, &err), -ENODEV);
	assert_err_has(&err, "'brother'");
	assert_ok(net_bridge_ensure("brother", NULL, 0, &err), &err);
	assert_ok(net_port_setup(&spec, &err), &err);
	assert_false(echo(&(struct echo){ .from = w->lan, .to = w->guest, .address = "10.99.3.5", .timeout_ms = 500 }));
}

#define NEED_VLANS(r, err)                                                           \
	do {                                                                         \
		if ((r) == -EOPNOTSUPP) {                                            \
			assert_int_equal((err)->exit, EXIT_UNSUPPORTED);             \
			assert_err_has((err), "CONFIG_BRIDGE_VLAN_FILTERING");       \
			print_message("the bridges of this kernel have no VLANs\n"); \
			skip();                                                      \
		}                                                                    \
	} while (0)

static void test_vlans_are_apart(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();

	int r = two_ports(w, 10, 20, &err);

	NEED_VLANS(r, &err);
	assert_ok(r, &err);
	assert_false(
		echo(&(struct echo){ .from = w->lan, .to = w->guest, .address = "10.99.3.5", .tries = 3, .timeout_ms = 500 }));

	struct net_port_spec second = { .link = "vmech1", .bridge = "brmech", .vlan = 10 };

	memcpy(second.mac, lan_mac, 6);
	enter(w->host);
	assert_ok(net_port_setup(&second, &err), &err);
	assert_true(echo(&(struct echo){ .from = w->lan, .to = w->guest, .address = "10.99.3.5", .tries = 5 }));
	assert_true(echo(&(struct echo){ .from = w->lan, .to = w->guest, .address = "fd99::5", .tries = 5 }));
}

/* A bridge that is not ctctl's is not changed: all its ports would be concerned. */
static void test_vlan_needs_filtering(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct net_port_spec spec = { .link = "vmech0", .bridge = "brmech", .vlan = 4095, .is_own = true };

	NEED_ROOT();
	memcpy(spec.mac, guest_mac, 6);
	assert_ok(net_bridge_ensure("brmech", NULL, 0, &err), &err);
	make_veth(w->guest, "vmech0", "eth0", guest_mac, "brmech");
	assert_int_equal(net_port_setup(&spec, &err), -EINVAL);
	assert_err_has(&err, "4094");
	spec.vlan = 10;
	spec.is_own = false;

	int r = net_port_setup(&spec, &err);

	NEED_VLANS(r, &err);
	assert_int_equal(r, -EINVAL);
	assert_err_has(&err, "vlan_filtering 1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(test_is_made_once),
		WORLD_TEST(test_name_is_taken),
		WORLD_TEST(test_check),
		WORLD_TEST(test_race),
		WORLD_TEST(test_without_ipv6),
		WORLD_TEST(test_port_sees_only_its_own),
		WORLD_TEST(test_port_has_no_address),
		WORLD_TEST(test_mac_is_taken),
		WORLD_TEST(test_port_is_moved),
		WORLD_TEST(test_vlans_are_apart),
		WORLD_TEST(test_vlan_needs_filtering),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
