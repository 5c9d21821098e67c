/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static bool bits_are(const struct net_address *a, bool one, unsigned int from)
{
	for (unsigned int bit = from; bit < net_address_bits(a); bit++) {
		if (((a->bytes[bit / 8] >> (7 - bit % 8)) & 1) != one)
			return false;
	}
	return true;
}

static bool is_link_local(const struct net_address *a)
{
	if (a->family == AF_INET)
		return a->bytes[0] == 169 && a->bytes[1] == 254; /* RFC 3927 */
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* RFC 1122, 3.2.1.3; RFC 1112, 4: what names no single machine. */
static bool is_special4(const struct net_address *a)
{
	bool is_multicast = (a->bytes[0] & 0xf0) == 0xe0;
	bool is_loopback = a->bytes[0] == 127;
	bool is_reserved = a->bytes[0] == 0 || a->bytes[0] >= 240;
	bool is_edge = a->prefix < 31 && (bits_are(a, false, a->prefix) || bits_are(a, true, a->prefix));

	return is_multicast || is_loopback || is_reserved || is_edge;
}

/* The last: an IPv4 address written as one of IPv6. */
static bool is_special6(const struct net_address *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return bits_are(a, false, 0) || a->bytes[0] == 0xff || memcmp(a->bytes, &in6addr_loopback, 16) == 0 ||
	       memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

bool net_address_is_host(const struct net_address *address)
{
	return !is_link_local(address) && !(address->family == AF_INET ? is_special4(address) : is_special6(address));
}

static int refuse(const char *what, const char *text, enum net_prefix_form form, struct err *err)
{
	static const char *const expected[] = {
		[NET_PREFIX_NONE] = "an address such as 10.0.3.1 or fd00::1",
		[NET_PREFIX_OPTIONAL] = "an address such as 10.0.3.5, 10.0.3.5/24 or fd00::5/64",
		[NET_PREFIX_REQUIRED] = "an address with its prefix such as 10.0.3.5/24 or fd00::5/64",
	};

	return err_set(err, EINVAL, "%s '%.80s': expected %s", what, text, expected[form]);
}

int net_address_parse(const char *what, const char *text, enum net_prefix_form form, struct net_address *ret, struct err *err)
{
	char number[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct net_address a = { 0 };
	uint64_t prefix;

	if (len >= sizeof(number) || (slash && form == NET_PREFIX_NONE) || (!slash && form == NET_PREFIX_REQUIRED))
		return refuse(what, text, form, err);
	memcpy(number, text, len);
	number[len] = '\0';
	a.family = memchr(number, ':', len) ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, number, a.bytes) != 1)
		return refuse(what, text, form, err);
	prefix = net_address_bits(&a);
	if (slash && str_to_u64(slash + 1, prefix, &prefix) < 0)
		return err_set(err, EINVAL, "%s '%.80s': expected a prefix of 0 to %u after the '/'", what, text,
			       net_address_bits(&a));
	a.prefix = (unsigned int)prefix;
	*ret = a;
	return 0;
}

void net_address_format(const struct net_address *address, bool with_prefix, char room[NET_ADDRESS_ROOM])
{
	if (!inet_ntop(address->family, address->bytes, room, NET_ADDRESS_ROOM))
		room[0] = '\0'; /* of no family: a struct that nobody filled */

	size_t len = strlen(room);

	if (with_prefix)
		snprintf(room + len, NET_ADDRESS_ROOM - len, "/%u", address->prefix);
}

bool net_address_covers(const struct net_address *network, const struct net_address *address)
{
	if (network->family != address->family || network->prefix > address->prefix)
		return false;
	for (unsigned int bit = 0; bit < network->prefix; bit++) {
		if ((network->bytes[bit / 8] ^ address->bytes[bit / 8]) & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, net_address_len(a)) == 0;
}

int net_address_compare(const struct net_address *a, const struct net_address *b)
{
	return memcmp(a->bytes, b->bytes, net_address_len(a));
}

bool net_address_next(struct net_address *io)
{
	struct net_address next = *io;

	for (size_t i = net_address_len(&next); i-- > 0;) {
		next.bytes[i]++;
		if (next.bytes[i] != 0) {
			*io = next;
			return true;
		}
	}
	return false;
}

void net_address_network(struct net_address *io)
{
	for (unsigned int bit = io->prefix; bit < net_address_bits(io); bit++)
		io->bytes[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

void net_address_last(struct net_address *io)
{
	for (unsigned int bit = io->prefix; bit < net_address_bits(io); bit++)
		io->bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

void net_address_link_local(const uint8_t mac[6], struct net_address *ret)
{
	*ret = (struct net_address){
		.family = AF_INET6,
		.bytes = { 0xfe, 0x80, [8] = (uint8_t)(mac[0] ^ 0x02), mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5] },
		.prefix = 64,
	};
}
