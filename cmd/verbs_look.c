/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/guest_columns.h"
#include "cmd/names.h"
#include "cmd/secrets.h"
#include "cmd/text.h"
#include "cmd/verbs.h"
#include "runtime/inside.h"
#include "runtime/lifecycle.h"
#include "runtime/interface.h"
#include "runtime/params.h"
#include "runtime/traffic.h"

static uint64_t count_bytes(const struct net_count of[NET_CLASSES][2])
{
	return of[NET_LOCAL][0].bytes + of[NET_LOCAL][1].bytes + of[NET_OUTSIDE][0].bytes + of[NET_OUTSIDE][1].bytes;
}

/* That it cannot be read is no reason to show nothing else. */
static void read_traffic(const struct guest *guest, struct guest_row *row)
{
	_cleanup_free_ struct traffic_report *list = NULL;
	struct err why = ERR_INIT;
	size_t n = 0;

	if (traffic_read(guest, &list, &n, &why) < 0)
		log_warning(guest->node->log, "guest '%s': its traffic cannot be read: %s", guest->name, why.msg);
	for (size_t i = 0; i < n; i++) {
		row->traffic_in += count_bytes(list[i].total.in);
		row->traffic_out += count_bytes(list[i].total.out);
	}
	row->has_traffic = n > 0;
}

/* Reads what a row shows. A guest that cannot be read has the state "broken". */
static int read_row(const struct node *node, struct guest_row *row, struct guest **guest, bool with_usage, struct err *err)
{
	int r = guest_open(node, row->name, guest, err);

	row->guest = *guest;
	if (r == 0)
		r = guest_get_state(*guest, &row->status, err);
	if (r == 0 && with_usage) {
		r = guest_get_usage(*guest, &row->status, err);
		row->has_usage = r == 0;
		read_traffic(*guest, row);
	}
	return r;
}

static int add_row(struct app *app, struct listing *listing, const char *name, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_row row = { .name = name, .status = { .state = GUEST_BROKEN } };
	struct err why = ERR_INIT;
	int r = read_row(app->node, &row, &guest, listing_wants(listing, COLUMN_USAGE), &why);

	if (r < 0 && why.exit == EXIT_NO_GUEST)
		return 0; /* destroyed while we were reading */
	if (r < 0) {
		log_warning(&app->log, "%s: %s", name, why.msg);
		row.error = why.msg;
	}
	return listing_row(listing, &row, err);
}

static int collect(void *context, const char *name)
{
	return names_add(context, name);
}

int verb_list(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_columns_ struct columns columns = { 0 };
	_cleanup_listing_ struct listing *listing = NULL;
	_cleanup_names_ struct names names = { 0 };
	int r = guest_columns_new(&columns, err);

	if (r == 0)
		r = listing_begin(columns.columns, columns.n, request, &listing, err);
	if (r == 0)
		r = guest_each(app->node, collect, &names, err);
	if (r < 0)
		return r == -ENOMEM ? err_oom(err) : r;
	names_sort(&names);
	for (size_t i = 0; r == 0 && i < names.n; i++)
		r = add_row(app, listing, names.items[i], err);
	if (r == 0)
		r = listing_print(listing, app, err);
	if (r == 0 && names.n == 0)
		report_hint(app, "No guests yet. Next: ctctl create NAME TEMPLATE --start");
	return r;
}

/* A line of guest.conf, with a note if it is what would be without it. */
static int print_param(struct app *app, const void *object, const void *defaults, const struct param *p, struct err *err)
{
	_cleanup_free_ char *value = param_get(object, p);
	_cleanup_free_ char *dflt = param_get(defaults, p);

	if (!value || !dflt)
		return err_oom(err);
	fprintf(app->out, "%s =%s", p->key, *value ? " " : "");
	text_safe(app->out, value, false);
	fputs(strcmp(value, dflt) == 0 ? "  # default\n" : "\n", app->out);
	return 0;
}

static int print_interface(struct app *app, const struct guest_interface *iface, struct err *err)
{
	struct guest_interface defaults;
	int r = interface_init(&defaults, iface->name, err);

	fprintf(app->out, "\n[%s]\n", iface->name);
	for (size_t i = 0; r == 0 && interface_param_at(i); i++)
		r = print_param(app, iface, &defaults, interface_param_at(i), err);
	interface_free(&defaults);
	return r;
}

static int print_params(struct app *app, const struct guest *guest, struct err *err)
{
	struct guest_config defaults;
	int r = config_init(&defaults, err);

	for (size_t i = 0; r == 0 && param_at(i); i++)
		r = print_param(app, &guest->config, &defaults, param_at(i), err);
	for (size_t i = 0; r == 0 && i < guest->config.n_interfaces; i++)
		r = print_interface(app, &guest->config.interfaces[i], err);
	config_free(&defaults);
	return r;
}

static struct json *interface_to_json(const struct guest_interface *iface)
{
	struct json *object = json_object_new_doc();
	const struct param *p;

	if (!object)
		return NULL;
	json_add_string(object, "name", iface->name);
	for (size_t i = 0; (p = interface_param_at(i)); i++) {
		_cleanup_value_ struct value value = value_of_param(iface, p);
		_cleanup_free_ char *key = json_key_of_param(p);

		value_add_json(&value, object, key ? key : p->key);
	}
	return object;
}

static void add_interfaces(struct json *doc, const struct guest_config *config)
{
	struct json *list = json_array_new_doc();

	for (size_t i = 0; list && i < config->n_interfaces; i++)
		json_add_child(list, NULL, interface_to_json(&config->interfaces[i]));
	json_add_child(doc, "interfaces", list);
}

static int print_row_json(struct app *app, unsigned without, const struct guest_row *row, struct err *err)
{
	_cleanup_columns_ struct columns columns = { 0 };
	int r = guest_columns_new(&columns, err);

	if (r < 0)
		return r;

	_cleanup_json_ struct json *doc = columns_to_json(columns.columns, columns.n, without, row);

	if (!doc)
		return err_oom(err);
	if (!(without & COLUMN_PARAM))
		add_interfaces(doc, &row->guest->config);
	return print_json(app, doc, err);
}

int verb_show(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_row row = { .name = request->arguments[0] };
	int r = read_row(app->node, &row, &guest, false, err);

	if (r < 0)
		return r;
	if (request_has(request, OPT_JSON))
		return print_row_json(app, COLUMN_USAGE, &row, err);
	return print_params(app, guest, err);
}

static void add_limit(struct strbuf *b, const struct value *limit)
{
	if (limit->kind == VALUE_NONE)
		return;
	strbuf_add(b, " of ");
	value_add_text(limit, b);
}

static void put_use(struct app *app, const char *what, struct value used, struct value limit)
{
	struct strbuf b = { 0 };

	if (used.kind == VALUE_NONE)
		return;
	value_add_text(&used, &b);
	add_limit(&b, &limit);

	_cleanup_free_ char *text = strbuf_take(&b);

	fprintf(app->out, "%-12s %s\n", what, text ? text : "");
}

static struct value limit_of(const struct guest_row *row, const char *key)
{
	return value_of_param(&row->guest->config, param_find(key));
}

static void put_interfaces(struct app *app, const struct guest_row *row)
{
	const struct guest_config *config = &row->guest->config;

	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct guest_interface *iface = &config->interfaces[i];
		const char *mode = net_mode_word((enum net_mode)iface->net);

		fprintf(app->out, "%-12s %s%s%s\n", iface->name, mode ? mode : "", iface->ip ? " " : "",
			iface->ip ? iface->ip : "");
	}
	if (!row->has_traffic)
		return;

	struct strbuf b = { 0 };

	text_size(&b, row->traffic_in);
	strbuf_add(&b, " in, ");
	text_size(&b, row->traffic_out);
	strbuf_add(&b, " out");

	_cleanup_free_ char *text = strbuf_take(&b);

	fprintf(app->out, "%-12s %s\n", "traffic", text ? text : "");
}

static void print_status(struct app *app, const struct guest_row *row)
{
	const struct guest_status *s = &row->status;
	const struct value none = { 0 };

	fprintf(app->out, "%-12s %s\n", "state", guest_state_word(s->state));
	if (s->busy[0])
		fprintf(app->out, "%-12s %s\n", "busy", s->busy);
	if (s->init_pid > 0) {
		fprintf(app->out, "%-12s %d, watched by %d\n", "init", s->init_pid, s->monitor_pid);
		put_use(app, "started", value_of_number(VALUE_TIME, s->started_at), none);
		put_use(app, "memory", value_of_number(VALUE_SIZE, s->memory_bytes), limit_of(row, "memory"));
		put_use(app, "cpu time", value_of_number(VALUE_USEC, s->cpu_usec), none);
		put_use(app, "processes", value_of_number(VALUE_NUMBER, s->n_pids), limit_of(row, "pids"));
	}
	if (s->suspended_at > 0)
		put_use(app, "suspended", value_of_number(VALUE_TIME, s->suspended_at), none);
	if (s->checkpoint_bytes > 0)
		put_use(app, "checkpoint", value_of_number(VALUE_SIZE, s->checkpoint_bytes), none);
	put_use(app, "disk", value_of_number(s->has_disk ? VALUE_SIZE : VALUE_NONE, s->disk_bytes), limit_of(row, "disk"));
	put_interfaces(app, row);
}

int verb_status(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct guest_row row = { .name = request->arguments[0] };
	int r = read_row(app->node, &row, &guest, true, err);

	if (r < 0)
		return r;
	if (request_has(request, OPT_JSON))
		return print_row_json(app, COLUMN_PARAM, &row, err);
	print_status(app, &row);
	return 0;
}

int verb_set(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	_cleanup_free_ char *keys = NULL;
	bool needs_restart = false;

	if (request->n_settings == 0 && request->n_keys == 0)
		return err_exit(err, EXIT_USAGE, EINVAL,
				"nothing to set: expected parameters, such as --memory 1G; see ctctl set --help");

	int r = secrets_read_keys(request, &keys, err);

	if (r == 0 && request->n_settings > 0)
		r = guest_set(app->node, name, request->settings, request->n_settings, &needs_restart, err);
	if (r == 0 && request->n_keys > 0)
		r = guest_set_keys(app->node, name, "root", keys, err);
	if (r == 0 && needs_restart)
		report_hint(app, "Some of it counts from the next start. Next: ctctl restart %s", name);
	return r;
}
