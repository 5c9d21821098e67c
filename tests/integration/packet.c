/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * packet send INTERFACE TOKEN KIND [KEY=VALUE...]: one frame, exactly as told, by a raw socket: what root in a guest can do.
 * packet watch INTERFACE UNTIL TOKEN...: says "ready", then counts the incoming frames with each of the tokens in them, until one
 * comes with UNTIL in it; prints the counts in one line, or that it did not come in time, with status 1. Frames keep their order
 * on the way: what was sent before UNTIL and is not counted did not come.
 *
 * KIND   udp4 udp6 syn4 icmp4 icmp6 arp raw
 * KEY    smac dmac (Ethernet)  vlan (a tag before all)  ethertype (raw)  src dst sport dport  type code (icmp)
 *        op (1 request, 2 reply) sha spa tha tpa (arp)  target (icmp6: neighbour messages)
 *        lladdr (their option) option (its type)  count (how often)
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WATCH_TIMEOUT_MS 20000
#define TOKENS_MAX	 32

struct frame {
	char **keys; /* what the caller said of it */
	uint8_t bytes[2048];
	size_t len;
};

/* So that none is found in another one. */
static const char *bracketed(const char *token)
{
	char *text;

	return asprintf(&text, "<%s>", token) < 0 ? NULL : text;
}

static void die(const char *what, const char *why)
{
	fprintf(stderr, "packet: %s: %s\n", what, why);
	exit(2);
}

static const char *value(const struct frame *f, const char *key, const char *unless)
{
	size_t len = strlen(key);

	for (char **k = f->keys; *k; k++) {
		if (strncmp(*k, key, len) == 0 && (*k)[len] == '=')
			return *k + len + 1;
	}
	if (!unless)
		die(key, "is needed");
	return unless;
}

static unsigned long number(const struct frame *f, const char *key, const char *unless)
{
	return strtoul(value(f, key, unless), NULL, 0);
}

static void put(struct frame *f, const void *bytes, size_t n)
{
	if (f->len + n > sizeof(f->bytes))
		die("frame", "too long");
	memcpy(f->bytes + f->len, bytes, n);
	f->len += n;
}

static void put8(struct frame *f, unsigned long v)
{
	uint8_t b = (uint8_t)v;

	put(f, &b, 1);
}

static void put16(struct frame *f, unsigned long v)
{
	uint16_t b = htons((uint16_t)v);

	put(f, &b, 2);
}

static void put32(struct frame *f, unsigned long v)
{
	uint32_t b = htonl((uint32_t)v);

	put(f, &b, 4);
}

static void put_mac(struct frame *f, const char *text)
{
	unsigned b[6];

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != 6)
		die(text, "is no MAC");
	for (int i = 0; i < 6; i++)
		put8(f, b[i]);
}

static void put_address(struct frame *f, int family, const char *text)
{
	uint8_t b[16];

	if (inet_pton(family, text, b) != 1)
		die(text, "is no address of that family");
	put(f, b, family == AF_INET ? 4 : 16);
}

static uint32_t sum(const uint8_t *bytes, size_t n, uint32_t s)
{
	for (size_t i = 0; i < n; i++)
		s += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	return s;
}

static void set_checksum(struct frame *f, size_t at, uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	f->bytes[at] = (uint8_t)(s >> 8);
	f->bytes[at + 1] = (uint8_t)s;
}

static void put_ethernet(struct frame *f, unsigned long type)
{
	put_mac(f, value(f, "dmac", NULL));
	put_mac(f, value(f, "smac", NULL));
	if (*value(f, "vlan", "")) {
		put16(f, 0x8100);
		put16(f, number(f, "vlan", NULL));
	}
	put16(f, type);
}

/* An IP header for `body`, then the body, whose checksum is at `at` (0: none) and covers the pseudo header where `pseudo`. */
static void put_ip(struct frame *f, int family, unsigned protocol, struct frame *body, size_t at, int pseudo)
{
	size_t start = f->len;
	uint32_t s = 0;

	if (family == AF_INET) {
		put16(f, 0x4500);
		put16(f, 20 + body->len);
		put32(f, 0);
		put16(f, 64 << 8 | protocol);
		put16(f, 0);
		put_address(f, AF_INET, value(f, "src", NULL));
		put_address(f, AF_INET, value(f, "dst", NULL));
		set_checksum(f, start + 10, sum(f->bytes + start, 20, 0));
		s = sum(f->bytes + start + 12, 8, 0);
	} else {
		put32(f, 0x60000000);
		put16(f, body->len);
		put16(f, protocol << 8 | 255);
		put_address(f, AF_INET6, value(f, "src", NULL));
		put_address(f, AF_INET6, value(f, "dst", NULL));
		s = sum(f->bytes + start + 8, 32, 0);
	}
	s = pseudo ? s + protocol + (uint32_t)body->len : 0;
	if (at)
		set_checksum(body, at, sum(body->bytes, body->len, s));
	put(f, body->bytes, body->len);
}

static void build_udp(struct frame *f, int family, const char *token)
{
	struct frame body = { .len = 0 };

	put16(&body, number(f, "sport", "4000"));
	put16(&body, number(f, "dport", "4000"));
	put16(&body, 8 + strlen(token));
	put16(&body, 0);
	put(&body, token, strlen(token));
	put_ethernet(f, family == AF_INET ? 0x0800 : 0x86dd);
	put_ip(f, family, IPPROTO_UDP, &body, 6, 1);
}

static void build_syn(struct frame *f, const char *token)
{
	struct frame body = { .len = 0 };

	put16(&body, number(f, "sport", "4000"));
	put16(&body, number(f, "dport", "4000"));
	put32(&body, 1);
	put32(&body, 0);
	put16(&body, 0x5002);
	put16(&body, 1024);
	put32(&body, 0);
	put(&body, token, strlen(token));
	put_ethernet(f, 0x0800);
	put_ip(f, AF_INET, IPPROTO_TCP, &body, 16, 1);
}

static void build_icmp(struct frame *f, int family, const char *token)
{
	struct frame body = { .len = 0 };

	put8(&body, number(f, "type", NULL));
	put8(&body, number(f, "code", "0"));
	put16(&body, 0);
	put32(&body, number(f, "flags", "0"));
	/* A router advertisement is longer (RFC 4861, 4.2), or it is none. */
	if (family == AF_INET6 && number(f, "type", NULL) == 134) {
		put32(&body, 0);
		put32(&body, 0);
	}
	if (*value(f, "target", ""))
		put_address(&body, family, value(f, "target", NULL));
	if (*value(f, "lladdr", "")) {
		put8(&body, number(f, "option", "2"));
		put8(&body, 1);
		put_mac(&body, value(f, "lladdr", NULL));
	}
	/* Neighbour messages end with options in units of 8 bytes; whoever does not know one (RFC 4727: 253) passes over it. */
	if (*value(f, "target", "")) {
		put8(&body, 253);
		put8(&body, (2 + strlen(token) + 7) / 8);
	}
	put(&body, token, strlen(token));
	while (*value(f, "target", "") && body.len % 8)
		put8(&body, 0);
	put_ethernet(f, family == AF_INET ? 0x0800 : 0x86dd);
	put_ip(f, family, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6, &body, 2, family == AF_INET6);
}

static void build_arp(struct frame *f, const char *token)
{
	put_ethernet(f, 0x0806);
	put16(f, 1);
	put16(f, 0x0800);
	put16(f, 0x0604);
	put16(f, number(f, "op", "2"));
	put_mac(f, value(f, "sha", value(f, "smac", NULL)));
	put_address(f, AF_INET, value(f, "spa", NULL));
	put_mac(f, value(f, "tha", "00:00:00:00:00:00"));
	put_address(f, AF_INET, value(f, "tpa", NULL));
	put(f, token, strlen(token));
}

static void build(struct frame *f, const char *kind, const char *token)
{
	if (strcmp(kind, "udp4") == 0 || strcmp(kind, "udp6") == 0) {
		build_udp(f, kind[3] == '4' ? AF_INET : AF_INET6, token);
	} else if (strcmp(kind, "icmp4") == 0 || strcmp(kind, "icmp6") == 0) {
		build_icmp(f, kind[4] == '4' ? AF_INET : AF_INET6, token);
	} else if (strcmp(kind, "syn4") == 0) {
		build_syn(f, token);
	} else if (strcmp(kind, "arp") == 0) {
		build_arp(f, token);
	} else if (strcmp(kind, "raw") == 0) {
		put_ethernet(f, number(f, "ethertype", NULL));
		put(f, token, strlen(token));
	} else {
		die(kind, "is no kind of packet");
	}
	while (f->len < ETH_ZLEN)
		put8(f, 0);
}

static int open_raw(const char *interface)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	at.sll_ifindex = (int)if_nametoindex(interface);
	if (sock < 0 || at.sll_ifindex == 0 || bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		die(interface, "cannot be opened");
	return sock;
}

static int send_frames(const char *interface, const char *token, const char *kind, char **keys)
{
	struct frame f = { .keys = keys };
	int sock = open_raw(interface);

	build(&f, kind, token);
	for (unsigned long i = number(&f, "count", "1"); i > 0; i--) {
		if (send(sock, f.bytes, f.len, 0) != (ssize_t)f.len)
			die("send", "failed");
	}
	return 0;
}

static int watch(const char *interface, const char *until, char **tokens)
{
	unsigned long counts[TOKENS_MAX] = { 0 };
	struct packet_mreq all = { .mr_type = PACKET_MR_PROMISC };
	struct sockaddr_ll from = { .sll_pkttype = 0 };
	uint8_t bytes[65536];
	int sock = open_raw(interface), seen = 0, room = 8 << 20;

	all.mr_ifindex = (int)if_nametoindex(interface);
	/* A burst must find room; in a guest, what is allowed has to do. */
	if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		(void)!setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (setsockopt(sock, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
		die(interface, "cannot be watched");
	puts("ready");
	fflush(stdout);
	while (!seen) {
		struct pollfd set = { .fd = sock, .events = POLLIN };
		socklen_t from_len = sizeof(from);

		if (poll(&set, 1, WATCH_TIMEOUT_MS) <= 0)
			break;

		ssize_t n = recvfrom(sock, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_len);

		if (n < 0 || from.sll_pkttype == PACKET_OUTGOING)
			continue;
		for (int i = 0; i < TOKENS_MAX && tokens[i]; i++)
			counts[i] += memmem(bytes, (size_t)n, tokens[i], strlen(tokens[i])) != NULL;
		seen = memmem(bytes, (size_t)n, until, strlen(until)) != NULL;
	}
	if (!seen) {
		printf("'%s' did not come\n", until);
		return 1;
	}
	for (int i = 0; i < TOKENS_MAX && tokens[i]; i++)
		printf("%s%lu", i ? " " : "", counts[i]);
	putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 5 && strcmp(argv[1], "send") == 0)
		return send_frames(argv[2], bracketed(argv[3]), argv[4], argv + 5);
	for (int i = 3; i < argc; i++)
		argv[i] = (char *)bracketed(argv[i]);
	if (argc >= 4 && strcmp(argv[1], "watch") == 0)
		return watch(argv[2], argv[3], argv + 4);
	fprintf(stderr, "usage: packet send INTERFACE TOKEN KIND [KEY=VALUE...] | packet watch INTERFACE UNTIL [TOKEN...]\n");
	return 2;
}
