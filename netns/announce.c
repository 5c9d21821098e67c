/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/wire.h"

#include <errno.h>

#include "base/cleanup.h"
#include "netns/wire_priv.h"

int net_announce(const char *interface, const uint8_t *mac, const struct net_address *addresses, size_t n, struct err *err)
{
	_cleanup_fd_ int fd = -EBADF;
	struct wire wire;
	int r = wire_look(interface, &wire, err);

	if (r < 0 || n == 0 || !wire.is_ethernet || !wire.is_running)
		return r;
	fd = wire_open(&wire, AF_INET, err); /* to send, any will do */
	if (fd < 0)
		return fd;
	for (size_t i = 0; i < n; i++) {
		struct wire_frame frame;

		wire_frame_announce(&addresses[i], mac ? mac : wire.mac, &frame);
		r = wire_send(fd, &wire, &frame, err);
		if (r < 0)
			return r == -ENETDOWN ? 0 : r;
	}
	return 0;
}
