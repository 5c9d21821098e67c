/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/param_columns.h"
#include "runtime/guest.h"
#include "runtime/interface.h"
#include "runtime/network.h"
#include "runtime/traffic.h"

/* What can be shown of an interface of a guest: how it is, and every parameter of interface.def. */
struct net_row {
	const struct guest *guest;
	const struct guest_interface *iface;
	enum guest_state state;	     /* the guest's */
	const struct net_plan *plan; /* what it was given, or would be; NULL: nothing */
	bool is_plugged;	     /* it was given it */
};

int net_columns_new(struct columns *ret, struct err *err) _must_check_;

/* What an interface has sent and received. */
struct traffic_row {
	const char *guest;
	const struct traffic_report *report;
};

extern const struct column traffic_columns[];
extern const size_t n_traffic_columns;
