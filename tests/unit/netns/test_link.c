/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "netns/link.h"

/* Two network namespaces of the test's own, which go with the process: the host's and the guest's. */
struct world {
	int host;
	int guest;
	int old;
};

static int new_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);

	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static int world_setup(void **state)
{
	static struct world w;

	*state = &w;
	if (geteuid() != 0)
		return 0;
	w.old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	w.guest = new_netns();
	w.host = new_netns();
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;

	if (geteuid() != 0)
		return 0;
	assert_int_equal(setns(w->old, CLONE_NEWNET), 0);
	close(w->host);
	close(w->guest);
	close(w->old);
	return 0;
}

#define need_root()                                    \
	do {                                           \
		if (geteuid() != 0) {                  \
			print_message("needs root\n"); \
			skip();                        \
		}                                      \
	} while (0)

static void enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static struct ifreq ask(const char *name, unsigned long request)
{
	_cleanup_fd_ int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, name, strlen(name));
	if (ioctl(s, request, &req) < 0)
		req.ifr_name[0] = '\0';
	return req;
}

static bool is_up(const char *name)
{
	return ask(name, SIOCGIFFLAGS).ifr_flags & IFF_UP;
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

static void test_bridge_is_made_once(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	need_root();
	enter(w->host);
	assert_ok(net_bridge_ensure("brmech", "10.99.3.1/24", &err), &err);
	assert_true(is_up("brmech"));

	unsigned int index = if_nametoindex("brmech");

	assert_ok(net_bridge_ensure("brmech", "10.99.3.1/24", &err), &err);
	assert_int_equal(if_nametoindex("brmech"), index);

	struct ifreq req = ask("brmech", SIOCGIFADDR);
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &((struct sockaddr_in *)&req.ifr_addr)->sin_addr, text, sizeof(text));
	assert_string_equal(text, "10.99.3.1");
	assert_ok(net_link_delete("brmech", &err), &err);
	assert_int_equal(if_nametoindex("brmech"), 0);
}

static void test_bridge_name_is_taken(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	need_root();
	enter(w->host);
	assert_int_equal(net_bridge_ensure("lo", NULL, &err), -EEXIST);
	assert_err_has(&err, "'lo'");
	assert_int_equal(err.exit, EXIT_NETWORK);
}

/* Several starts at once on a fresh host: each finds a bridge afterwards and none fails. */
static void test_bridge_race(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	int bad = 0;

	need_root();
	enter(w->host);
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
				_exit(net_bridge_ensure("brmech", "10.99.3.1/24", &err) < 0);
			}
		}
		close(gate[0]);
		close(gate[1]);
		for (int i = 0; i < 4; i++) {
			int status;

			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			bad += status != 0;
		}
		assert_ok(net_link_delete("brmech", &err), &err);
	}
	assert_int_equal(bad, 0);
}

static void test_veth(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	need_root();
	enter(w->host);
	assert_ok(net_bridge_ensure("brmech", NULL, &err), &err);

	struct net_veth_spec spec = veth(w, "brmech");

	spec.mtu = 1400;
	assert_ok(net_veth_create(&spec, &err), &err);
	assert_true(is_up("vmech0"));
	assert_true(is_port_of("brmech", "vmech0"));
	assert_int_equal(ask("vmech0", SIOCGIFMTU).ifr_mtu, 1400);
	assert_int_equal(if_nametoindex("eth0"), 0);

	enter(w->guest);
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
	enter(w->host);
	assert_ok(net_link_delete("brmech", &err), &err);
}

/* A bridge that is missing, or that is none, leaves no half of a pair behind. */
static void test_veth_without_bridge(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;

	need_root();
	enter(w->host);

	struct net_veth_spec spec = veth(w, "brnone");

	assert_int_equal(net_veth_create(&spec, &err), -ENODEV);
	assert_err_has(&err, "'brnone'");
	assert_int_equal(err.exit, EXIT_NETWORK);
	spec.bridge = "lo";
	assert_true(net_veth_create(&spec, &err) < 0);
	assert_err_has(&err, "no bridge");
	assert_int_equal(if_nametoindex("vmech0"), 0);
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
	}
}

/*
 * Can a datagram go from the guest's address to the bridge's and back? The kernel opens a bridge's port up to a second after its
 * link is up, longer when many come and go (net/core/link_watch.c): what is sent before is lost, so it is sent again, for at most
 * ten seconds.
 */
static void assert_echo(struct world *w, int family, const struct sockaddr *bridge_addr, socklen_t len)
{
	char byte = 'x';
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	struct timeval limit = { .tv_sec = 1 };
	ssize_t got = -1;

	enter(w->host);
	_cleanup_fd_ int server = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(server, bridge_addr, len), 0);
	assert_int_equal(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	enter(w->guest);
	_cleanup_fd_ int client = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	for (int tries = 0; tries < 10 && got != 1; tries++) {
		assert_int_equal(sendto(client, &byte, 1, 0, bridge_addr, len), 1);
		got = recvfrom(server, &byte, 1, 0, (struct sockaddr *)&from, &from_len);
	}
	assert_int_equal(got, 1);
	assert_int_equal(sendto(server, &byte, 1, 0, (struct sockaddr *)&from, from_len), 1);
	assert_int_equal(recv(client, &byte, 1, 0), 1);
}

static void guest_network(struct world *w, const char *bridge, const char *address, const char *gateway)
{
	struct err err = ERR_INIT;

	enter(w->host);
	assert_ok(net_bridge_ensure("brmech", bridge, &err), &err);

	struct net_veth_spec spec = veth(w, "brmech");
	struct net_setup_spec setup = { .name = "eth0", .address = address, .gateway = gateway };

	assert_ok(net_veth_create(&spec, &err), &err);
	enter(w->guest);
	assert_ok(net_setup_guest(&setup, &err), &err);
	assert_true(is_up("lo"));
	assert_true(is_up("eth0"));
}

static void remove_guest_network(struct world *w)
{
	struct err err = ERR_INIT;

	enter(w->host);
	assert_ok(net_link_delete("vmech0", &err), &err);
	assert_ok(net_link_delete("brmech", &err), &err);
}

static void test_setup_ipv4(void **state)
{
	struct world *w = *state;
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(4000) };

	need_root();
	guest_network(w, "10.99.3.1/24", "10.99.3.5/24", "10.99.3.1");
	inet_pton(AF_INET, "10.99.3.1", &peer.sin_addr);
	assert_echo(w, AF_INET, (struct sockaddr *)&peer, sizeof(peer));

	/* Only a default route leads to an address outside of the network. */
	_cleanup_fd_ int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "192.0.2.1", &peer.sin_addr);
	assert_int_equal(connect(s, (struct sockaddr *)&peer, sizeof(peer)), 0);
	remove_guest_network(w);
}

static void test_setup_ipv6_is_usable_at_once(void **state)
{
	struct world *w = *state;
	struct sockaddr_in6 peer = { .sin6_family = AF_INET6, .sin6_port = htons(4000) };

	need_root();
	guest_network(w, "fd99::1/64", "fd99::5/64", "fd99::1");
	inet_pton(AF_INET6, "fd99::1", &peer.sin6_addr);
	assert_echo(w, AF_INET6, (struct sockaddr *)&peer, sizeof(peer));
	inet_pton(AF_INET6, "2001:db8::1", &peer.sin6_addr);

	_cleanup_fd_ int s = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(s, (struct sockaddr *)&peer, sizeof(peer)), 0);
	remove_guest_network(w);
}

/* Hosting providers route single addresses: the gateway is not in the network of a /32. */
static void test_gateway_outside(void **state)
{
	struct world *w = *state;
	struct sockaddr_in peer = { .sin_family = AF_INET, .sin_port = htons(4000) };

	need_root();
	guest_network(w, "10.99.3.1/24", "192.0.2.7/32", "10.99.3.1");

	_cleanup_fd_ int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, "198.51.100.1", &peer.sin_addr);
	assert_int_equal(connect(s, (struct sockaddr *)&peer, sizeof(peer)), 0);
	remove_guest_network(w);
}

static void test_setup_without_interface(void **state)
{
	struct world *w = *state;
	struct err err = ERR_INIT;
	struct net_setup_spec setup = { .name = NULL };

	need_root();
	enter(w->guest);
	assert_ok(net_setup_guest(&setup, &err), &err);
	assert_true(is_up("lo"));
	setup.name = "eth7";
	assert_int_equal(net_setup_guest(&setup, &err), -ENODEV);
	assert_err_has(&err, "'eth7'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bridge_is_made_once), cmocka_unit_test(test_bridge_name_is_taken),
		cmocka_unit_test(test_bridge_race),	    cmocka_unit_test(test_veth),
		cmocka_unit_test(test_veth_without_bridge), cmocka_unit_test(test_interface_names),
		cmocka_unit_test(test_setup_ipv4),	    cmocka_unit_test(test_setup_ipv6_is_usable_at_once),
		cmocka_unit_test(test_gateway_outside),	    cmocka_unit_test(test_setup_without_interface),
	};

	return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
