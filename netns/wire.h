/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "netns/address.h"

/*
 * Single packets on an interface, by AF_PACKET: is an address in use, whose is it now, and what is on the wire. Called with
 * CAP_NET_RAW in the network namespace of the interface.
 */

/*
 * Asks the wire whether somebody has one of these addresses: ARP probes (RFC 5227: sender 0.0.0.0) and neighbour solicitations
 * from the unspecified address (RFC 4862, 5.4.2), all at once, three times within `timeout_ms`. Returns 1 and which one in
 * *ret_index and its owner's MAC, 0 if nobody answered, or a negative errno. Somebody who is just asking the same counts as one
 * who has it. An interface without carrier, or without ARP, is nobody's: 0.
 */
int net_probe(const char *interface, const struct net_address *addresses, size_t n, int timeout_ms, size_t *ret_index,
	      uint8_t ret_mac[6], struct err *err) _must_check_;

/*
 * Tells the neighbours that these addresses are at this interface: gratuitous ARP (RFC 5227, 2.3) and unsolicited neighbour
 * advertisements with the override flag (RFC 4861, 7.2.6), once. `mac` is what they are to use, and comes from, so that switches
 * learn it, too; NULL: the interface's own. Does not wait. Without carrier there is nobody to tell: 0.
 */
int net_announce(const char *interface, const uint8_t *mac, const struct net_address *addresses, size_t n,
		 struct err *err) _must_check_;

struct net_capture_spec {
	const char *interface;
	int out_fd;	      /* gets a pcap file (the classic format, microseconds), flushed per batch */
	uint64_t packets_max; /* 0: until `stop_fd` is readable */
	uint32_t snap_bytes;  /* of each packet; 0: 262144 */
	int stop_fd;	      /* a signalfd, say */
};

/*
 * Copies packets until a limit, stop_fd, or the interface goes down or away: 0 in each case. What came before stop_fd was
 * readable is in the file. *ret_packets, *ret_lost (the kernel's count) are set in any case. Packets are as the host's network
 * stack handles them: long ones, which it cuts only for a wire, are one packet of up to 64 KiB. -ENETDOWN if the interface is
 * down to begin with.
 */
int net_capture(const struct net_capture_spec *spec, uint64_t *ret_packets, uint64_t *ret_lost, struct err *err) _must_check_;
