/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "scratch.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/proc.h"
#include "netns/link.h"

/*
 * Network namespaces of a test's own, which go with it: the host's, a guest's, and one that is another guest or the host's LAN.
 * WORLD_TEST(f) has *state a struct world, and skips without root. The test begins in the host's.
 */
struct world {
	int old;
	int host;
	int guest;
	int lan;
};

static const uint8_t guest_mac[6] = { 0x02, 0x00, 0x0a, 0x00, 0x03, 0x05 };
static const uint8_t lan_mac[6] = { 0x02, 0x00, 0x0a, 0x00, 0x03, 0x06 };
#define GUEST_LINK_LOCAL "fe80::aff:fe00:305"

static inline _unused_ void enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static inline int world_new_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);

	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline _unused_ int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	if (!w || geteuid() != 0)
		return w ? 0 : -1;
	w->old = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	w->guest = world_new_netns();
	w->lan = world_new_netns();
	w->host = world_new_netns();
	return 0;
}

static inline _unused_ int world_teardown(void **state)
{
	struct world *w = *state;

	if (geteuid() == 0) {
		enter(w->old);
		close(w->host);
		close(w->guest);
		close(w->lan);
		close(w->old);
	}
	free(w);
	return 0;
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* "10.0.3.5" or "fd00::5/64". */
static inline _unused_ struct net_address addr(const char *text)
{
	struct net_address a = { 0 };
	struct err err = ERR_INIT;

	assert_ok(net_address_parse("address", text, NET_PREFIX_OPTIONAL, &a, &err), &err);
	return a;
}

static inline _unused_ struct ifreq ask(const char *name, unsigned long request)
{
	_cleanup_fd_ int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, name, strlen(name));
	if (ioctl(s, request, &req) < 0)
		req.ifr_name[0] = '\0';
	return req;
}

static inline _unused_ bool is_up(const char *name)
{
	return ask(name, SIOCGIFFLAGS).ifr_flags & IFF_UP;
}

static inline _unused_ void set_down(const char *name)
{
	_cleanup_fd_ int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = ask(name, SIOCGIFFLAGS);

	req.ifr_flags &= (short)~IFF_UP;
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &req), 0);
}

/* Does the interface have this address? */
static inline _unused_ bool has_address(const char *name, const char *text)
{
	struct net_address wanted = addr(text);
	struct ifaddrs *list = NULL;
	bool found = false;

	assert_int_equal(getifaddrs(&list), 0);
	for (struct ifaddrs *i = list; i; i = i->ifa_next) {
		const void *bytes = wanted.family == AF_INET ? (const void *)&((struct sockaddr_in *)i->ifa_addr)->sin_addr
							     : &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr;

		if (i->ifa_addr && i->ifa_addr->sa_family == wanted.family && strcmp(i->ifa_name, name) == 0)
			found |= memcmp(bytes, wanted.bytes, net_address_len(&wanted)) == 0;
	}
	freeifaddrs(list);
	return found;
}

static inline _unused_ int count_addresses(const char *name, int family)
{
	struct ifaddrs *list = NULL;
	int n = 0;

	assert_int_equal(getifaddrs(&list), 0);
	for (struct ifaddrs *i = list; i; i = i->ifa_next)
		n += i->ifa_addr && i->ifa_addr->sa_family == family && strcmp(i->ifa_name, name) == 0;
	freeifaddrs(list);
	return n;
}

/* The value of a setting of the namespace that the test is in, below /proc/sys/net. */
static inline _unused_ int setting(const char *name)
{
	_cleanup_free_ char *path = NULL, *text = NULL;

	assert_true(asprintf(&path, "/proc/sys/net/%s", name) > 0);
	return fd_read_file_at(AT_FDCWD, path, 64, &text) < 0 ? -1 : atoi(text);
}

static inline _unused_ void change_setting(const char *name, const char *value)
{
	_cleanup_free_ char *path = NULL;

	assert_true(asprintf(&path, "/proc/sys/net/%s", name) > 0);
	assert_int_equal(fd_write_file_at(AT_FDCWD, path, value), 0);
}

static inline _unused_ void make_veth(int netns, const char *host_name, const char *guest_name, const uint8_t mac[6],
				      const char *bridge)
{
	struct net_veth_spec spec = {
		.host_name = host_name, .guest_name = guest_name, .guest_netns_fd = netns, .bridge = bridge
	};
	struct err err = ERR_INIT;

	memcpy(spec.mac, mac, sizeof(spec.mac));
	assert_ok(net_veth_create(&spec, &err), &err);
}

/* In the namespace that the test is in: an interface with its addresses, without a gateway. */
static inline _unused_ void set_up(const char *name, const char *address4, const char *address6)
{
	struct net_address addresses[] = { addr(address4), addr(address6) };
	struct net_setup_spec spec = { .name = name, .addresses = addresses, .n_addresses = 2 };
	struct err err = ERR_INIT;

	assert_ok(net_setup_loopback(&err), &err);
	assert_ok(net_setup_guest(&spec, &err), &err);
}

static inline socklen_t world_sockaddr(const char *text, const char *interface, struct sockaddr_storage *ret)
{
	struct net_address a = addr(text);

	*ret = (struct sockaddr_storage){ .ss_family = (sa_family_t)a.family };
	if (a.family == AF_INET) {
		struct sockaddr_in *in = (struct sockaddr_in *)ret;

		in->sin_port = htons(4000);
		memcpy(&in->sin_addr, a.bytes, 4);
		return sizeof(*in);
	}

	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;

	in6->sin6_port = htons(4000);
	memcpy(&in6->sin6_addr, a.bytes, 16);
	in6->sin6_scope_id = interface ? if_nametoindex(interface) : 0;
	return sizeof(*in6);
}

static inline int world_udp(int family, int timeout_ms)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	return fd;
}

/* Is there a route to it from here? */
static inline _unused_ bool has_route(const char *address)
{
	struct sockaddr_storage to;
	socklen_t len = world_sockaddr(address, NULL, &to);
	_cleanup_fd_ int fd = world_udp(to.ss_family, 1000);

	return connect(fd, (struct sockaddr *)&to, len) == 0;
}

/*
 * Does a datagram of `from` (from its own address `source`, NULL: any) reach `address` in `to`, and its answer come back? It is
 * sent at most `tries` times. An address of one link is looked for on `from_if` and `to_if`.
 */
struct echo {
	int from, to;
	const char *source, *address;
	const char *from_if, *to_if;
	int tries;
	int timeout_ms;
};

/* Those of an earlier try, which an unanswered ARP request held back until now, are not ours. */
static inline bool world_receive(int fd, uint64_t nonce, struct sockaddr_storage *ret_peer, socklen_t *ret_len)
{
	uint64_t got = 0;

	do
		*ret_len = sizeof(*ret_peer);
	while (recvfrom(fd, &got, sizeof(got), 0, (struct sockaddr *)ret_peer, ret_len) == sizeof(got) && got != nonce);
	return got == nonce;
}

static inline _unused_ bool echo(const struct echo *e)
{
	struct sockaddr_storage server_addr, to_addr, source_addr, peer;
	socklen_t peer_len;
	int timeout_ms = e->timeout_ms ? e->timeout_ms : 5000;
	uint64_t nonce = proc_now_ms();
	bool arrived = false;

	enter(e->to);
	socklen_t len = world_sockaddr(e->address, e->to_if, &server_addr);
	_cleanup_fd_ int server = world_udp(server_addr.ss_family, timeout_ms);

	assert_int_equal(bind(server, (struct sockaddr *)&server_addr, len), 0);
	enter(e->from);
	(void)world_sockaddr(e->address, e->from_if, &to_addr);
	_cleanup_fd_ int client = world_udp(to_addr.ss_family, timeout_ms);

	if (e->source) {
		(void)world_sockaddr(e->source, e->from_if, &source_addr);
		assert_int_equal(bind(client, (struct sockaddr *)&source_addr, len), 0);
	}
	for (int i = 0; i < (e->tries ? e->tries : 1) && !arrived; i++) {
		if (sendto(client, &nonce, sizeof(nonce), 0, (struct sockaddr *)&to_addr, len) != sizeof(nonce))
			return false;
		arrived = world_receive(server, nonce, &peer, &peer_len);
	}
	if (!arrived || sendto(server, &nonce, sizeof(nonce), 0, (struct sockaddr *)&peer, peer_len) != sizeof(nonce))
		return false;
	return world_receive(client, nonce, &peer, &peer_len);
}
