/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/err.h"

/* An IPv4 or IPv6 address with its prefix length, as bytes in network order. Stays inside netns/. */
struct net_address {
	int family;	   /* AF_INET or AF_INET6 */
	uint8_t bytes[16]; /* the first net_address_len() count */
	unsigned int prefix;
};

static inline size_t net_address_len(const struct net_address *a)
{
	return a->family == AF_INET ? 4 : 16;
}

/*
 * Reads "ADDRESS/PREFIX" (with_prefix) or "ADDRESS", whose prefix is then the full length. `what` names the value in the message.
 * 0 or -EINVAL.
 */
int net_address_parse(const char *what, const char *text, bool with_prefix, struct net_address *ret,
		      struct err *err) _must_check_;

/* Are both of one family and the second inside the network of the first? */
bool net_address_covers(const struct net_address *network, const struct net_address *address);
