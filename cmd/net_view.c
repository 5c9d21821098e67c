/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/net_view.h"

#include <errno.h>

#include "base/cleanup.h"
#include "cmd/names.h"
#include "cmd/parse.h"

int net_view_open(struct app *app, const char *name, struct net_view *ret, struct err *err)
{
	struct guest_status status = { 0 };
	struct err ignored = ERR_INIT;

	ret->guest = NULL;
	ret->noted = ret->planned = NET_PLANS_INIT;

	int r = guest_open(app->node, name, &ret->guest, err);

	if (r == 0)
		r = guest_get_state(ret->guest, &status, err);
	if (r < 0)
		return r;
	ret->state = status.state;
	ret->is_running = status.state == GUEST_RUNNING || status.state == GUEST_UNMONITORED;
	if (ret->is_running)
		r = network_read_note(ret->guest->run_fd, LINKS_FILE, &ret->noted, err);
	/* What cannot be planned, for want of a pool say, is said when it is started: what was set can be shown. */
	if (r >= 0 && network_plan(ret->guest, &ret->planned, &ignored) < 0) {
		network_plans_free(&ret->planned);
		ret->planned = NET_PLANS_INIT;
	}
	return r < 0 ? r : 0;
}

void net_view_close(struct net_view *view)
{
	network_plans_free(&view->noted);
	network_plans_free(&view->planned);
	guest_close(view->guest);
	view->guest = NULL;
}

struct net_row net_view_row(const struct net_view *view, const struct guest_interface *iface)
{
	const struct net_plan *noted = view->is_running ? network_find_plan(&view->noted, iface->name) : NULL;

	return (struct net_row){
		.guest = view->guest,
		.iface = iface,
		.state = view->state,
		.is_plugged = noted,
		.plan = noted ? noted : network_find_plan(&view->planned, iface->name),
	};
}

static int collect(void *context, const char *name)
{
	return names_add(context, name);
}

int net_each_guest(struct app *app, const struct request *request,
		   int (*each)(struct app *app, const char *name, void *context, struct err *err), void *context, size_t *ret_n,
		   struct err *err)
{
	_cleanup_names_ struct names names = { 0 };
	const char *only = request_argument(request, 0);
	int r = only ? each(app, only, context, err) : guest_each(app->node, collect, &names, err);

	if (r < 0)
		return r == -ENOMEM ? err_oom(err) : r;
	*ret_n = only ? 1 : names.n;
	names_sort(&names);
	for (size_t i = 0; i < names.n; i++) {
		struct err why = ERR_INIT;

		/* One that was destroyed while we were reading is no failure. */
		if (each(app, names.items[i], context, &why) < 0 && why.exit != EXIT_NO_GUEST)
			log_warning(&app->log, "%s: %s", names.items[i], why.msg);
	}
	return 0;
}
