/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/ini.h"
#include "base/str.h"
#include "runtime/traffic_priv.h"

#define COUNT(key, field)                                \
	{                                                \
		key, offsetof(struct net_traffic, field) \
	}

static const struct {
	const char *key;
	size_t offset;
} counts[] = {
	COUNT("in-local-ipv4", in[NET_LOCAL][0]),
	COUNT("in-local-ipv6", in[NET_LOCAL][1]),
	COUNT("in-outside-ipv4", in[NET_OUTSIDE][0]),
	COUNT("in-outside-ipv6", in[NET_OUTSIDE][1]),
	COUNT("out-local-ipv4", out[NET_LOCAL][0]),
	COUNT("out-local-ipv6", out[NET_LOCAL][1]),
	COUNT("out-outside-ipv4", out[NET_OUTSIDE][0]),
	COUNT("out-outside-ipv6", out[NET_OUTSIDE][1]),
	COUNT("dropped", dropped),
};

#define SEEN_PREFIX "seen-"

static const char header[] = "# What the guest has sent and received, by ctctl: bytes and packets. Sums of all its runs, the\n"
			     "# month's bytes with the outside, and what of the present run's counters is in them (seen).\n";

const struct net_count *traffic_count(const struct net_traffic *t, size_t index, const char **ret_key)
{
	if (index >= ARRAY_SIZE(counts))
		return NULL;
	if (ret_key)
		*ret_key = counts[index].key;
	return (const struct net_count *)((const char *)t + counts[index].offset);
}

static struct net_count *find_count(struct net_traffic *t, const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		if (strcmp(counts[i].key, key) == 0)
			return (struct net_count *)((char *)t + counts[i].offset);
	}
	return NULL;
}

struct traffic_entry *traffic_book_find(const struct traffic_book *book, const char *interface)
{
	for (size_t i = 0; i < book->n; i++) {
		if (strcmp(book->list[i].interface, interface) == 0)
			return &book->list[i];
	}
	return NULL;
}

struct traffic_entry *traffic_book_get(struct traffic_book *book, const char *interface)
{
	struct traffic_entry *e = traffic_book_find(book, interface);

	if (e)
		return e;

	struct traffic_entry *bigger = reallocarray(book->list, book->n + 1, sizeof(*bigger));

	if (!bigger)
		return NULL;
	book->list = bigger;
	e = &bigger[book->n++];
	*e = (struct traffic_entry){ 0 };
	snprintf(e->interface, sizeof(e->interface), "%s", interface);
	return e;
}

void traffic_book_free(struct traffic_book *book)
{
	free(book->list);
	*book = (struct traffic_book){ 0 };
}

/* A file is complete if it has as many interfaces as it says, and as many keys as these have to have. */
struct reader {
	struct traffic_book *book;
	uint64_t n_interfaces;
	size_t n_keys;
};

static int bad_value(const char *key, const char *value, const char *expected, struct err *err)
{
	return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s '%s': expected %s", key, value, expected);
}

/* "NUMBER NUMBER" */
static int read_pair(const char *key, const char *value, uint64_t *first, uint64_t *second, struct err *err)
{
	size_t len = strcspn(value, " ");
	_cleanup_free_ char *one = strndup(value, len);

	if (!one)
		return err_oom(err);
	if (!value[len] || str_to_u64(one, UINT64_MAX, first) < 0 || str_to_u64(value + len + 1, UINT64_MAX, second) < 0)
		return bad_value(key, value, "two numbers", err);
	return 0;
}

static int read_month(const char *key, const char *value, uint32_t *ret_month, uint64_t *ret_bytes, struct err *err)
{
	uint64_t month = 0;
	int r = read_pair(key, value, &month, ret_bytes, err);

	if (r == 0 && month > UINT32_MAX)
		return bad_value(key, value, "a month such as 202611, and bytes", err);
	*ret_month = (uint32_t)month;
	return r;
}

static int read_entry(struct traffic_entry *e, const char *key, const char *value, struct err *err)
{
	bool is_seen = str_has_prefix(key, SEEN_PREFIX);
	struct net_count *count = is_seen ? find_count(&e->seen, key + strlen(SEEN_PREFIX)) : find_count(&e->sum, key);

	if (count)
		return read_pair(key, value, &count->bytes, &count->packets, err);
	if (strcmp(key, "month") == 0)
		return read_month(key, value, &e->month, &e->month_bytes, err);
	if (strcmp(key, "told") == 0)
		return read_month(key, value, &e->told_month, &e->told_quota, err);
	if (strcmp(key, "boot") == 0 && str_copy(e->boot, sizeof(e->boot), value) < 0)
		return bad_value(key, value, "32 hexadecimal digits", err);
	return 0;
}

static int on_key(void *context, const char *section, const char *key, const char *value, struct err *err)
{
	struct reader *rd = context;

	if (!*section && strcmp(key, "interfaces") == 0)
		return str_to_u64(value, UINT32_MAX, &rd->n_interfaces) == 0 ? 0 : bad_value(key, value, "a number", err);
	if (!*section)
		return 0;
	if (strlen(section) >= IFNAMSIZ)
		return bad_value("interface", section, "the name of one", err);

	struct traffic_entry *e = traffic_book_get(rd->book, section);

	rd->n_keys++;
	return e ? read_entry(e, key, value, err) : err_oom(err);
}

static size_t expected_keys(const struct traffic_book *book)
{
	size_t n = 0;

	/* The sums, "month", "told"; and "boot" with what was seen of that run. */
	for (size_t i = 0; i < book->n; i++)
		n += ARRAY_SIZE(counts) + 2 + (book->list[i].boot[0] ? ARRAY_SIZE(counts) + 1 : 0);
	return n;
}

int traffic_book_read(int dir_fd, struct traffic_book *ret, struct err *err)
{
	struct reader rd = { .book = ret, .n_interfaces = UINT64_MAX };

	*ret = (struct traffic_book){ 0 };

	int r = ini_read_at(dir_fd, TRAFFIC_FILE, TRAFFIC_FILE, on_key, &rd, err);

	if (r == -ENOENT)
		return 0;
	if (r == 0 && (rd.n_interfaces != ret->n || rd.n_keys != expected_keys(ret)))
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s: is not complete", TRAFFIC_FILE);
	return r;
}

static void add_counts(struct strbuf *b, const char *prefix, const struct net_traffic *t)
{
	const struct net_count *count;
	const char *key = NULL;

	for (size_t i = 0; (count = traffic_count(t, i, &key)); i++)
		strbuf_addf(b, "%s%s = %" PRIu64 " %" PRIu64 "\n", prefix, key, count->bytes, count->packets);
}

int traffic_book_write(int dir_fd, const struct traffic_book *book, struct err *err)
{
	struct strbuf b = { 0 };

	strbuf_addf(&b, "%sinterfaces = %zu\n", header, book->n);
	for (size_t i = 0; i < book->n; i++) {
		const struct traffic_entry *e = &book->list[i];

		strbuf_addf(&b, "\n[%s]\n", e->interface);
		add_counts(&b, "", &e->sum);
		strbuf_addf(&b, "month = %" PRIu32 " %" PRIu64 "\ntold = %" PRIu32 " %" PRIu64 "\n", e->month, e->month_bytes,
			    e->told_month, e->told_quota);
		if (!e->boot[0])
			continue;
		strbuf_addf(&b, "boot = %s\n", e->boot);
		add_counts(&b, SEEN_PREFIX, &e->seen);
	}

	_cleanup_free_ char *text = strbuf_take(&b);

	if (!text)
		return err_oom(err);
	/* Durable: a name that after a crash of the host has no content would cost all that was ever counted. */
	return fd_replace_file_at(dir_fd, TRAFFIC_FILE, text, strlen(text), true, err);
}
