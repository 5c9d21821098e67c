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

/* All addresses of an interface (NULL: of all), whoever put them there, each with its prefix. The caller frees *ret. */
int net_copied_addresses(const char *name, struct net_address **ret, size_t *ret_n, struct err *err) _must_check_;

/*
 * Ends each TCP connection that has one of these addresses as its own: its program finds it aborted (ECONNABORTED), its peer,
 * which talks to the original, hears nothing. Who listens on one goes on. UNSUPPORTED on a kernel without
 * CONFIG_INET_DIAG_DESTROY, if there is one to end.
 */
int net_copied_end_connections(const struct net_address *list, size_t n, struct err *err) _must_check_;

/*
 * Looks for a socket that waits for TCP connections to an address that no interface has: 1, its address and port, or 0. Needs no
 * privilege.
 */
int net_copied_find_deaf(struct net_address *ret_address, unsigned int *ret_port, struct err *err) _must_check_;

/* May IPv4 sockets be bound to an address that no interface has (net.ipv4.ip_nonlocal_bind)? */
int net_copied_allow_binding(bool allow, struct err *err) _must_check_;
