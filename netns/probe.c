/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netns/wire.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/proc.h"
#include "netns/wire_priv.h"

#define FRAMES_PER_LOOK 64 /* before it looks at the time again */

#define ROUNDS 3 /* a packet may be lost; RFC 5227, 1.1: PROBE_NUM */

struct probe {
	struct wire wire;
	const struct net_address *addresses;
	size_t n;
	int fds[2]; /* of IPv4 and IPv6, -EBADF where no address is */
	size_t found;
	uint8_t owner[6];
};

static int *fd_of(struct probe *p, int family)
{
	return &p->fds[net_family_index(family)];
}

static int open_sockets(struct probe *p, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		int *fd = fd_of(p, p->addresses[i].family);

		if (*fd >= 0)
			continue;
		*fd = wire_open(&p->wire, p->addresses[i].family, err);
		if (*fd < 0)
			return *fd;
	}
	return 0;
}

static int ask_all(struct probe *p, struct err *err)
{
	for (size_t i = 0; i < p->n; i++) {
		struct wire_frame frame;

		wire_frame_probe(&p->addresses[i], p->wire.mac, &frame);

		int r = wire_send(*fd_of(p, p->addresses[i].family), &p->wire, &frame, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_claimed(struct probe *p, int family, const uint8_t *frame, size_t len)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->addresses[i].family == family && wire_frame_claims(frame, len, &p->addresses[i], p->wire.mac, p->owner)) {
			p->found = i;
			return true;
		}
	}
	return false;
}

/* Returns 1 once somebody has one of the addresses, 0 when all that was there is read, or much: the wire may never be silent. */
static int read_answers(struct probe *p, int family, int fd, struct err *err)
{
	uint8_t frame[WIRE_FRAME_MAX];

	for (int i = 0; i < FRAMES_PER_LOOK; i++) {
		ssize_t len = recv(fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (len < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOBUFS))
			return 0;
		if (len < 0)
			return err_sys(err, errno, "listen on the interface '%s'", p->wire.name);
		if (is_claimed(p, family, frame, (size_t)len))
			return 1;
	}
	return 0;
}

/* Listens until `end_ms`. 1, 0 or a negative errno. */
static int listen_until(struct probe *p, uint64_t end_ms, struct err *err)
{
	struct pollfd fds[2] = { { .fd = p->fds[0], .events = POLLIN }, { .fd = p->fds[1], .events = POLLIN } };
	uint64_t now;

	while ((now = proc_now_ms()) < end_ms) {
		int r = poll(fds, 2, (int)(end_ms - now));

		if (r < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for an answer on the interface '%s'", p->wire.name);
		r = 0;
		if (fds[0].revents)
			r = read_answers(p, AF_INET, fds[0].fd, err);
		if (r == 0 && fds[1].revents)
			r = read_answers(p, AF_INET6, fds[1].fd, err);
		if (r != 0)
			return r;
	}
	return 0;
}

static int run(struct probe *p, int timeout_ms, struct err *err)
{
	uint64_t start = proc_now_ms();
	int r = open_sockets(p, err);

	for (unsigned int i = 1; i <= ROUNDS && r == 0; i++) {
		r = ask_all(p, err);
		if (r == 0)
			r = listen_until(p, start + (uint64_t)timeout_ms * i / ROUNDS, err);
	}
	return r;
}

int net_probe(const char *interface, const struct net_address *addresses, size_t n, int timeout_ms, size_t *ret_index,
	      uint8_t ret_mac[6], struct err *err)
{
	struct probe p = { .addresses = addresses, .n = n, .fds = { -EBADF, -EBADF } };
	int r = wire_look(interface, &p.wire, err);

	if (r < 0 || n == 0 || !p.wire.is_ethernet || !p.wire.is_running)
		return r;
	r = run(&p, timeout_ms > 0 ? timeout_ms : 0, err);
	cleanup_fd(&p.fds[0]);
	cleanup_fd(&p.fds[1]);
	if (r == -ENETDOWN)
		return 0;
	if (r > 0) {
		*ret_index = p.found;
		for (size_t i = 0; i < sizeof(p.owner); i++)
			ret_mac[i] = p.owner[i];
	}
	return r;
}
