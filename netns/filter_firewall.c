/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/filter_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"

/*
 * A guest's own rules, for packets towards it: one chain, made by its own transaction before the element that leads there, so
 * that a failure in between leaves a chain that nothing uses, and the next try empties it.
 *
 * Answers to what the guest began are let through by connection tracking. A kernel without that for bridges
 * (CONFIG_NF_CONNTRACK_BRIDGE) gets rules without memory: TCP but its first packet, errors and echo replies, and, after the
 * guest's own rules, UDP to the ports that Linux takes for its own questions (ip_local_port_range: 32768 to 60999).
 */

void filter_rules_chain(const char *link, char room[FILTER_CHAIN_ROOM])
{
	snprintf(room, FILTER_CHAIN_ROOM, "rules-%.15s", link);
}

/* `ports` " 80" or " 80-90", `from` " ip saddr ..."; one line of the guest's is one or two of nftables'. */
static void add_protocol(struct strbuf *b, const char *head, const char *match, const char *verdict)
{
	strbuf_add(b, head);
	strbuf_add(b, match);
	strbuf_add(b, verdict);
	strbuf_add(b, "\n");
}

static void add_rule(struct strbuf *b, const char *head, const struct net_rule *rule)
{
	const char *verdict = rule->allow ? " goto count_in" : " drop";
	char from[NET_ADDRESS_ROOM + 16] = "";
	char match[sizeof(from) + 64];

	if (rule->from.family) {
		char text[NET_ADDRESS_ROOM];

		net_address_format(&rule->from, true, text);
		snprintf(from, sizeof(from), " %s saddr %s", rule->from.family == AF_INET ? "ip" : "ip6", text);
	}
	if (rule->protocol == IPPROTO_ICMP) {
		if (rule->from.family != AF_INET6) {
			snprintf(match, sizeof(match), "%s meta protocol ip meta l4proto 1", from);
			add_protocol(b, head, match, verdict);
		}
		if (rule->from.family != AF_INET) {
			snprintf(match, sizeof(match), "%s meta protocol ip6 meta l4proto 58", from);
			add_protocol(b, head, match, verdict);
		}
		return;
	}
	if (!rule->protocol)
		snprintf(match, sizeof(match), "%s", from);
	else if (!rule->port_first)
		snprintf(match, sizeof(match), "%s meta l4proto %d", from, rule->protocol);
	else
		snprintf(match, sizeof(match), "%s %s dport %d-%d", from, rule->protocol == IPPROTO_TCP ? "tcp" : "udp",
			 rule->port_first, rule->port_last ? rule->port_last : rule->port_first);
	add_protocol(b, head, match, verdict);
}

/* Neighbour discovery, and what finds out the size of packets, is nobody's to switch off. */
static void add_always(struct strbuf *b, const char *head, bool is_bridged)
{
	if (is_bridged)
		strbuf_addf(b, "%s meta protocol arp accept\n", head);
	strbuf_addf(
		b, "%s icmpv6 type { packet-too-big, nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } goto count_in\n",
		head);
}

/* Who only denies something means the rest to pass; who allows something, nothing else. */
static bool allows_something(const struct net_filter_spec *spec)
{
	for (size_t i = 0; i < spec->n_rules; i++) {
		if (spec->rules[i].allow)
			return true;
	}
	return false;
}

static char *rules_text(const char *table, const struct net_filter_spec *spec, bool with_memory)
{
	const char *family = spec->is_bridged ? "bridge" : "inet";
	struct strbuf b = { 0 };
	char chain[FILTER_CHAIN_ROOM];
	char head[128];

	filter_rules_chain(spec->link, chain);
	snprintf(head, sizeof(head), "add rule %s %.60s %s", family, table, chain);
	strbuf_addf(&b, "add chain %s %s %s\nflush chain %s %s %s\n", family, table, chain, family, table, chain);
	add_always(&b, head, spec->is_bridged);
	if (with_memory) {
		strbuf_addf(&b, "%s ct state established,related goto count_in\n", head);
	} else {
		strbuf_addf(&b, "%s tcp flags & (syn | ack) != syn goto count_in\n", head);
		strbuf_addf(
			&b,
			"%s icmp type { echo-reply, destination-unreachable, time-exceeded, parameter-problem } goto count_in\n",
			head);
		strbuf_addf(&b,
			    "%s icmpv6 type { echo-reply, destination-unreachable, time-exceeded, parameter-problem } goto "
			    "count_in\n",
			    head);
	}
	for (size_t i = 0; i < spec->n_rules; i++)
		add_rule(&b, head, &spec->rules[i]);
	if (!with_memory)
		strbuf_addf(&b, "%s udp dport 32768-60999 goto count_in\n", head);
	strbuf_addf(&b, "%s %s\n", head, allows_something(spec) ? "drop" : "goto count_in");
	return strbuf_take(&b);
}

int filter_rules_make(const char *table, const struct net_filter_spec *spec, struct err *err)
{
	_cleanup_free_ char *text = rules_text(table, spec, true);
	int r = text ? filter_run_text(text, err) : err_oom(err);

	if (r >= 0 || r == -EPERM || r == -ENOMEM)
		return r;

	_cleanup_free_ char *without = rules_text(table, spec, false);

	return without ? filter_run_text(without, err) : err_oom(err);
}
