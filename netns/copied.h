/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "netns/address.h"

/*
 * What a network namespace has that was copied, sockets included, and that belongs to the original. Called in that namespace, as
 * root over it (CAP_NET_ADMIN), while nothing in it runs and no packet gets out.
 */

/* All addresses of an interface, whoever put them there, each with its prefix. The caller frees *ret. */
int net_copied_addresses(const char *name, struct net_address **ret, size_t *ret_n, struct err *err) _must_check_;

/* A socket that waits for connections to one of the addresses, and to no other. */
typedef void net_copied_listener_fn(void *context, const struct net_address *address, unsigned int port);

/*
 * Ends each TCP connection that has one of these addresses as its own: its program finds it aborted (ECONNABORTED), its peer,
 * which talks to the original, hears nothing. For listeners `on_listener` is called; they stay. UNSUPPORTED on a kernel without
 * CONFIG_INET_DIAG_DESTROY, if there is one to end.
 */
int net_copied_end_connections(const struct net_address *list, size_t n, net_copied_listener_fn *on_listener, void *context,
			       struct err *err) _must_check_;
