/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "filter_world.h"

/* Networks behind the host, with real connections; and a kernel that cannot. */

#define NAT_GUEST4 "10.9.0.2"
#define NAT_GUEST6 "fd09::2"
#define HOST4	   "198.51.100.1"
#define HOST6	   "2001:db8:f::1"

/* A bridge of its own with the guest on it; the peer is beyond the host, and knows a way to the guest. */
struct nat {
	int old, host, guest, other, peer; /* `other`: a second guest */
	struct net_address guests[2];
	struct net_filter_spec spec;
};

static void give(int netns, const char *name, const char *a4, const char *a6, const char *gw4, const char *gw6)
{
	struct err err = ERR_INIT;
	struct net_address addresses[2] = { fw_address(a4), fw_address(a6) };
	struct net_setup_spec setup = { .name = name, .addresses = addresses, .n_addresses = 2 };

	if (gw4) {
		setup.gateways[0] = fw_address(gw4);
		setup.gateways[1] = fw_address(gw6);
		setup.has_default = true;
	}
	fw_enter(netns);
	assert_ok(net_setup_loopback(&err), &err);
	assert_ok(net_setup_guest(&setup, &err), &err);
}

static struct nat nat_new(void)
{
	struct nat n = { .old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) };
	struct err err = ERR_INIT;
	struct net_address bridge[2] = { fw_address("10.9.0.1/24"), fw_address("fd09::1/64") };
	struct net_address networks[2] = { fw_address("10.9.0.0/24"), fw_address("fd09::/64") };
	struct net_filter_node node = { .table = FW_TABLE };
	struct net_veth_spec veth = { .host_name = FW_LINK, .guest_name = "eth0", .bridge = FW_BR };

	n.guest = fw_new_netns();
	n.other = fw_new_netns();
	n.peer = fw_new_netns();
	n.host = fw_new_netns();
	assert_ok(net_bridge_ensure(FW_BR, bridge, 2, &err), &err);
	veth.guest_netns_fd = n.guest;
	memcpy(veth.mac, fw_guest_mac, 6);
	assert_ok(net_veth_create(&veth, &err), &err);
	veth.host_name = "ctguest1";
	veth.guest_netns_fd = n.other;
	memcpy(veth.mac, fw_other_mac, 6);
	assert_ok(net_veth_create(&veth, &err), &err);
	veth = (struct net_veth_spec){ .host_name = FW_PEER, .guest_name = "eth0", .guest_netns_fd = n.peer };
	memcpy(veth.mac, fw_peer_mac, 6);
	assert_ok(net_veth_create(&veth, &err), &err);
	give(n.host, FW_PEER, HOST4 "/24", HOST6 "/64", NULL, NULL);
	assert_ok(net_forwarding_enable(AF_INET, &err), &err);
	assert_ok(net_forwarding_enable(AF_INET6, &err), &err);
	give(n.guest, "eth0", NAT_GUEST4 "/24", NAT_GUEST6 "/64", "10.9.0.1", "fd09::1");
	give(n.other, "eth0", "10.9.0.3/24", "fd09::3/64", "10.9.0.1", "fd09::1");
	give(n.peer, "eth0", FW_PEER4 "/24", FW_PEER6 "/64", HOST4, HOST6);
	fw_enter(n.host);
	assert_ok(net_filter_open(&node, &err), &err);
	assert_ok(net_filter_add_nat(FW_TABLE, FW_BR, networks, 2, &err), &err);
	assert_ok(net_filter_add_nat(FW_TABLE, FW_BR, networks, 2, &err), &err);
	n.guests[0] = fw_address(NAT_GUEST4);
	n.guests[1] = fw_address(NAT_GUEST6);
	n.spec = (struct net_filter_spec){ .link = FW_LINK, .is_bridged = true, .n_addresses = 2 };
	memcpy(n.spec.mac, fw_guest_mac, 6);
	return n;
}

static void nat_free(struct nat *n)
{
	fw_enter(n->old);
	close(n->host);
	close(n->guest);
	close(n->other);
	close(n->peer);
	close(n->old);
}

static struct sockaddr_storage at(const char *address, uint16_t port)
{
	struct sockaddr_storage s = { 0 };
	struct sockaddr_in *s4 = (struct sockaddr_in *)&s;
	struct sockaddr_in6 *s6 = (struct sockaddr_in6 *)&s;

	if (strchr(address, ':')) {
		*s6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = htons(port) };
		assert_int_equal(inet_pton(AF_INET6, address, &s6->sin6_addr), 1);
	} else {
		*s4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
		assert_int_equal(inet_pton(AF_INET, address, &s4->sin_addr), 1);
	}
	return s;
}

static int serve(int netns, const char *address, uint16_t port)
{
	struct sockaddr_storage s = at(address, port);
	int fd;

	fw_enter(netns);
	fd = socket(s.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&s, sizeof(s)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

/* Is there an answer within `ms`? `server` gets the connection, and *ret_from who it believes it is from. */
static bool connects(int netns, const char *address, uint16_t port, int server, int ms, char ret_from[INET6_ADDRSTRLEN])
{
	struct sockaddr_storage s = at(address, port), from;
	socklen_t len = sizeof(from);

	fw_enter(netns);

	_cleanup_fd_ int fd = socket(s.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&s, sizeof(s)) < 0 && errno != EINPROGRESS)
		return false;
	if (poll(&p, 1, ms) != 1 || (p.revents & (POLLERR | POLLHUP)))
		return false;

	_cleanup_fd_ int got = accept4(server, (struct sockaddr *)&from, &len, SOCK_CLOEXEC);

	assert_true(got >= 0);
	if (from.ss_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)&from)->sin_addr, ret_from, INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)&from)->sin6_addr, ret_from, INET6_ADDRSTRLEN);
	return true;
}

static void test_masquerade(void **state)
{
	(void)state;
	fw_need_root();

	struct nat n = nat_new();
	struct err err = ERR_INIT;
	char from[INET6_ADDRSTRLEN];
	_cleanup_fd_ int server4 = serve(n.peer, FW_PEER4, 80);
	_cleanup_fd_ int server6 = serve(n.peer, FW_PEER6, 80);

	n.spec.addresses = n.guests;
	fw_enter(n.host);
	assert_ok(net_filter_add(FW_TABLE, &n.spec, &err), &err);
	assert_true(connects(n.guest, FW_PEER4, 80, server4, 5000, from));
	assert_string_equal(from, HOST4);
	assert_true(connects(n.guest, FW_PEER6, 80, server6, 5000, from));
	assert_string_equal(from, HOST6);
	nat_free(&n);
}

static void test_publish(void **state)
{
	(void)state;
	fw_need_root();

	struct nat n = nat_new();
	struct err err = ERR_INIT;
	char from[INET6_ADDRSTRLEN];
	_cleanup_fd_ int server4 = serve(n.guest, NAT_GUEST4, 80);
	_cleanup_fd_ int server6 = serve(n.guest, NAT_GUEST6, 80);
	struct net_publish publish[2] = {
		{ .protocol = IPPROTO_TCP, .host_port = 8080, .guest_port = 80 },
		{ .protocol = IPPROTO_TCP, .host_port = 8081, .guest_port = 80, .listen = fw_address(HOST4) },
	};

	n.spec.addresses = n.guests;
	n.spec.publish = publish;
	n.spec.n_publish = 2;
	fw_enter(n.host);
	assert_ok(net_filter_add(FW_TABLE, &n.spec, &err), &err);
	assert_true(connects(n.peer, HOST4, 8080, server4, 5000, from));
	assert_string_equal(from, FW_PEER4);
	assert_true(connects(n.peer, HOST6, 8080, server6, 5000, from));
	assert_string_equal(from, FW_PEER6);
	assert_true(connects(n.peer, HOST4, 8081, server4, 5000, from));
	/* From the host, by any of its addresses, and from its neighbour on the bridge. */
	assert_true(connects(n.host, HOST4, 8080, server4, 5000, from));
	assert_true(connects(n.host, "10.9.0.1", 8080, server4, 5000, from));
	assert_true(connects(n.other, HOST4, 8080, server4, 5000, from));
	assert_string_equal(from, "10.9.0.1");
	assert_true(connects(n.other, HOST6, 8080, server6, 5000, from));
	assert_string_equal(from, "fd09::1");
	/* Nothing else: not by the other family, not past the published port. */
	assert_false(connects(n.peer, HOST6, 8081, server6, 300, from));
	assert_false(connects(n.peer, NAT_GUEST4, 80, server4, 300, from));
	assert_false(connects(n.peer, NAT_GUEST6, 80, server6, 300, from));
	nat_free(&n);
}

static void test_publish_conflict(void **state)
{
	(void)state;
	fw_need_root();

	struct nat n = nat_new();
	struct err err = ERR_INIT;
	struct net_publish publish = { .protocol = IPPROTO_UDP, .host_port = 5353, .guest_port = 53 };
	struct net_filter_spec other = n.spec;
	struct net_traffic t;

	n.spec.addresses = other.addresses = n.guests;
	n.spec.publish = other.publish = &publish;
	n.spec.n_publish = other.n_publish = 1;
	other.link = "ctguest1";
	assert_ok(net_filter_add(FW_TABLE, &n.spec, &err), &err);
	assert_ok(net_filter_add(FW_TABLE, &n.spec, &err), &err);
	assert_int_equal(net_filter_add(FW_TABLE, &other, &err), -EEXIST);
	assert_err_has(&err, "5353");
	assert_err_has(&err, FW_LINK);
	assert_int_equal(net_filter_read(FW_TABLE, other.link, true, &t, &err), -ENOENT);
	/* What cleans up after the failure leaves the first one's alone. */
	assert_ok(net_filter_remove(FW_TABLE, &other, NULL, &err), &err);
	assert_int_equal(net_filter_add(FW_TABLE, &other, &err), -EEXIST);
	assert_ok(net_filter_remove(FW_TABLE, &n.spec, NULL, &err), &err);
	assert_ok(net_filter_add(FW_TABLE, &other, &err), &err);
	nat_free(&n);
}

/* As on a kernel without netfilter: no socket of its kind. */
static void without_netfilter(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NETLINK_NETFILTER, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPROTONOSUPPORT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		_exit(100);
}

static int open_in_child(bool supported)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct net_filter_node node = { .table = FW_TABLE };
		struct err err = ERR_INIT;

		if (!supported)
			without_netfilter();
		else if (setuid(65534) < 0)
			_exit(101);
		if (net_filter_open(&node, &err) >= 0)
			_exit(102);
		_exit((int)err.exit);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_no_netfilter(void **state)
{
	(void)state;
	fw_need_root();
	assert_int_equal(open_in_child(false), EXIT_UNSUPPORTED);
	assert_int_equal(open_in_child(true), EXIT_PERMISSION);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_masquerade),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_publish_conflict),
		cmocka_unit_test(test_no_netfilter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
