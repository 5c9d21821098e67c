/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/address.h"

/*
 * Links, addresses, routes and neighbours of one network namespace, by libnl-route. No call fills a cache of all links: the cost
 * does not grow with the number of guests. Unless it is said otherwise, called by the host's root (CAP_NET_ADMIN) in the host's
 * network namespace.
 */

/* The addresses by which a routed guest knows the host's end of its link; every such link has them. */
#define NET_ROUTED_GATEWAY4 "169.254.1.1" /* RFC 3927: link-local, forwarded by nobody */
#define NET_ROUTED_GATEWAY6 "fe80::1"

/*
 * A pair of veth devices: one end here, up and on the bridge; the other in the guest's network namespace, down, under its final
 * name.
 */
struct net_veth_spec {
	const char *host_name;	/* at most 15 characters (IFNAMSIZ) */
	const char *guest_name; /* "eth0" */
	int guest_netns_fd;
	const char *bridge; /* NULL: on none */
	uint8_t mac[6];	    /* of the guest's end */
	uint32_t mtu;	    /* 0: the kernel's */
	bool is_closed;	    /* the host's end stays down and on no bridge, whatever `bridge` says, until net_link_open() */
};

int net_veth_create(const struct net_veth_spec *spec, struct err *err) _must_check_;

/* A macvlan of mode bridge on `parent`, made in the guest's network namespace. The host has no end of it. */
struct net_macvlan_spec {
	const char *parent;
	const char *guest_name;
	int guest_netns_fd;
	uint8_t mac[6];
	uint32_t mtu;
};

int net_macvlan_create(const struct net_macvlan_spec *spec, struct err *err) _must_check_;

/* Removes a link and with it its peer; a missing one is a success. */
int net_link_delete(const char *name, struct err *err) _must_check_;

/* Brings up an interface; one that is up is fine. */
int net_link_open(const char *name, struct err *err) _must_check_;

/* Is there one? 1, 0, or a negative errno. */
int net_link_exists(const char *name, struct err *err) _must_check_;

/*
 * Waits until packets can be sent to the other end of a link. After both of its ends came up the kernel notices it a moment
 * later, by work of its own (net/core/link_watch.c): what is sent to the guest before, an answer to its ARP request for one, is
 * lost, and the next try comes after a second. 1 if it is so (since Linux 6.8 at once), 0 if not within the time. To be called
 * for the host's end after the guest's side is set up, and, if that is a port of a bridge, for the bridge after it.
 */
int net_link_wait_ready(const char *name, int timeout_ms, struct err *err) _must_check_;

/*
 * Makes a bridge if it is missing, gives it those of `addresses` (each with its network's prefix) that are missing, and brings it
 * up. An existing link of that name that is no bridge is an error.
 */
int net_bridge_ensure(const char *name, const struct net_address *addresses, size_t n, struct err *err) _must_check_;

/* Is it a bridge that is there? Without one -ENODEV, with another kind of link -EINVAL; the message says how to make one. */
int net_bridge_check(const char *name, struct err *err) _must_check_;

/* Is the interface there that a macvlan is to be made on, its parent? If not -ENODEV. */
int net_parent_check(const char *name, struct err *err) _must_check_;

/*
 * Makes a port of a bridge a guest's: the bridge learns nothing from it and floods no unicast to it, but knows that `mac` is
 * there. So a guest can neither fill the bridge's table nor see what is for others. `vlan` 1 to 4094: the port is in that VLAN,
 * untagged, and in no other; a bridge that does not filter VLANs is switched to it if ctctl made it (`is_own`), else refused.
 * 0: left alone.
 */
struct net_port_spec {
	const char *link;
	const char *bridge;
	uint8_t mac[6];
	unsigned int vlan;
	bool is_own;
};

int net_port_setup(const struct net_port_spec *spec, struct err *err) _must_check_;

/* The host's side of a routed link. What is there already is fine. */
struct net_routed_spec {
	const char *link;
	uint8_t guest_mac[6];
	const struct net_address *addresses; /* each gets a host route to the link */
	size_t n_addresses;
	const struct net_address *prefixes; /* each is routed through the guest's address: IPv6, its link-local one */
	size_t n_prefixes;
};

/*
 * Gives the link NET_ROUTED_GATEWAY4 and 6 and the routes. -EEXIST: there is such a route already, to another link, which the
 * message names. On a host without IPv6, IPv6 addresses are EXIT_UNSUPPORTED.
 */
int net_routed_setup(const struct net_routed_spec *spec, struct err *err) _must_check_;

/* Removes these routes from a link that stays; missing ones are fine. (With the link they go by themselves.) */
int net_routed_remove(const struct net_routed_spec *spec, struct err *err) _must_check_;

/* The interface of the default route of that family: its name, or -ENODEV. */
int net_uplink_find(int family, char ret_name[16], struct err *err) _must_check_;

/*
 * Answers for `address` on `uplink` (proxy ARP; for IPv6 the uplink's proxy_ndp is switched on, too). An entry that is there is
 * fine, and so is a missing one to remove.
 */
int net_proxy_add(const char *uplink, const struct net_address *address, struct err *err) _must_check_;
int net_proxy_remove(const char *uplink, const struct net_address *address, struct err *err) _must_check_;

/*
 * Has the host forward packets of a family, as it must for guests that are not on a bridge with the outside. An IPv6 router does
 * not listen to router advertisements (ip-sysctl.rst, accept_ra): on interfaces that did, accept_ra becomes 2, so that the host
 * keeps its own default route. Returns 1 if it was changed, 0 if it was so already.
 */
int net_forwarding_enable(int family, struct err *err) _must_check_;
/* Is it? 1, 0, or a negative errno. */
int net_forwarding_is_enabled(int family);

/* Does the kernel have IPv6, and is it not switched off (disable_ipv6, ipv6.disable=1)? */
bool net_has_ipv6(void);

/* The guest's side of an interface. */
struct net_setup_spec {
	const char *name;		     /* "eth0" */
	const struct net_address *addresses; /* with the prefix that each is to have */
	size_t n_addresses;
	const struct net_address *prefixes; /* routed to it: the first address of each becomes an address of the interface */
	size_t n_prefixes;
	struct net_address gateways[2]; /* IPv4, IPv6; family 0: none */
	bool is_routed;			/* only the gateways are on the link, whatever the prefixes say */
	bool has_default;		/* the default routes go there */
	bool accepts_ra;		/* router advertisements of a network that is not ctctl's are heard (bridge, macvlan) */
};

/*
 * The first address of a network that a host can have, which the interface gets of each prefix, without the network: in IPv6 the
 * very first one is that of any router (RFC 4291, 2.6.1).
 */
struct net_address net_setup_first_of(const struct net_address *network);

/* Brings up the loopback. Called as the guest's root in its network namespace. */
int net_setup_loopback(struct err *err) _must_check_;

/*
 * Brings an interface up with its addresses (usable at once: no duplicate address detection) and default routes. Its IPv6
 * link-local address is net_address_link_local() of its MAC. Called as the guest's root, in the guest's network namespace: by the
 * init-to-be, before anything of the guest runs, or by a process of ctctl that joined a running guest, mount namespace included:
 * settings of IPv6 are files below /proc/sys/net, and in the host's /proc each guest that looks there makes it slower for all
 * (175 us instead of 15 with 1000 guests). Can be repeated. A gateway of a family of which it has no address is EINVAL.
 */
int net_setup_guest(const struct net_setup_spec *spec, struct err *err) _must_check_;

/*
 * In a running guest: takes off what `old` had and `spec` has not, then as net_setup_guest(). `old` NULL: nothing is taken off.
 */
int net_setup_change(const struct net_setup_spec *old, const struct net_setup_spec *spec, struct err *err) _must_check_;

/* Can an interface have that name? 0, or -EINVAL with a message that says what one looks like. */
int net_check_link_name(const char *what, const char *text, struct err *err) _must_check_;
