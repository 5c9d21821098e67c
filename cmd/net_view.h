/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/app.h"
#include "cmd/net_columns.h"
#include "runtime/network.h"

/* A guest with what its interfaces are given, read once: rows of net_columns point into it. */
struct net_view {
	struct guest *guest;
	enum guest_state state;
	bool is_running;
	struct net_plans noted;	  /* what the running guest has */
	struct net_plans planned; /* what its configuration asks for */
};

/* Takes no lock. Free with net_view_close(), also after a failure. */
int net_view_open(struct app *app, const char *name, struct net_view *ret, struct err *err) _must_check_;
void net_view_close(struct net_view *view);
#define _cleanup_net_view_ __attribute__((cleanup(net_view_close)))

struct net_row net_view_row(const struct net_view *view, const struct guest_interface *iface);

/*
 * Calls `each` for the guest named by the request's first argument, or for all in the order of their names. Of all, one that
 * cannot be read is passed over with a warning. *ret_n is how many there are.
 */
int net_each_guest(struct app *app, const struct request *request,
		   int (*each)(struct app *app, const char *name, void *context, struct err *err), void *context, size_t *ret_n,
		   struct err *err) _must_check_;
