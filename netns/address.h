/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

/* An IPv4 or IPv6 address with its prefix length, as bytes in network order. */
struct net_address {
	int family;	   /* AF_INET or AF_INET6 */
	uint8_t bytes[16]; /* the first net_address_len() count, the others are 0 */
	unsigned int prefix;
};

/* Room for "ADDRESS/PREFIX" with its NUL: INET6_ADDRSTRLEN and "/128". */
#define NET_ADDRESS_ROOM 51

static inline size_t net_address_len(const struct net_address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

/* Where things are kept by family, IPv4 is 0 and IPv6 is 1. */
static inline size_t net_family_index(int family)
{
	return family == AF_INET ? 0 : 1;
}

/* 32 or 128. */
static inline unsigned int net_address_bits(const struct net_address *a)
{
	return a->family == AF_INET ? 32 : 128;
}

enum net_prefix_form {
	NET_PREFIX_NONE,     /* "ADDRESS"; its prefix is the full length */
	NET_PREFIX_OPTIONAL, /* without one it is the full length */
	NET_PREFIX_REQUIRED, /* "ADDRESS/PREFIX" */
};

/* `what` names the value in the message. 0 or -EINVAL. */
int net_address_parse(const char *what, const char *text, enum net_prefix_form form, struct net_address *ret,
		      struct err *err) _must_check_;

/* The one way of writing it: "192.0.2.10", or with its prefix "192.0.2.0/24". */
void net_address_format(const struct net_address *address, bool with_prefix, char room[NET_ADDRESS_ROOM]);

/* Are both of one family and the second (an address, or a network with all of its own) inside the network of the first? */
bool net_address_covers(const struct net_address *network, const struct net_address *address);

/* The same address; the prefix does not count. */
bool net_address_equal(const struct net_address *a, const struct net_address *b);

/* <0, 0, >0 by number; of one family. */
int net_address_compare(const struct net_address *a, const struct net_address *b);

/* The next higher address; false past the highest of the family. */
bool net_address_next(struct net_address *io);

/* The first address of its network: the host's bits are 0. */
void net_address_network(struct net_address *io);

/* The last address of its network: the host's bits are 1. */
void net_address_last(struct net_address *io);

/* The link-local address that an interface with this MAC gives itself (RFC 4291, appendix A: modified EUI-64). */
void net_address_link_local(const uint8_t mac[6], struct net_address *ret);

/* Can a host have it: neither unspecified, loopback, multicast, link-local nor, in IPv4, a network's first or last address? */
bool net_address_is_host(const struct net_address *address);
