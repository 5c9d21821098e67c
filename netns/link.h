/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"

/*
 * Links, addresses and routes of one network namespace, by libnl-route. No call fills a cache of all links: the cost does not
 * grow with the number of guests.
 */

/*
 * A pair of veth devices: one end here, up and on the bridge; the other in the guest's network namespace, down, under its final
 * name. Called by the host's root (CAP_NET_ADMIN here and in the guest's namespace) in the host's network namespace.
 */
struct net_veth_spec {
	const char *host_name;	/* at most 15 characters (IFNAMSIZ) */
	const char *guest_name; /* "eth0" */
	int guest_netns_fd;
	const char *bridge; /* NULL: on none */
	uint8_t mac[6];	    /* of the guest's end */
	uint32_t mtu;	    /* 0: the kernel's */
};

int net_veth_create(const struct net_veth_spec *spec, struct err *err) _must_check_;

/* Removes a link and with it its peer; a missing one is a success. */
int net_link_delete(const char *name, struct err *err) _must_check_;

/*
 * Makes a bridge if it is missing, gives it `address` ("10.0.3.1/24"; NULL: none) if that is missing, and brings it up. An
 * existing link of that name that is no bridge is an error. Host's root, host's network namespace.
 */
int net_bridge_ensure(const char *name, const char *address, struct err *err) _must_check_;

/* The guest's side of its interface. */
struct net_setup_spec {
	const char *name;    /* "eth0"; NULL: only the loopback */
	const char *address; /* "10.0.3.5/24", IPv4 or IPv6; NULL: none */
	const char *gateway; /* NULL: no default route */
};

/*
 * Brings up the loopback, then the interface with its address and default route. Called by the guest's init-to-be, as the guest's
 * root, in the guest's network namespace, before anything of the guest runs.
 */
int net_setup_guest(const struct net_setup_spec *spec, struct err *err) _must_check_;

/* Checks "ADDRESS/PREFIX" / "ADDRESS" of IPv4 or IPv6: 0, or -EINVAL with a message that names `what`. */
int net_check_cidr(const char *what, const char *text, struct err *err) _must_check_;
int net_check_address(const char *what, const char *text, struct err *err) _must_check_;
