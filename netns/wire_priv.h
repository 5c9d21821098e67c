/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/address.h"

/* An interface on which packets are sent and received whole. */
struct wire {
	const char *name;
	int ifindex;
	uint8_t mac[6];
	bool is_framed;	  /* packets begin with an Ethernet header */
	bool is_ethernet; /* and its neighbours are found by ARP and neighbour discovery */
	bool is_up;
	bool is_running; /* up and with a carrier */
};

/* Looks at the interface; -ENODEV if there is none. */
int wire_look(const char *interface, struct wire *ret, struct err *err) _must_check_;

/*
 * A packet socket on the interface that receives ARP (AF_INET) or ICMPv6's neighbour discovery (AF_INET6), multicast included,
 * and not what this host sends. Its descriptor, which the caller closes.
 */
int wire_open(const struct wire *wire, int family, struct err *err) _must_check_;

/* Longest first: Ethernet, IPv6, ICMPv6 with a target and one option. */
#define WIRE_FRAME_MAX (14 + 40 + 24 + 8)

struct wire_frame {
	uint8_t bytes[WIRE_FRAME_MAX];
	size_t len;
};

/* "Has somebody this address?": an ARP probe or a solicitation from the unspecified address. */
void wire_frame_probe(const struct net_address *address, const uint8_t mac[6], struct wire_frame *ret);

/* "It is at this MAC": gratuitous ARP or an unsolicited advertisement. */
void wire_frame_announce(const struct net_address *address, const uint8_t mac[6], struct wire_frame *ret);

/*
 * Does a received frame say that somebody else than `mac` has the address, or is about to take it (RFC 5227, 2.1.1; RFC 4862,
 * 5.4.3)? Then true, and whose it is. The frame is a stranger's.
 */
bool wire_frame_claims(const uint8_t *frame, size_t len, const struct net_address *address, const uint8_t mac[6],
		       uint8_t ret_owner[6]);

/*
 * Sends without waiting. A full queue is a packet that got lost, which every caller has to live with; an interface that went
 * down is -ENETDOWN, one that is gone -ENODEV.
 */
int wire_send(int fd, const struct wire *wire, const struct wire_frame *frame, struct err *err) _must_check_;
