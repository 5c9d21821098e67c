/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "cmd/listing.h"
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

struct guest_columns {
	struct column *columns;
	size_t n;
	char **keys; /* of JSON, made from the parameters' */
};

int guest_columns_new(struct guest_columns *ret, struct err *err) _must_check_;
void guest_columns_free(struct guest_columns *c);
#define _cleanup_guest_columns_ __attribute__((cleanup(guest_columns_free)))

/* The value of a parameter of the guest, or of an interface; limits that are not set are no value. */
struct param;
struct value value_of_param(const void *object, const struct param *param);

/* What kind of value it is, where it has one. */
enum value_kind value_kind_of_param(const struct param *param);

/* "memory_bytes" for "memory": what it is in JSON. The caller frees; NULL: no memory. */
char *json_key_of_param(const struct param *param) _must_check_;
