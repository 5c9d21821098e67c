/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cmd/listing.h"
#include "cmd/net_columns.h"
#include "cmd/net_view.h"
#include "cmd/verbs.h"
#include "runtime/capture.h"
#include "runtime/net_rules.h"
#include "runtime/traffic.h"

#define COUNT_MAX 1000000000

static int add_rows(struct app *app, const char *name, void *context, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_free_ struct traffic_report *reports = NULL;
	size_t n = 0;
	int r = guest_open(app->node, name, &guest, err);

	if (r == 0)
		r = traffic_read(guest, &reports, &n, err);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct traffic_row row = { name, &reports[i] };

		r = listing_row(context, &row, err);
	}
	return r;
}

int verb_net_traffic(struct app *app, const struct request *request, struct err *err)
{
	_cleanup_listing_ struct listing *listing = NULL;
	size_t n_guests = 0;
	int r = listing_begin(traffic_columns, n_traffic_columns, request, &listing, err);

	if (r == 0)
		r = net_each_guest(app, request, add_rows, listing, &n_guests, err);
	return r < 0 ? r : listing_print(listing, app, err);
}

int verb_net_account(struct app *app, const struct request *request _unused_, struct err *err)
{
	return traffic_collect(app->node, err);
}

static int pick_interface(struct app *app, const char *name, const char *interface, char room[IFNAMSIZ], struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	const struct guest_interface *iface;
	int r = guest_open(app->node, name, &guest, err);

	if (r == 0)
		r = guest_pick_interface(guest, interface, &iface, err);
	if (r == 0)
		snprintf(room, IFNAMSIZ, "%s", iface->name);
	return r;
}

struct capturing {
	struct app *app;
	const char *interface;
	const char *guest;
};

static void say_capturing(void *context)
{
	const struct capturing *c = context;

	report_hint(c->app, "Capturing %s of %s; ^C ends it.", c->interface, c->guest);
}

int verb_net_capture(struct app *app, const struct request *request, struct err *err)
{
	const char *name = request->arguments[0];
	struct guest_capture_spec spec = { .file = request->values[OPT_WRITE], .out_fd = fileno(app->out) };
	uint64_t snap = 0, packets = 0, lost = 0;
	const char *wanted = request_argument(request, 1) ? request->arguments[1] : request->values[OPT_INTERFACE];
	char interface[IFNAMSIZ];
	struct capturing capturing = { app, interface, name };
	int r = request_number(request, OPT_PACKETS, COUNT_MAX, &spec.packets_max, err);

	if (r == 0)
		r = request_size(request, OPT_SNAP, &snap, err);
	if (r == 0 && snap > UINT32_MAX)
		return err_exit(err, EXIT_USAGE, EINVAL, "--snap '%s': expected at most 262144 bytes", request->values[OPT_SNAP]);
	if (r == 0 && !spec.file && isatty(spec.out_fd))
		return err_exit(err, EXIT_USAGE, EINVAL,
				"packets are not for a terminal: --write FILE, or ctctl net capture %s | tcpdump -nr -", name);
	if (r == 0)
		r = pick_interface(app, name, wanted, interface, err);
	if (r < 0)
		return r;
	spec.interface = interface;
	spec.snap_bytes = (uint32_t)snap;
	spec.on_begin = say_capturing;
	spec.context = &capturing;
	r = guest_capture(app->node, name, &spec, &packets, &lost, err);
	if (r == 0)
		report_hint(app, "%" PRIu64 " packets captured, %" PRIu64 " lost", packets, lost);
	return r;
}
