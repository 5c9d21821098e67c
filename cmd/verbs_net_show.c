/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/net_columns.h"
#include "cmd/net_view.h"
#include "cmd/table.h"
#include "cmd/text.h"
#include "cmd/verbs.h"
#include "runtime/net_rules.h"
#include "runtime/traffic.h"

/* All of one guest that is shown. */
struct show {
	struct app *app;
	struct net_view view;
	struct columns columns;
	struct traffic_report *reports;
	size_t n_reports;
};

static void show_end(struct show *s)
{
	columns_free(&s->columns);
	net_view_close(&s->view);
	free(s->reports);
}

static const struct traffic_report *find_report(const struct show *s, const char *interface)
{
	for (size_t i = 0; i < s->n_reports; i++) {
		if (strcmp(s->reports[i].interface, interface) == 0)
			return &s->reports[i];
	}
	return NULL;
}

static int put_size(struct table *table, size_t column, uint64_t bytes, uint64_t packets, struct err *err)
{
	struct strbuf b = { 0 };

	text_size(&b, bytes);
	strbuf_addf(&b, " (%" PRIu64 ")", packets);

	_cleanup_free_ char *text = strbuf_take(&b);

	return text ? table_set(table, column, text, err) : err_oom(err);
}

static int add_traffic_row(struct table *table, const char *what, const struct net_count *in, const struct net_count *out,
			   struct err *err)
{
	int r = table_add_row(table, err);

	if (r == 0)
		r = table_set(table, 0, what, err);
	if (r == 0)
		r = put_size(table, 1, in->bytes, in->packets, err);
	return r < 0 ? r : put_size(table, 2, out->bytes, out->packets, err);
}

/* Bytes (and packets) in both directions, by class and family. */
static int make_traffic_table(struct table *table, const struct net_traffic *t, struct err *err)
{
	static const char *const words[NET_CLASSES][2] = {
		[NET_LOCAL] = { "local IPv4", "local IPv6" },
		[NET_OUTSIDE] = { "outside IPv4", "outside IPv6" },
	};
	int r = table_add_column(table, "TRAFFIC", false, err);

	if (r == 0)
		r = table_add_column(table, "IN (PACKETS)", true, err);
	if (r == 0)
		r = table_add_column(table, "OUT (PACKETS)", true, err);
	for (int class = NET_CLASSES - 1; class >= 0; class --) {
		for (int family = 0; r == 0 && family < 2; family++)
			r = add_traffic_row(table, words[class][family], &t->in[class][family], &t->out[class][family], err);
	}
	return r < 0 ? r : add_traffic_row(table, "dropped by the filter", &(struct net_count){ 0 }, &t->dropped, err);
}

static void put_month(struct app *app, const struct traffic_report *report)
{
	struct strbuf b = { 0 };
	char quota[STR_NUMBER_ROOM];

	text_size(&b, report->month_outside_bytes);
	if (report->quota_bytes) {
		str_from_size(report->quota_bytes, quota);
		strbuf_addf(&b, " of %s", quota);
	}

	_cleanup_free_ char *text = strbuf_take(&b);

	fprintf(app->out, "%-15s %s\n", "this month", text ? text : "");
}

static int print_traffic(const struct show *s, const struct traffic_report *report, struct err *err)
{
	_cleanup_table_ struct table *table = NULL;
	_cleanup_free_ char *text = NULL;
	int r = table_new(&table, err);

	if (r == 0)
		r = make_traffic_table(table, &report->total, err);
	if (r == 0)
		r = table_render(table, &text, err);
	if (r < 0)
		return r;

	size_t len = text ? strlen(text) : 0;

	put_month(s->app, report);
	fprintf(s->app->out, "%s%s", len > 0 ? text : "", len > 0 && text[len - 1] != '\n' ? "\n" : "");
	return 0;
}

static int print_interface(const struct show *s, const struct guest_interface *iface, struct err *err)
{
	const struct traffic_report *report = find_report(s, iface->name);
	struct net_row row = net_view_row(&s->view, iface);

	columns_print(s->app, s->columns.columns, s->columns.n, 0, &row);
	return report ? print_traffic(s, report, err) : 0;
}

static struct json *interface_to_json(const struct show *s, const struct guest_interface *iface)
{
	const struct traffic_report *report = find_report(s, iface->name);
	struct traffic_row traffic = { s->view.guest->name, report };
	struct net_row row = net_view_row(&s->view, iface);
	struct json *doc = columns_to_json(s->columns.columns, s->columns.n, 0, &row);

	if (doc && report)
		json_add_child(doc, "traffic", columns_to_json(traffic_columns, n_traffic_columns, 0, &traffic));
	else if (doc)
		json_add_null(doc, "traffic");
	return doc;
}

static int show_all(const struct show *s, bool is_json, struct err *err)
{
	const struct guest_config *config = &s->view.guest->config;
	_cleanup_json_ struct json *list = is_json ? json_array_new_doc() : NULL;

	if (is_json && !list)
		return err_oom(err);
	for (size_t i = 0; i < config->n_interfaces; i++) {
		if (is_json) {
			json_add_child(list, NULL, interface_to_json(s, &config->interfaces[i]));
			continue;
		}
		if (i > 0)
			fputc('\n', s->app->out);

		int r = print_interface(s, &config->interfaces[i], err);

		if (r < 0)
			return r;
	}
	if (config->n_interfaces == 0)
		report_hint(s->app, "No interfaces yet. Next: ctctl net add %s eth0", s->view.guest->name);
	return is_json ? print_json(s->app, list, err) : 0;
}

static int show_one(const struct show *s, const char *name, bool is_json, struct err *err)
{
	const struct guest_interface *iface;
	int r = guest_pick_interface(s->view.guest, name, &iface, err);

	if (r < 0 || !is_json)
		return r < 0 ? r : print_interface(s, iface, err);

	_cleanup_json_ struct json *doc = interface_to_json(s, iface);

	return doc ? print_json(s->app, doc, err) : err_oom(err);
}

int verb_net_show(struct app *app, const struct request *request, struct err *err)
{
	__attribute__((cleanup(show_end))) struct show s = { .app = app };
	const char *interface = request_argument(request, 1);
	bool is_json = request_has(request, OPT_JSON);
	int r = net_columns_new(&s.columns, err);

	if (r == 0)
		r = net_view_open(app, request->arguments[0], &s.view, err);
	if (r == 0)
		r = traffic_read(s.view.guest, &s.reports, &s.n_reports, err);
	if (r < 0)
		return r;
	return interface ? show_one(&s, interface, is_json, err) : show_all(&s, is_json, err);
}
