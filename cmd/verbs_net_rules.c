/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/verbs.h"
#include "runtime/net_rules.h"

#define NUMBER_MAX 1000000

struct rule_row {
	uint64_t number;
	const char *interface;
	const struct net_rule *rule;
};

static struct value get_number(const void *row, const struct column *column _unused_)
{
	const struct rule_row *r = row;

	return value_of_number(VALUE_NUMBER, r->number);
}

static struct value get_interface(const void *row, const struct column *column _unused_)
{
	const struct rule_row *r = row;

	return value_of_text(r->interface);
}

static struct value get_rule(const void *row, const struct column *column _unused_)
{
	const struct rule_row *r = row;
	char *text = interface_format_rule(r->rule);

	return (struct value){ .kind = text ? VALUE_TEXT : VALUE_NONE, .text = text };
}

static const struct column columns[] = {
	{ "interface", "interface", COLUMN_DEFAULT, get_interface, 0, NULL },
	{ "number", "number", COLUMN_DEFAULT | COLUMN_RIGHT, get_number, 0, NULL },
	{ "rule", "rule", COLUMN_DEFAULT, get_rule, 0, NULL },
};

static int add_rows(struct listing *listing, const struct guest_interface *iface, size_t *io_n, struct err *err)
{
	_cleanup_free_ struct net_rule *list = NULL;
	size_t n = 0;
	int r = interface_parse_rules(iface->rules, &list, &n, err);

	for (size_t i = 0; r == 0 && i < n; i++) {
		struct rule_row row = { i + 1, iface->name, &list[i] };

		r = listing_row(listing, &row, err);
	}
	*io_n += n;
	return r;
}

static int list_rules(const struct guest *guest, const char *only, struct listing *listing, size_t *ret_n, struct err *err)
{
	const struct guest_interface *iface;
	int r = 0;

	*ret_n = 0;
	if (only) {
		r = guest_pick_interface(guest, only, &iface, err);
		return r < 0 ? r : add_rows(listing, iface, ret_n, err);
	}
	for (size_t i = 0; r == 0 && i < guest->config.n_interfaces; i++)
		r = add_rows(listing, &guest->config.interfaces[i], ret_n, err);
	return r;
}

int verb_net_rules(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_listing_ struct listing *listing = NULL;
	size_t n = 0;
	int r = listing_begin(columns, ARRAY_SIZE(columns), request, &listing, err);

	if (r == 0)
		r = guest_open(app->node, request->arguments[0], &guest, err);
	if (r == 0)
		r = list_rules(guest, request->values[OPT_INTERFACE], listing, &n, err);
	if (r == 0)
		r = listing_print(listing, app, err);
	if (r < 0)
		return r;
	if (n == 0)
		report_hint(app, "No rules: everything is allowed. For some: ctctl net allow %s tcp/22", guest->name);
	else
		report_hint(app,
			    "The first rule that matches counts. What none allows is refused, but for answers to the guest.");
	return 0;
}

/* "allow" or "deny" and the words of the command line. */
static char *join_rule(const char *verdict, const struct request *request)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, verdict);
	for (size_t i = 1; i < request->n_arguments; i++)
		strbuf_addf(&b, " %s", request->arguments[i]);
	return strbuf_take(&b);
}

static bool allows_any(const struct guest_interface *iface)
{
	_cleanup_free_ struct net_rule *list = NULL;
	struct err ignored = ERR_INIT;
	size_t n = 0;

	if (interface_parse_rules(iface->rules, &list, &n, &ignored) < 0)
		return true;
	for (size_t i = 0; i < n; i++) {
		if (list[i].allow)
			return true;
	}
	return false;
}

/* Who only denies something may not expect that everything is. */
static void warn_if_closed(struct app *app, const char *name, const char *interface)
{
	_cleanup_guest_ struct guest *guest = NULL;
	const struct guest_interface *iface;
	struct err ignored = ERR_INIT;

	if (guest_open(app->node, name, &guest, &ignored) < 0 || guest_pick_interface(guest, interface, &iface, &ignored) < 0)
		return;
	if (!allows_any(iface))
		report_hint(
			app,
			"No rule of %s allows anything: nothing reaches it now but answers. For the rest: ctctl net allow %s any",
			name, name);
}

static int add_rule(struct app *app, const struct request *request, const char *verdict, struct err *err)
{
	_cleanup_free_ char *rule = join_rule(verdict, request);
	const char *name = request->arguments[0], *interface = request->values[OPT_INTERFACE];

	if (!rule)
		return err_oom(err);

	int r = guest_net_add_rule(app->node, name, interface, rule, err);

	if (r == 0)
		warn_if_closed(app, name, interface);
	return r;
}

int verb_net_allow(struct app *app, const struct request *request, struct err *err)
{
	return add_rule(app, request, "allow", err);
}

int verb_net_deny(struct app *app, const struct request *request, struct err *err)
{
	return add_rule(app, request, "deny", err);
}

int verb_net_forget(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0], *text = request_argument(request, 1);
	const char *interface = request->values[OPT_INTERFACE];
	uint64_t number = 0;

	if (!text == !request_has(request, OPT_ALL))
		return err_exit(err, EXIT_USAGE, EINVAL, "expected the number of one rule, or --all; see ctctl net rules %s",
				name);
	if (text && (str_to_u64(text, NUMBER_MAX, &number) < 0 || number == 0))
		return err_exit(err, EXIT_USAGE, EINVAL, "'%s': expected the number of a rule; see ctctl net rules %s", text,
				name);
	return guest_net_forget_rule(app->node, name, interface, number, err);
}
