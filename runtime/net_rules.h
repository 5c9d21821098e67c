/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "runtime/guest.h"
#include "runtime/interface.h"

/*
 * The interface of that name, or without one (NULL) the guest's only one. INVALID if there is none of that name, or none at all;
 * USAGE if there are several to choose from. It belongs to the guest.
 */
int guest_pick_interface(const struct guest *guest, const char *name, const struct guest_interface **ret,
			 struct err *err) _must_check_;

/*
 * The firewall of an interface (chosen as above), a rule at a time: read, changed and put in force under the guest's lock, so
 * that no rule of two who add one at the same time is lost. As guest_set() otherwise.
 *
 * `rule` is what interface_parse_rule() reads, appended behind the others.
 */
int guest_net_add_rule(const struct node *node, const char *name, const char *interface, const char *rule,
		       struct err *err) _must_check_;

/* Removes the `number`-th, counted from 1, or all of them (0). INVALID if there is no such rule. */
int guest_net_forget_rule(const struct node *node, const char *name, const char *interface, size_t number,
			  struct err *err) _must_check_;
