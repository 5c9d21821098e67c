/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "runtime/node.h"

/* The packets of one interface of a running guest. */
struct guest_capture_spec {
	const char *interface; /* in the guest: "eth0" */
	const char *file;      /* replaced, mode 0600; NULL: `out_fd` */
	int out_fd;
	uint64_t packets_max; /* 0: no limit */
	uint32_t snap_bytes;  /* of each packet; 0: all */
	/* Called once, when all is found and packets are about to be written; NULL: nobody wants to know. */
	void (*on_begin)(void *context);
	void *context;
};

/*
 * Writes a pcap file until SIGINT, SIGTERM or SIGHUP, the limit, or the end of the interface; all of these are success.
 * *ret_packets, and *ret_lost, which came too fast. Called by the host's root in the host's namespaces. It looks at the host's
 * end of the link, which the guest cannot touch; macvlan has none, so that it goes into the guest's network namespace for that,
 * and for nothing else, and comes back. Takes no lock. NOT_RUNNING; NETWORK if the running guest has no such interface.
 */
int guest_capture(const struct node *node, const char *name, const struct guest_capture_spec *spec, uint64_t *ret_packets,
		  uint64_t *ret_lost, struct err *err) _must_check_;
