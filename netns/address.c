/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/address_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/str.h"
#include "netns/link.h"

static unsigned int prefix_max(int family)
{
	return family == AF_INET ? 32 : 128;
}

static bool bits_are(const struct net_address *a, bool one, unsigned int from)
{
	for (unsigned int bit = from; bit < prefix_max(a->family); bit++) {
		if (((a->bytes[bit / 8] >> (7 - bit % 8)) & 1) != one)
			return false;
	}
	return true;
}

/* An address that names no single machine would be taken by the kernel, or refused with a bare EINVAL much later. */
static const char *why_unusable(const struct net_address *a)
{
	bool is_v4 = a->family == AF_INET;

	if (bits_are(a, false, 0))
		return "is the unspecified address";
	if (is_v4 ? (a->bytes[0] & 0xf0) == 0xe0 : a->bytes[0] == 0xff)
		return "is a multicast address";
	if (is_v4 ? a->bytes[0] == 127 : memcmp(a->bytes, &in6addr_loopback, 16) == 0)
		return "is a loopback address";
	if (is_v4 && a->prefix < 31 && bits_are(a, false, a->prefix))
		return "is the network itself, not an address in it";
	if (is_v4 && a->prefix < 31 && bits_are(a, true, a->prefix))
		return "is the broadcast address of its network";
	return NULL;
}

static int refuse(const char *what, const char *text, bool with_prefix, struct err *err)
{
	return err_set(err, EINVAL, "%s '%.80s': expected an address such as %s", what, text,
		       with_prefix ? "10.0.3.5/24 or fd00::5/64" : "10.0.3.1 or fd00::1");
}

int net_address_parse(const char *what, const char *text, bool with_prefix, struct net_address *ret, struct err *err)
{
	char number[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	struct net_address a = { 0 };
	uint64_t prefix;

	if (len >= sizeof(number) || (slash != NULL) != with_prefix)
		return refuse(what, text, with_prefix, err);
	memcpy(number, text, len);
	number[len] = '\0';
	a.family = memchr(number, ':', len) ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, number, a.bytes) != 1)
		return refuse(what, text, with_prefix, err);
	prefix = prefix_max(a.family);
	if (slash && (str_to_u64(slash + 1, prefix, &prefix) < 0 || prefix == 0))
		return err_set(err, EINVAL, "%s '%.80s': expected a prefix of 1 to %u after the '/'", what, text,
			       prefix_max(a.family));
	a.prefix = (unsigned int)prefix;

	const char *why = why_unusable(&a);

	if (why)
		return err_set(err, EINVAL, "%s '%.80s' %s: expected the address of one machine", what, text, why);
	*ret = a;
	return 0;
}

bool net_address_covers(const struct net_address *network, const struct net_address *address)
{
	if (network->family != address->family)
		return false;
	for (unsigned int bit = 0; bit < network->prefix; bit++) {
		if ((network->bytes[bit / 8] ^ address->bytes[bit / 8]) & (0x80 >> bit % 8))
			return false;
	}
	return true;
}

int net_check_cidr(const char *what, const char *text, struct err *err)
{
	struct net_address ignored;

	return net_address_parse(what, text, true, &ignored, err);
}

int net_check_address(const char *what, const char *text, struct err *err)
{
	struct net_address ignored;

	return net_address_parse(what, text, false, &ignored, err);
}
