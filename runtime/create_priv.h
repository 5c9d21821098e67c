/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/guest.h"
#include "storage/pool.h"

/*
 * What a new guest takes, whether it is made from a template (create.c) or from a checkpoint of another (create_warm.c), in this
 * order. All calls are made by the host's root.
 */

/* An interrupted create or destroy of that name gives way; a guest does not: EXISTS. */
int create_make_room(const struct node *node, const char *name, struct err *err) _must_check_;

int create_give_uuid(struct guest *guest, struct err *err) _must_check_;

/* Is the disk limit one that the pool can have? A default is made to fit. */
int create_check_disk(struct guest *guest, struct pool *pool, bool is_wanted, struct err *err) _must_check_;

/*
 * The guest's folder and the journal "create" in it, then what `perform` does on the disk, then the journal is closed. A failure
 * undoes all of it; a kill is undone by the next ctctl that opens this guest. The caller holds the lock of that name.
 */
typedef int create_fn(struct guest *guest, struct pool *pool, const void *context, struct err *err);
int create_perform(struct guest *guest, struct pool *pool, create_fn *perform, const void *context, struct err *err) _must_check_;

/* Of the steps of `perform`: a range of ids and addresses of its own; and guest.conf says all that the guest is. */
int create_take_identity(struct guest *guest, struct err *err) _must_check_;
