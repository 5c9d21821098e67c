/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "runtime/interface.h"
#include "runtime/interface_priv.h"

static const struct {
	const char *word;
	uint8_t protocol;
} protocols[] = {
	{ "any", 0 },		{ "all", 0 }, /* the first is how it is written */
	{ "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "icmp", IPPROTO_ICMP },
};

static bool find_protocol(const char *word, uint8_t *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (strcmp(protocols[i].word, word) == 0) {
			*ret = protocols[i].protocol;
			return true;
		}
	}
	return false;
}

static const char *protocol_word(uint8_t protocol)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (protocols[i].protocol == protocol)
			return protocols[i].word;
	}
	return "any";
}

static bool parse_port(const char *text, uint16_t *ret)
{
	uint64_t v;

	if (str_to_u64(text, UINT16_MAX, &v) < 0 || v == 0)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* "8080:80" of what is left of an entry without its protocol and address. */
static bool parse_port_pair(char *text, struct net_publish *ret)
{
	char *colon = strchr(text, ':');

	if (!colon)
		return false;
	*colon = '\0';
	return parse_port(text, &ret->host_port) && parse_port(colon + 1, &ret->guest_port);
}

/* Cuts the address off the front: "192.0.2.1:", "[2001:db8::1]:", or nothing. Returns what follows; NULL: it is no address. */
static char *cut_listen(char *text, struct net_address *ret)
{
	struct err ignored = ERR_INIT;
	char *first = strchr(text, ':'), *last = strrchr(text, ':'), *end;

	if (*text == '[') {
		end = strstr(text++, "]:");
		if (!end)
			return NULL;
		*end++ = '\0';
	} else if (first == last) {
		return text;
	} else {
		/* Of ADDRESS:PORT:PORT, and an IPv6 address without brackets does not parse. */
		end = first;
	}
	*end = '\0';
	return net_address_parse("publish", text, NET_PREFIX_NONE, ret, &ignored) == 0 ? end + 1 : NULL;
}

static int parse_publish(const char *what, const char *text, void *ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct net_publish p = { .protocol = IPPROTO_TCP };

	if (!copy)
		return err_oom(err);

	char *slash = strchr(copy, '/');

	if (slash)
		*slash = '\0';

	char *ports = cut_listen(copy, &p.listen);
	bool good = ports && parse_port_pair(ports, &p);

	if (good && slash)
		good = find_protocol(slash + 1, &p.protocol) && (p.protocol == IPPROTO_TCP || p.protocol == IPPROTO_UDP);
	if (!good)
		return err_exit(err, EXIT_INVALID, EINVAL,
				"%s '%.80s': expected [ADDRESS:]PORT-OF-HOST:PORT-OF-GUEST[/tcp|udp], such as 8080:80 or "
				"[2001:db8::1]:53:53/udp",
				what, text);
	*(struct net_publish *)ret = p;
	return 0;
}

static void format_publish(const void *entry, struct strbuf *b)
{
	const struct net_publish *p = entry;
	char room[NET_ADDRESS_ROOM];

	if (p->listen.family) {
		net_address_format(&p->listen, false, room);
		strbuf_addf(b, p->listen.family == AF_INET ? "%s:" : "[%s]:", room);
	}
	strbuf_addf(b, "%u:%u/%s", p->host_port, p->guest_port, protocol_word(p->protocol));
}

const struct list_kind publish_list = { ", \t", sizeof(struct net_publish), parse_publish, format_publish };

static int refuse_rule(const char *what, const char *text, struct err *err)
{
	return err_exit(
		err, EXIT_INVALID, EINVAL,
		"%s '%.80s': expected allow or deny, then any, icmp, tcp, udp or a port such as tcp/22 or udp/5000-5100, then "
		"perhaps 'from' and an address or network",
		what, text);
}

/* "22" or "5000-5100". */
static bool parse_port_range(char *text, struct net_rule *ret)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash++ = '\0';
	return parse_port(text, &ret->port_first) && parse_port(dash ? dash : text, &ret->port_last) &&
	       ret->port_first <= ret->port_last;
}

/* "tcp/22": what the packets are. */
static bool parse_traffic(char *text, struct net_rule *ret)
{
	char *slash = strchr(text, '/');

	if (slash)
		*slash++ = '\0';
	if (!find_protocol(text, &ret->protocol))
		return false;
	if (!slash)
		return true;
	return (ret->protocol == IPPROTO_TCP || ret->protocol == IPPROTO_UDP) && parse_port_range(slash, ret);
}

/* A network's bits of the host count for nothing in a filter; written down they would say more than is meant. */
static int parse_from(const char *what, const char *text, struct net_address *ret, struct err *err)
{
	struct net_address first;
	int r = net_address_parse(what, text, NET_PREFIX_OPTIONAL, ret, err);

	if (r < 0)
		return r;
	first = *ret;
	net_address_network(&first);
	if (net_address_equal(&first, ret))
		return 0;

	char room[NET_ADDRESS_ROOM];

	net_address_format(&first, true, room);
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.80s': expected a network, without bits of the host: %s", what, text,
			room);
}

static int parse_rule(const char *what, const char *text, void *ret, struct err *err)
{
	_cleanup_free_ char *copy = strdup(text);
	struct net_rule rule = { 0 };
	char *words[5] = { NULL }, *rest = NULL;
	size_t n = 0;

	if (!copy)
		return err_oom(err);
	for (char *word = strtok_r(copy, " \t", &rest); word && n < ARRAY_SIZE(words); word = strtok_r(NULL, " \t", &rest))
		words[n++] = word;
	if ((n != 2 && n != 4) || (n == 4 && strcmp(words[2], "from") != 0))
		return refuse_rule(what, text, err);
	rule.allow = strcmp(words[0], "allow") == 0;
	if ((!rule.allow && strcmp(words[0], "deny") != 0) || !parse_traffic(words[1], &rule))
		return refuse_rule(what, text, err);

	int r = n == 4 ? parse_from(what, words[3], &rule.from, err) : 0;

	if (r == 0)
		*(struct net_rule *)ret = rule;
	return r;
}

static void format_rule(const void *entry, struct strbuf *b)
{
	const struct net_rule *rule = entry;
	char room[NET_ADDRESS_ROOM];

	strbuf_addf(b, "%s %s", rule->allow ? "allow" : "deny", protocol_word(rule->protocol));
	if (rule->port_first)
		strbuf_addf(b, "/%u", rule->port_first);
	if (rule->port_last > rule->port_first)
		strbuf_addf(b, "-%u", rule->port_last);
	if (!rule->from.family)
		return;
	net_address_format(&rule->from, rule->from.prefix != net_address_bits(&rule->from), room);
	strbuf_addf(b, " from %s", room);
}

const struct list_kind rules_list = { ",", sizeof(struct net_rule), parse_rule, format_rule };

int interface_parse_rule(const char *text, struct net_rule *ret, struct err *err)
{
	return parse_rule("rule", text, ret, err);
}

char *interface_format_rule(const struct net_rule *rule)
{
	struct strbuf b = { 0 };

	format_rule(rule, &b);
	return strbuf_take(&b);
}
