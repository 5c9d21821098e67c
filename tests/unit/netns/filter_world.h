/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "netns/filter.h"
#include "netns/link.h"

/*
 * Three network namespaces: a host with the filter, a guest whose root sends what it likes by raw sockets, and a
 * peer that looks at what arrives. Bridged, guest and peer are ports of one bridge; routed, the host forwards between them.
 */
#define FW_TABLE "ctctl-test"
#define FW_LINK	 "ctguest0"
#define FW_PEER	 "ctpeer0"
#define FW_BR	 "ctbr0"

static const uint8_t fw_guest_mac[6] = { 2, 0, 0, 0, 0, 0x0a };
static const uint8_t fw_peer_mac[6] = { 2, 0, 0, 0, 0, 0x0b };
static const uint8_t fw_other_mac[6] = { 2, 0, 0, 0, 0, 0x0c };

#define FW_GUEST4  "192.0.2.10"
#define FW_GUEST6  "2001:db8::10"
#define FW_PREFIX6 "2001:db8:5::/64"
#define FW_PEER4   "198.51.100.2"
#define FW_PEER6   "2001:db8:f::2"

struct fw_world {
	bool is_bridged;
	int old, host, guest, peer;
	int sender, observer; /* packet sockets in guest and peer */
	uint8_t next_hop[6];
	uint32_t serial;
	const char *mark_to; /* where honest packets go */
	struct net_address addresses[2], prefixes[1], local[1];
	struct net_filter_spec spec;
};

struct fw_frame {
	uint8_t data[512];
	size_t len;
	size_t serial_at; /* where its number is; 0: the last four bytes */
};

static inline struct net_address fw_address(const char *text)
{
	struct net_address a;
	struct err err = ERR_INIT;

	assert_ok(net_address_parse("test", text, NET_PREFIX_OPTIONAL, &a, &err), &err);
	return a;
}

static inline void fw_enter(int netns)
{
	assert_int_equal(setns(netns, CLONE_NEWNET), 0);
}

static inline int fw_new_netns(void)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);

	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static inline _unused_ void fw_up(const char *name)
{
	_cleanup_fd_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, name, strlen(name));
	assert_int_equal(ioctl(s, SIOCGIFFLAGS, &req), 0);
	req.ifr_flags = (short)(req.ifr_flags | IFF_UP);
	assert_int_equal(ioctl(s, SIOCSIFFLAGS, &req), 0);
}

static inline void fw_mac_of(const char *name, uint8_t ret[6])
{
	_cleanup_fd_ int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq req = { 0 };

	memcpy(req.ifr_name, name, strlen(name));
	assert_int_equal(ioctl(s, SIOCGIFHWADDR, &req), 0);
	memcpy(ret, req.ifr_hwaddr.sa_data, 6);
}

static inline int fw_packet_socket(int netns)
{
	struct timeval patience = { .tv_sec = 5 };

	fw_enter(netns);

	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	struct sockaddr_ll at = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex("eth0") };

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &(int){ 1 }, sizeof(int)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

static inline void fw_link(struct fw_world *w, const char *host_name, int netns, const uint8_t mac[6])
{
	struct err err = ERR_INIT;
	struct net_veth_spec veth = { .host_name = host_name, .guest_name = "eth0", .guest_netns_fd = netns };

	fw_enter(w->host);
	veth.bridge = w->is_bridged ? FW_BR : NULL;
	memcpy(veth.mac, mac, 6);
	assert_ok(net_veth_create(&veth, &err), &err);
}

/* The outside: what the peer has on its side, the host forwards. */
static inline void fw_route(struct fw_world *w)
{
	struct err err = ERR_INIT;
	struct net_address host[2] = { fw_address("198.51.100.1/24"), fw_address("2001:db8:f::1/64") };
	struct net_address peer[2] = { fw_address(FW_PEER4 "/24"), fw_address(FW_PEER6 "/64") };
	struct net_setup_spec setup = { .name = FW_PEER, .addresses = host, .n_addresses = 2 };
	struct net_routed_spec routed = {
		.link = FW_LINK, .addresses = w->addresses, .n_addresses = 2, .prefixes = w->prefixes, .n_prefixes = 1
	};

	memcpy(routed.guest_mac, fw_guest_mac, 6);
	assert_ok(net_setup_guest(&setup, &err), &err);
	assert_ok(net_routed_setup(&routed, &err), &err);
	assert_ok(net_forwarding_enable(AF_INET, &err), &err);
	assert_ok(net_forwarding_enable(AF_INET6, &err), &err);
	setup = (struct net_setup_spec){ .name = "eth0",
					 .addresses = peer,
					 .n_addresses = 2,
					 .has_default = true,
					 .gateways = { fw_address("198.51.100.1"), fw_address("2001:db8:f::1") } };
	fw_enter(w->peer);
	assert_ok(net_setup_guest(&setup, &err), &err);
	fw_enter(w->host);
}

static inline struct net_filter_node fw_node(struct fw_world *w)
{
	return (struct net_filter_node){ .table = FW_TABLE, .local = w->local, .n_local = 1 };
}

static inline void fw_free(struct fw_world *w)
{
	fw_enter(w->old);
	close(w->sender);
	close(w->observer);
	close(w->guest);
	close(w->peer);
	close(w->host);
	close(w->old);
	free(w);
}

static inline void fw_add(struct fw_frame *f, const void *part, size_t len)
{
	assert_true(f->len + len <= sizeof(f->data));
	memcpy(f->data + f->len, part, len);
	f->len += len;
}

static inline _unused_ struct fw_frame fw_ethernet(const uint8_t to[6], const uint8_t from[6], uint16_t type)
{
	struct fw_frame f = { .len = 0 };

	type = htons(type);
	fw_add(&f, to, 6);
	fw_add(&f, from, 6);
	fw_add(&f, &type, 2);
	return f;
}

static inline _unused_ void fw_ip4(struct fw_frame *f, const char *from, const char *to, uint8_t protocol, size_t payload)
{
	uint8_t h[20] = { 0x45, 0, (uint8_t)((20 + payload) >> 8), (uint8_t)(20 + payload), 0, 0, 0, 0, 64, protocol };
	uint32_t sum = 0;

	assert_int_equal(inet_pton(AF_INET, from, h + 12), 1);
	assert_int_equal(inet_pton(AF_INET, to, h + 16), 1);
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)(h[i] << 8 | h[i + 1]);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	h[10] = (uint8_t)(sum >> 8);
	h[11] = (uint8_t)sum;
	fw_add(f, h, sizeof(h));
}

static inline _unused_ void fw_ip6(struct fw_frame *f, const char *from, const char *to, uint8_t next, size_t payload)
{
	uint8_t h[40] = { 0x60, 0, 0, 0, (uint8_t)(payload >> 8), (uint8_t)payload, next, 255 };

	assert_int_equal(inet_pton(AF_INET6, from, h + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, to, h + 24), 1);
	fw_add(f, h, sizeof(h));
}

/* A payload of `size` bytes. */
static inline _unused_ void fw_udp(struct fw_frame *f, uint16_t from, uint16_t to, size_t size)
{
	uint8_t h[8] = { (uint8_t)(from >> 8), (uint8_t)from, (uint8_t)(to >> 8), (uint8_t)to, 0, (uint8_t)(8 + size) };
	uint8_t fill[256] = { 0 };

	fw_add(f, h, sizeof(h));
	fw_add(f, fill, size);
}

static inline _unused_ struct fw_frame fw_udp4(struct fw_world *w, const uint8_t mac[6], const char *from, const char *to,
					       uint16_t sport, uint16_t dport)
{
	struct fw_frame f = fw_ethernet(w->next_hop, mac, ETH_P_IP);

	fw_ip4(&f, from, to, IPPROTO_UDP, 8 + 24);
	fw_udp(&f, sport, dport, 24);
	return f;
}

static inline _unused_ struct fw_frame fw_udp6(struct fw_world *w, const uint8_t mac[6], const char *from, const char *to,
					       uint16_t sport, uint16_t dport)
{
	struct fw_frame f = fw_ethernet(w->next_hop, mac, ETH_P_IPV6);

	fw_ip6(&f, from, to, IPPROTO_UDP, 8 + 24);
	fw_udp(&f, sport, dport, 24);
	return f;
}

/* Sends a frame with a new serial number, which it returns. */
static inline uint32_t fw_send(struct fw_world *w, struct fw_frame f)
{
	uint32_t serial = 0xc7c70000 + ++w->serial;

	memcpy(f.data + (f.serial_at ? f.serial_at : f.len - 4), &serial, 4);
	assert_int_equal(send(w->sender, f.data, f.len, 0), f.len);
	return serial;
}

/* The next frame that arrives at a packet socket, which must come within 5 s. */
static inline struct fw_frame fw_receive(int fd)
{
	struct fw_frame f = { .len = 0 };
	struct sockaddr_ll from;

	for (;;) {
		socklen_t room = sizeof(from);
		ssize_t n = recvfrom(fd, f.data, sizeof(f.data), 0, (struct sockaddr *)&from, &room);

		if (n < 0)
			fail_msg("no frame arrived: %s", strerror(errno));
		if (from.sll_pkttype == PACKET_OUTGOING)
			continue;
		f.len = (size_t)n;
		return f;
	}
}

static inline bool fw_is(const struct fw_frame *f, uint32_t serial)
{
	return memmem(f->data, f->len, &serial, sizeof(serial)) != NULL;
}

/* Reads what arrives up to `serial`; returns whether `other` was among it. */
static inline bool fw_wait(struct fw_world *w, uint32_t serial, uint32_t other)
{
	bool seen = false;

	for (;;) {
		struct fw_frame f = fw_receive(w->observer);

		seen = seen || fw_is(&f, other);
		if (fw_is(&f, serial))
			return seen;
	}
}

static inline struct fw_frame fw_honest(struct fw_world *w)
{
	return fw_udp4(w, fw_guest_mac, FW_GUEST4, w->mark_to, 5000, 5001);
}

/* A port begins to forward, and a neighbour is known, a moment after its link is up: frames are sent until one arrives. */
static inline void fw_warm_up(struct fw_world *w)
{
	struct pollfd p = { .fd = w->observer, .events = POLLIN };

	for (int i = 0; i < 100; i++) {
		uint32_t serial = fw_send(w, fw_honest(w));

		while (poll(&p, 1, 50) == 1) {
			struct fw_frame f = fw_receive(w->observer);

			if (fw_is(&f, serial))
				return;
		}
	}
	fail_msg("no frame arrives");
}

static inline struct fw_world *fw_new(bool is_bridged)
{
	struct fw_world *w = calloc(1, sizeof(*w));
	struct err err = ERR_INIT;

	assert_non_null(w);
	w->is_bridged = is_bridged;
	w->mark_to = FW_PEER4;
	w->old = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	w->guest = fw_new_netns();
	w->peer = fw_new_netns();
	w->host = fw_new_netns();
	w->addresses[0] = fw_address(FW_GUEST4);
	w->addresses[1] = fw_address(FW_GUEST6);
	w->prefixes[0] = fw_address(FW_PREFIX6);
	w->local[0] = fw_address("203.0.113.0/24");
	w->spec = (struct net_filter_spec){
		.link = FW_LINK, .is_bridged = is_bridged, .addresses = w->addresses, .n_addresses = 2
	};
	memcpy(w->spec.mac, fw_guest_mac, 6);
	if (is_bridged)
		assert_ok(net_bridge_ensure(FW_BR, NULL, 0, &err), &err);
	fw_link(w, FW_LINK, w->guest, fw_guest_mac);
	fw_link(w, FW_PEER, w->peer, fw_peer_mac);
	fw_enter(w->guest);
	fw_up("eth0");
	fw_enter(w->peer);
	fw_up("eth0");
	fw_enter(w->host);
	memcpy(w->next_hop, fw_peer_mac, 6);
	if (!is_bridged)
		fw_mac_of(FW_LINK, w->next_hop);
	if (!is_bridged)
		fw_route(w);
	w->sender = fw_packet_socket(w->guest);
	w->observer = fw_packet_socket(w->peer);
	fw_enter(w->host);

	fw_warm_up(w);

	struct net_filter_node node = fw_node(w);

	assert_ok(net_filter_open(&node, &err), &err);
	return w;
}

/* Does it arrive? An honest packet that follows it says when to stop waiting, and that packets do arrive. */
static inline _unused_ bool fw_arrives(struct fw_world *w, struct fw_frame f)
{
	uint32_t serial = fw_send(w, f);

	return fw_wait(w, fw_send(w, fw_honest(w)), serial);
}

static inline _unused_ struct net_traffic fw_read(struct fw_world *w)
{
	struct net_traffic t;
	struct err err = ERR_INIT;

	assert_ok(net_filter_read(FW_TABLE, FW_LINK, w->is_bridged, &t, &err), &err);
	return t;
}

#define fw_need_root()                                 \
	do {                                           \
		if (geteuid() != 0) {                  \
			print_message("needs root\n"); \
			skip();                        \
		}                                      \
	} while (0)
