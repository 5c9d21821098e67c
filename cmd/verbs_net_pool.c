/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/verbs.h"
#include "runtime/net_pool.h"

struct net_pool_row {
	const struct net_pool *pool;
	struct net_pool_usage usage;
	bool has_usage;
};

static struct value get_name(const void *row, const struct column *column _unused_)
{
	const struct net_pool_row *p = row;

	return value_of_text(p->pool->name);
}

static struct value get_net(const void *row, const struct column *column _unused_)
{
	const struct net_pool_row *p = row;

	return value_of_text(net_mode_word(p->pool->net));
}

static struct value get_bridge(const void *row, const struct column *column _unused_)
{
	const struct net_pool_row *p = row;

	return value_of_text(p->pool->bridge[0] ? p->pool->bridge : NULL);
}

static struct value take_words(struct strbuf *b)
{
	char *text = strbuf_take(b);

	if (text && !*text) {
		free(text);
		text = NULL;
	}
	return (struct value){ .kind = text ? VALUE_WORDS : VALUE_NONE, .text = text };
}

static void add_word(struct strbuf *b, const char *word)
{
	strbuf_addf(b, "%s%s", b->len > 0 ? ", " : "", word);
}

static struct value get_ranges(const void *row, const struct column *column _unused_)
{
	const struct net_pool_row *p = row;
	struct strbuf b = { 0 };

	for (size_t i = 0; i < p->pool->n_ranges; i++) {
		char first[NET_ADDRESS_ROOM], last[NET_ADDRESS_ROOM];

		net_address_format(&p->pool->ranges[i][0], false, first);
		net_address_format(&p->pool->ranges[i][1], false, last);
		add_word(&b, first);
		strbuf_addf(&b, "-%s", last);
	}
	return take_words(&b);
}

/* Of both families: the networks with their prefixes, or the gateways without. */
static struct value get_addresses(const void *row, const struct column *column)
{
	const struct net_pool_row *p = row;
	const struct net_address *list = (const void *)((const char *)p->pool + column->offset);
	bool with_prefix = column->offset == offsetof(struct net_pool, networks);
	struct strbuf b = { 0 };

	for (size_t i = 0; i < 2; i++) {
		char text[NET_ADDRESS_ROOM];

		if (!list[i].family)
			continue;
		net_address_format(&list[i], with_prefix, text);
		add_word(&b, text);
	}
	return take_words(&b);
}

static struct value get_usage(const void *row, const struct column *column)
{
	const struct net_pool_row *p = row;
	bool is_v6 = column->offset == offsetof(struct net_pool_usage, taken6);
	bool is_known = p->has_usage && net_pool_has_family(p->pool, is_v6 ? AF_INET6 : AF_INET);

	return value_of_number(is_known ? VALUE_NUMBER : VALUE_NONE,
			       *(const uint64_t *)((const char *)&p->usage + column->offset));
}

#define ADDRESSES(field) get_addresses, offsetof(struct net_pool, field), NULL
#define USAGE(field)	 get_usage, offsetof(struct net_pool_usage, field), NULL

static const struct column columns[] = {
	{ "name", "name", COLUMN_DEFAULT, get_name, 0, NULL },
	{ "net", "net", COLUMN_DEFAULT, get_net, 0, NULL },
	{ "ranges", "ranges", COLUMN_DEFAULT, get_ranges, 0, NULL },
	{ "networks", "networks", 0, ADDRESSES(networks) },
	{ "gateways", "gateways", COLUMN_DEFAULT, ADDRESSES(gateways) },
	{ "bridge", "bridge", COLUMN_DEFAULT, get_bridge, 0, NULL },
	{ "ipv4", "ipv4_addresses", COLUMN_DEFAULT | COLUMN_RIGHT, USAGE(total4) },
	{ "ipv4-taken", "ipv4_taken", COLUMN_DEFAULT | COLUMN_RIGHT, USAGE(taken4) },
	{ "ipv6-taken", "ipv6_taken", COLUMN_DEFAULT | COLUMN_RIGHT, USAGE(taken6) },
};

struct walk {
	struct app *app;
	struct listing *listing;
	struct err *err;
	size_t n;
};

static int add_pool(void *context, const struct net_pool *pool)
{
	struct walk *w = context;
	struct net_pool_row row = { .pool = pool };
	struct err why = ERR_INIT;

	row.has_usage = net_pool_get_usage(w->app->node, pool, &row.usage, &why) == 0;
	if (!row.has_usage)
		log_warning(&w->app->log, "pool '%s': %s", pool->name, why.msg);
	w->n++;
	return listing_row(w->listing, &row, w->err);
}

int verb_net_pool_list(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_listing_ struct listing *listing = NULL;
	struct walk w = { .app = app, .err = err };
	int r = listing_begin(columns, ARRAY_SIZE(columns), request, &listing, err);

	w.listing = listing;
	if (r == 0)
		r = net_pool_each(app->node, add_pool, &w, err);
	return r < 0 ? r : listing_print(listing, app, err);
}

int verb_net_pool_show(struct app *app, const struct request *request, struct err *err)
{
	struct net_pool pool;
	struct net_pool_row row = { .pool = &pool };
	int r = net_pool_open(app->node, request->arguments[0], &pool, err);

	if (r == 0)
		r = net_pool_get_usage(app->node, &pool, &row.usage, err);
	if (r < 0)
		return r;
	row.has_usage = true;
	if (!request_has(request, OPT_JSON)) {
		columns_print(app, columns, ARRAY_SIZE(columns), 0, &row);
		return 0;
	}

	_cleanup_json_ struct json *doc = columns_to_json(columns, ARRAY_SIZE(columns), 0, &row);

	return doc ? print_json(app, doc, err) : err_oom(err);
}

/* "--range A --range B,C" as one list; the words are in *ret_text, which has to live as long. */
static int split_ranges(const struct request *request, char **ret_text, const char ***ret, struct err *err)
{
	struct strbuf b = { 0 };
	char *rest = NULL;
	size_t n = 0;

	for (size_t i = 0; i < request->n_ranges; i++)
		strbuf_addf(&b, "%s,", request->ranges[i]);
	*ret_text = strbuf_take(&b);

	const char **list = *ret_text ? calloc(strlen(*ret_text) + 1, sizeof(*list)) : NULL;

	if (!list)
		return err_oom(err);
	for (char *w = strtok_r(*ret_text, ", ", &rest); w; w = strtok_r(NULL, ", ", &rest))
		list[n++] = w;
	*ret = list;
	return 0;
}

int verb_net_pool_create(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	_cleanup_free_ const char **ranges = NULL;
	struct net_pool_spec spec = {
		.name = request->arguments[0],
		.net = request->values[OPT_NET],
		.gateway = request->values[OPT_GATEWAY],
		.bridge = request->values[OPT_BRIDGE],
	};
	int r = split_ranges(request, &text, &ranges, err);

	if (r < 0)
		return r;
	if (!ranges[0])
		return err_exit(err, EXIT_USAGE, EINVAL,
				"--range is missing: expected addresses of the pool, such as --range 192.0.2.10-192.0.2.99 or "
				"--range 2001:db8:5::/64");
	spec.ranges = ranges;
	r = net_pool_create(app->node, &spec, err);
	if (r == 0)
		report_hint(app, "Next: ctctl create NAME TEMPLATE --net-pool %s", spec.name);
	return r;
}

int verb_net_pool_remove(struct app *app, const struct request *request, struct err *err)
{
	return net_pool_remove(app->node, request->arguments[0], err);
}
