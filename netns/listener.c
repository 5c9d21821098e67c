/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* A line of /proc/net/tcp and its like (proc_pid_net(5)): "  0: 00000000:0016 00000000:0000 0A ...". */
struct entry {
	struct net_address address;
	unsigned int port;
	unsigned int state;
};

/* Words of 32 bits in the order of the network, each printed as a number of the host. */
static bool parse_address(const char *hex, int family, struct net_address *ret)
{
	*ret = (struct net_address){ .family = family };
	ret->prefix = net_address_bits(ret);
	if (strlen(hex) != net_address_len(ret) * 2)
		return false;
	for (size_t i = 0; i < net_address_len(ret); i += 4) {
		char word[9] = { 0 };
		uint32_t number;

		memcpy(word, hex + i * 2, 8);
		number = (uint32_t)strtoul(word, NULL, 16);
		memcpy(ret->bytes + i, &number, sizeof(number));
	}
	return true;
}

static bool parse_entry(const char *line, int family, struct entry *ret)
{
	char hex[33];

	return sscanf(line, " %*[0-9]: %32[0-9A-F]:%4x %*[0-9A-F]:%*4x %2x", hex, &ret->port, &ret->state) == 3 &&
	       parse_address(hex, family, &ret->address);
}

/* An IPv4 address of an IPv6 socket is what it stands for (RFC 4291, 2.5.5.2). */
static void unmap(struct net_address *io)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (io->family != AF_INET6 || memcmp(io->bytes, mapped, sizeof(mapped)) != 0)
		return;
	*io = (struct net_address){
		.family = AF_INET,
		.bytes = { io->bytes[12], io->bytes[13], io->bytes[14], io->bytes[15] },
		.prefix = 32,
	};
}

static bool is_taken(const struct net_publish *publish, const struct net_address *at)
{
	static const uint8_t none[16];

	if (at->family == AF_INET ? at->bytes[0] == 127 : memcmp(at->bytes, &in6addr_loopback, 16) == 0)
		return false;
	if (!publish->listen.family)
		return true;
	if (memcmp(at->bytes, none, sizeof(none)) == 0)
		return at->family == AF_INET6 || publish->listen.family == AF_INET;
	return net_address_equal(at, &publish->listen);
}

/* 1, 0 or a negative errno. */
static int look_in(const char *path, int family, const struct net_publish *publish, struct net_address *ret)
{
	_cleanup_file_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	if (!f)
		return errno == ENOENT ? 0 : -errno; /* no IPv6 */
	while (getline(&line, &room, f) > 0) {
		struct entry e;

		if (!parse_entry(line, family, &e))
			continue;
		/* Those that listen come first (net/ipv4/tcp_ipv4.c, tcp_get_idx()), before what may be very many. */
		if (publish->protocol == IPPROTO_TCP && e.state != TCP_LISTEN)
			break;
		/* A UDP socket without a peer has the state of none (net/ipv4/udp.c). */
		if (e.port != publish->host_port || (publish->protocol == IPPROTO_UDP && e.state != TCP_CLOSE))
			continue;
		unmap(&e.address);
		*ret = e.address;
		if (is_taken(publish, ret))
			return 1;
	}
	return 0;
}

int net_listener_find(const struct net_publish *publish, struct net_address *ret, struct err *err)
{
	bool is_tcp = publish->protocol == IPPROTO_TCP;
	int r = look_in(is_tcp ? "/proc/net/tcp" : "/proc/net/udp", AF_INET, publish, ret);

	if (r == 0)
		r = look_in(is_tcp ? "/proc/net/tcp6" : "/proc/net/udp6", AF_INET6, publish, ret);
	return r < 0 ? err_sys(err, -r, "read /proc/net to see who listens on port %u", publish->host_port) : r;
}
