/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/net_columns.h"
#include "cmd/net_view.h"
#include "cmd/verbs.h"
#include "runtime/lifecycle.h"
#include "runtime/net_rules.h"
#include "runtime/network.h"

struct walk {
	struct listing *listing;
	size_t n;
};

static int add_rows(struct app *app, const char *name, void *context, struct err *err)
{
	_cleanup_net_view_ struct net_view view = { 0 };
	struct walk *w = context;
	int r = net_view_open(app, name, &view, err);

	for (size_t i = 0; r == 0 && i < view.guest->config.n_interfaces; i++) {
		struct net_row row = net_view_row(&view, &view.guest->config.interfaces[i]);

		w->n++;
		r = listing_row(w->listing, &row, err);
	}
	return r;
}

int verb_net_list(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_columns_ struct columns columns = { 0 };
	_cleanup_listing_ struct listing *listing = NULL;
	struct walk w = { 0 };
	size_t n_guests = 0;
	int r = net_columns_new(&columns, err);

	if (r == 0)
		r = listing_begin(columns.columns, columns.n, request, &listing, err);
	w.listing = listing;
	if (r == 0)
		r = net_each_guest(app, request, add_rows, &w, &n_guests, err);
	if (r == 0)
		r = listing_print(listing, app, err);
	if (r == 0 && w.n == 0)
		report_hint(app, "No interfaces yet. Next: ctctl net add %s eth0",
			    request_argument(request, 0) ? request->arguments[0] : "GUEST");
	return r;
}

/* What the verb's settings are about is its second argument. */
static void aim_settings(const struct request *request)
{
	for (size_t i = 0; i < request->n_settings; i++)
		request->settings[i].interface = request->arguments[1];
}

int verb_net_add(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0], *interface = request->arguments[1];

	aim_settings(request);

	int r = guest_net_add(app->node, name, interface, request->settings, request->n_settings, err);

	if (r == 0)
		report_hint(app, "Added %s to %s. See: ctctl net show %s %s", interface, name, name, interface);
	return r;
}

int verb_net_set(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0], *interface = request->arguments[1];
	_cleanup_guest_ struct guest *guest = NULL;
	const struct guest_interface *iface;
	bool needs_restart = false;

	if (request->n_settings == 0)
		return err_exit(err, EXIT_USAGE, EINVAL,
				"nothing to set: expected parameters, such as --rate-out 100M; see ctctl net set --help");

	/* guest_set() would make an eth0 that is not there. */
	int r = guest_open(app->node, name, &guest, err);

	if (r == 0)
		r = guest_pick_interface(guest, interface, &iface, err);
	aim_settings(request);
	if (r == 0)
		r = guest_set(app->node, name, request->settings, request->n_settings, &needs_restart, err);
	if (r == 0 && needs_restart)
		report_hint(app, "Some of it counts from the next start. Next: ctctl restart %s", name);
	return r;
}

int verb_net_remove(struct app *app, const struct request *request, struct err *err)
{
	return guest_net_remove(app->node, request->arguments[0], request->arguments[1], err);
}
