/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/network.h"
#include "runtime/network_priv.h"

/*
 * RUN/NAME/links, a line for each thing, "interface NAME" before those of an interface, "end" behind the last:
 *
 *   interface eth0
 *   mode nat
 *   link ct0123456789ab0
 *   table ctctl-v1
 *   address 10.200.0.2/20
 *   publish 6 8080 80 192.0.2.1
 *   end
 */
#define NOTE_SIZE_MAX (256 * 1024)
#define NOTE_LIST_MAX 4096

/* The fields of a plan by the way they are written; what is at its zero is not. */
struct field {
	const char *key;
	size_t offset;
};

#define FIELD(key, member)                             \
	{                                              \
		key, offsetof(struct net_plan, member) \
	}

static const struct field names[] = {
	FIELD("link", link),	      FIELD("ifb", ifb),
	FIELD("bridge", bridge),      FIELD("parent", parent),
	FIELD("uplink4", uplinks[0]), FIELD("uplink6", uplinks[1]),
};

static const struct field numbers[] = {
	FIELD("vlan", vlan),
	FIELD("mtu", mtu),
	FIELD("packets", filter.packets_per_s),
	FIELD("connections", filter.connections_per_s),
	FIELD("quota", filter.quota_bytes),
	FIELD("quota-used", filter.quota_used_bytes),
	FIELD("throttle", filter.throttle_bits),
	FIELD("rate-in", shape.to_guest_bits),
	FIELD("rate-out", shape.from_guest_bits),
	FIELD("burst", shape.burst_bytes),
};

static const struct field singles[] = {
	FIELD("gateway4", gateways[0]),
	FIELD("gateway6", gateways[1]),
	FIELD("network4", bridge_addresses[0]),
	FIELD("network6", bridge_addresses[1]),
};

static const char *const levels[] = { [NET_FILTER_FULL] = "full", [NET_FILTER_MAC] = "mac", [NET_FILTER_NONE] = "none" };
static const char *const actions[] = { [NET_QUOTA_THROTTLE] = "throttle", [NET_QUOTA_BLOCK] = "block" };

static const void *at(const struct net_plan *plan, const struct field *field)
{
	return (const char *)plan + field->offset;
}

static void write_address(struct strbuf *b, const char *key, const struct net_address *address)
{
	char room[NET_ADDRESS_ROOM];

	net_address_format(address, true, room);
	strbuf_addf(b, "%s %s\n", key, room);
}

/* "-" is no address, as a word of a line with others. */
static const char *address_word(const struct net_address *address, char room[NET_ADDRESS_ROOM])
{
	if (address->family == 0)
		return "-";
	net_address_format(address, true, room);
	return room;
}

static void write_fields(struct strbuf *b, const struct net_plan *plan)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const char *name = at(plan, &names[i]);

		if (*name)
			strbuf_addf(b, "%s %s\n", names[i].key, name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		const uint64_t *number = at(plan, &numbers[i]);

		if (*number)
			strbuf_addf(b, "%s %" PRIu64 "\n", numbers[i].key, *number);
	}
	for (size_t i = 0; i < ARRAY_SIZE(singles); i++) {
		const struct net_address *address = at(plan, &singles[i]);

		if (address->family)
			write_address(b, singles[i].key, address);
	}
	if (plan->table[0])
		strbuf_addf(b, "table %s\n", plan->table);
	if (plan->is_own_bridge)
		strbuf_add(b, "own-bridge yes\n");
}

static void write_lists(struct strbuf *b, const struct net_plan *plan)
{
	char room[NET_ADDRESS_ROOM];

	for (size_t i = 0; i < plan->n_addresses; i++)
		write_address(b, "address", &plan->addresses[i]);
	for (size_t i = 0; i < plan->n_prefixes; i++)
		write_address(b, "prefix", &plan->prefixes[i]);
	for (size_t i = 0; i < plan->n_publish; i++) {
		const struct net_publish *p = &plan->publish[i];

		strbuf_addf(b, "publish %u %u %u %s\n", p->protocol, p->host_port, p->guest_port, address_word(&p->listen, room));
	}
	for (size_t i = 0; i < plan->n_rules; i++) {
		const struct net_rule *rule = &plan->rules[i];

		strbuf_addf(b, "rule %d %u %u %u %s\n", rule->allow, rule->protocol, rule->port_first, rule->port_last,
			    address_word(&rule->from, room));
	}
}

static void write_plan(struct strbuf *b, const struct net_plan *plan)
{
	const uint8_t *m = plan->mac;

	strbuf_addf(b, "interface %s\nmode %s\nmac %02x:%02x:%02x:%02x:%02x:%02x\nfilter %s\nquota-action %s\n", plan->guest_name,
		    net_mode_word(plan->mode), m[0], m[1], m[2], m[3], m[4], m[5], levels[plan->filter.level],
		    actions[plan->filter.quota_action]);
	write_fields(b, plan);
	write_lists(b, plan);
}

static char *text_of(const struct net_plan *plan)
{
	struct net_plan plain = *plan; /* only to be written */
	struct strbuf b = { 0 };

	plain.filter.quota_used_bytes = 0;
	write_plan(&b, &plain);
	return strbuf_take(&b);
}

bool network_is_same(const struct net_plan *a, const struct net_plan *b)
{
	_cleanup_free_ char *x = text_of(a);
	_cleanup_free_ char *y = text_of(b);

	return x && y && strcmp(x, y) == 0;
}

int network_note(int run_fd, const char *file, const struct net_plans *plans, struct err *err)
{
	struct strbuf b = { 0 };

	for (size_t i = 0; i < plans->n; i++)
		write_plan(&b, &plans->list[i]);
	strbuf_add(&b, "end\n");

	_cleanup_free_ char *text = strbuf_take(&b);

	if (!text)
		return err_oom(err);
	return fd_replace_file_at(run_fd, file, text, strlen(text), false, err);
}

/* The readers of single values: 0 or a negative errno; what is said of a bad one is in read_line(). */
static int read_address(const char *word, struct net_address *ret)
{
	struct err ignored = ERR_INIT;

	*ret = (struct net_address){ 0 };
	return strcmp(word, "-") == 0 ? 0 : net_address_parse("address", word, NET_PREFIX_OPTIONAL, ret, &ignored);
}

static int read_word(const char *const *words, size_t n, const char *word, int *ret)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(words[i], word) == 0) {
			*ret = (int)i;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_mode(const char *word, enum net_mode *ret)
{
	const char *known;

	for (int mode = NET_MODE_UNSET + 1; (known = net_mode_word((enum net_mode)mode)); mode++) {
		if (strcmp(known, word) == 0 && mode != NET_MODE_NONE) {
			*ret = (enum net_mode)mode;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_mac(const char *word, uint8_t mac[6])
{
	unsigned int m[6];
	char rest;

	if (strlen(word) != 17 || sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%c", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5], &rest) != 6)
		return -EBADMSG;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)m[i];
	return 0;
}

/* Room for one more in a list of the plan. */
static void *grow(void *list, size_t *n, size_t size)
{
	void **place = list;
	void *bigger = *n < NOTE_LIST_MAX ? reallocarray(*place, *n + 1, size) : NULL;

	if (!bigger)
		return NULL;
	*place = bigger;
	return (char *)bigger + size * (*n)++;
}

static int read_listed_address(const char *value, struct net_address **list, size_t *n)
{
	struct net_address *one = grow(list, n, sizeof(**list));

	return one ? read_address(value, one) : -ENOMEM;
}

static int read_publish(const char *value, struct net_plan *plan)
{
	struct net_publish *one = grow(&plan->publish, &plan->n_publish, sizeof(*one));
	char word[NET_ADDRESS_ROOM];

	if (!one)
		return -ENOMEM;
	*one = (struct net_publish){ 0 };
	if (sscanf(value, "%" SCNu8 " %" SCNu16 " %" SCNu16 " %50s", &one->protocol, &one->host_port, &one->guest_port, word) !=
	    4)
		return -EBADMSG;
	return read_address(word, &one->listen);
}

static int read_rule(const char *value, struct net_plan *plan)
{
	struct net_rule *one = grow(&plan->rules, &plan->n_rules, sizeof(*one));
	char word[NET_ADDRESS_ROOM];
	int allow;

	if (!one)
		return -ENOMEM;
	*one = (struct net_rule){ 0 };
	if (sscanf(value, "%d %" SCNu8 " %" SCNu16 " %" SCNu16 " %50s", &allow, &one->protocol, &one->port_first, &one->port_last,
		   word) != 5)
		return -EBADMSG;
	one->allow = allow != 0;
	return read_address(word, &one->from);
}

static int read_special(struct net_plan *plan, const char *key, const char *value)
{
	int word = 0, r = -EBADMSG;

	if (strcmp(key, "mode") == 0)
		return read_mode(value, &plan->mode);
	if (strcmp(key, "mac") == 0)
		return read_mac(value, plan->mac);
	if (strcmp(key, "address") == 0)
		return read_listed_address(value, &plan->addresses, &plan->n_addresses);
	if (strcmp(key, "prefix") == 0)
		return read_listed_address(value, &plan->prefixes, &plan->n_prefixes);
	if (strcmp(key, "publish") == 0)
		return read_publish(value, plan);
	if (strcmp(key, "rule") == 0)
		return read_rule(value, plan);
	if (strcmp(key, "table") == 0)
		return str_copy(plan->table, sizeof(plan->table), value);
	if (strcmp(key, "own-bridge") == 0)
		return str_to_bool(value, &plan->is_own_bridge);
	if (strcmp(key, "filter") == 0) {
		r = read_word(levels, ARRAY_SIZE(levels), value, &word);
		plan->filter.level = (enum net_filter_level)word;
	} else if (strcmp(key, "quota-action") == 0) {
		r = read_word(actions, ARRAY_SIZE(actions), value, &word);
		plan->filter.quota_action = (enum net_quota_action)word;
	}
	return r;
}

static const struct field *find_field(const struct field *fields, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(fields[i].key, key) == 0)
			return &fields[i];
	}
	return NULL;
}

static int read_field(struct net_plan *plan, const char *key, const char *value)
{
	const struct field *field = find_field(names, ARRAY_SIZE(names), key);

	if (field)
		return str_copy((char *)plan + field->offset, IFNAMSIZ, value);
	field = find_field(numbers, ARRAY_SIZE(numbers), key);
	if (field)
		return str_to_u64(value, UINT64_MAX, (uint64_t *)((char *)plan + field->offset));
	field = find_field(singles, ARRAY_SIZE(singles), key);
	if (field)
		return read_address(value, (struct net_address *)((char *)plan + field->offset));
	return read_special(plan, key, value);
}

/* One line, which is cut at its blank. */
static int read_line(char *line, struct net_plans *plans)
{
	char *value = strchr(line, ' ');

	if (!value)
		return -EBADMSG;
	*value++ = '\0';
	if (strcmp(line, "interface") == 0) {
		if (plans->n == INTERFACES_MAX)
			return -EBADMSG;
		return str_copy(plans->list[plans->n++].guest_name, IFNAMSIZ, value);
	}
	return plans->n > 0 ? read_field(&plans->list[plans->n - 1], line, value) : -EBADMSG;
}

/* Is it there what nothing can be removed without? */
static int check_plan(const struct net_plan *plan)
{
	bool has_link = plan->link[0] != '\0';
	bool has_table = plan->table[0] != '\0';

	return plan->mode != NET_MODE_UNSET && has_link == (plan->mode != NET_MODE_MACVLAN) && has_link == has_table ? 0
														     : -EBADMSG;
}

/* The number of the line that is damaged, or 0. */
static int read_text(char *text, struct net_plans *ret)
{
	char *rest = text;
	int number = 0;

	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n")) {
		number++;
		/* "end" is the last; a file that was cut has none. */
		if (strcmp(line, "end") == 0 && rest && !*rest)
			return 0;
		if (read_line(line, ret) < 0)
			return number;
	}
	return number;
}

int network_read_note(int run_fd, const char *file, struct net_plans *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(run_fd, file, NOTE_SIZE_MAX, &text);

	*ret = NET_PLANS_INIT;
	if (n == -ENOENT)
		return 0;
	if (n < 0)
		return err_sys(err, (int)-n, "read the file '%s' in the guest's run folder", file);

	int damaged = (size_t)n == strlen(text) ? read_text(text, ret) : 1;

	for (size_t i = 0; damaged == 0 && i < ret->n; i++) {
		network_point(&ret->list[i]);
		if (check_plan(&ret->list[i]) < 0)
			damaged = -1;
	}
	if (damaged == 0)
		return 1;
	network_plans_free(ret);
	return err_exit(
		err, EXIT_RECOVERY, EBADMSG,
		"the file '%s' in the guest's run folder is damaged (line %d): remove the links that begin with 'ct' and 12 "
		"digits of its uuid, then that file",
		file, damaged > 0 ? damaged : 1);
}
