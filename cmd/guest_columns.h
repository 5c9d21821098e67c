/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/param_columns.h"
#include "runtime/guest.h"

/* What can be shown of a guest: what it is doing, what it uses, and every parameter of params.def. */
struct guest_row {
	const char *name;
	const struct guest *guest; /* NULL: it could not be read */
	struct guest_status status;
	bool has_usage;
	uint64_t traffic_in; /* bytes of all interfaces, so far; valid if has_traffic */
	uint64_t traffic_out;
	bool has_traffic;
	const char *error; /* why it is broken; NULL if it is not */
};

int guest_columns_new(struct columns *ret, struct err *err) _must_check_;
