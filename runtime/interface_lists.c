/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/interface_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/interface.h"

static int parse_any(const char *what, const char *text, void *ret, struct err *err)
{
	return net_address_parse(what, text, NET_PREFIX_OPTIONAL, ret, err);
}

static int parse_own(const char *what, const char *text, void *ret, struct err *err)
{
	struct net_address *address = ret;
	int r = net_address_parse(what, text, NET_PREFIX_OPTIONAL, address, err);

	if (r < 0 || (address->prefix > 0 && net_address_is_host(address)))
		return r;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"%s '%.80s': expected the address of one machine: no network's first or last, no loopback, multicast or "
			"link-local one",
			what, text);
}

static int parse_host(const char *what, const char *text, void *ret, struct err *err)
{
	static const struct net_address unspecified = { 0 };
	const struct net_address *address = ret;
	int r = net_address_parse(what, text, NET_PREFIX_NONE, ret, err);

	if (r < 0 || memcmp(address->bytes, unspecified.bytes, sizeof(address->bytes)) != 0)
		return r;
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.80s': expected the address of one machine", what, text);
}

static int parse_network(const char *what, const char *text, void *ret, struct err *err)
{
	struct net_address *address = ret;
	char room[NET_ADDRESS_ROOM];
	int r = net_address_parse(what, text, NET_PREFIX_REQUIRED, address, err);

	if (r < 0)
		return r;

	struct net_address first = *address;

	net_address_network(&first);
	if (net_address_equal(&first, address))
		return 0;
	net_address_format(&first, true, room);
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.80s': expected a network, without bits of the host: %s", what, text,
			room);
}

static void format_address(const void *entry, struct strbuf *b)
{
	const struct net_address *address = entry;
	char room[NET_ADDRESS_ROOM];

	net_address_format(address, address->prefix != net_address_bits(address), room);
	strbuf_add(b, room);
}

static void format_network(const void *entry, struct strbuf *b)
{
	char room[NET_ADDRESS_ROOM];

	net_address_format(entry, true, room);
	strbuf_add(b, room);
}

static const struct list_kind any_list = { ", \t", sizeof(struct net_address), parse_any, format_address };
static const struct list_kind own_list = { ", \t", sizeof(struct net_address), parse_own, format_address };
static const struct list_kind host_list = { ", \t", sizeof(struct net_address), parse_host, format_address };
static const struct list_kind network_list = { ", \t", sizeof(struct net_address), parse_network, format_network };

static const struct list_kind *list_of(enum param_kind kind)
{
	if (kind == PARAM_ADDRESSES)
		return &own_list;
	if (kind == PARAM_HOSTS)
		return &host_list;
	if (kind == PARAM_PREFIXES)
		return &network_list;
	return kind == PARAM_PUBLISH ? &publish_list : &rules_list;
}

static int parse_entry(const struct list_kind *kind, const char *what, const char *text, void **io, size_t *io_n, struct err *err)
{
	if (*io_n >= INTERFACE_LIST_MAX)
		return err_exit(err, EXIT_INVALID, EINVAL, "%s: expected at most %d entries", what, INTERFACE_LIST_MAX);

	char *all = reallocarray(*io, *io_n + 1, kind->size);

	if (!all)
		return err_oom(err);
	*io = all;
	memset(all + *io_n * kind->size, 0, kind->size);
	return kind->parse(what, text, all + (*io_n)++ * kind->size, err);
}

static int parse_list(const struct list_kind *kind, const char *what, const char *text, void **ret, size_t *ret_n,
		      struct err *err)
{
	_cleanup_free_ char *copy = strdup(text ? text : "");
	void *entries = NULL;
	char *rest = NULL;
	size_t n = 0;
	int r = 0;

	*ret = NULL;
	*ret_n = 0;
	if (!copy)
		return err_oom(err);
	for (char *word = strtok_r(copy, kind->separators, &rest); r == 0 && word;
	     word = strtok_r(NULL, kind->separators, &rest)) {
		word = str_trim(word);
		if (*word)
			r = parse_entry(kind, what, word, &entries, &n, err);
	}
	if (r < 0) {
		free(entries);
		return r;
	}
	*ret = entries;
	*ret_n = n;
	return 0;
}

int interface_normalize(enum param_kind kind, const char *what, const char *text, char **ret, struct err *err)
{
	const struct list_kind *list = list_of(kind);
	_cleanup_free_ void *entries = NULL;
	struct strbuf b = { 0 };
	size_t n;
	int r = parse_list(list, what, text, &entries, &n, err);

	if (r < 0)
		return r;
	strbuf_add(&b, "");
	for (size_t i = 0; i < n; i++) {
		strbuf_add(&b, i > 0 ? ", " : "");
		list->format((const char *)entries + i * list->size, &b);
	}
	*ret = strbuf_take(&b);
	return *ret ? 0 : err_oom(err);
}

int interface_parse_addresses(const char *text, struct net_address **ret, size_t *ret_n, struct err *err)
{
	return parse_list(&any_list, "address", text, (void **)ret, ret_n, err);
}

int interface_parse_publish(const char *text, struct net_publish **ret, size_t *ret_n, struct err *err)
{
	return parse_list(&publish_list, "publish", text, (void **)ret, ret_n, err);
}

int interface_parse_rules(const char *text, struct net_rule **ret, size_t *ret_n, struct err *err)
{
	return parse_list(&rules_list, "rules", text, (void **)ret, ret_n, err);
}
