/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/relay.h"

#include <errno.h>
#include <unistd.h>

void relay_init(struct relay *r, int from, int to)
{
	r->from = from;
	r->to = to;
	r->start = r->len = 0;
}

int relay_poll(const struct relay *r, struct pollfd *set, int n)
{
	if (r->from < 0)
		return n;
	if (r->len > 0)
		set[n] = (struct pollfd){ .fd = r->to, .events = POLLOUT };
	else
		set[n] = (struct pollfd){ .fd = r->from, .events = POLLIN };
	return n + 1;
}

static bool is_ready(int fd, const struct pollfd *set, int n)
{
	for (int i = 0; i < n; i++) {
		if (set[i].fd == fd && set[i].revents)
			return true;
	}
	return false;
}

static bool is_passing(int code)
{
	return code == EAGAIN || code == EINTR;
}

static bool flush_data(struct relay *r)
{
	while (r->len > 0) {
		ssize_t n = write(r->to, r->data + r->start, r->len);

		if (n < 0)
			return is_passing(errno);
		r->start += (size_t)n;
		r->len -= (size_t)n;
	}
	return true;
}

static bool fill(struct relay *r)
{
	ssize_t n = read(r->from, r->data, sizeof(r->data));

	/* EIO: the other end of a pseudo terminal is closed. */
	if (n < 0)
		return is_passing(errno);
	if (n == 0)
		return false;
	r->start = 0;
	r->len = (size_t)n;
	return true;
}

bool relay_move(struct relay *r, const struct pollfd *set, int n)
{
	bool going = true;

	if (r->from < 0)
		return false;
	if (r->len > 0 && is_ready(r->to, set, n))
		going = flush_data(r);
	else if (r->len == 0 && is_ready(r->from, set, n))
		going = fill(r) && flush_data(r);
	if (!going)
		r->from = -1;
	return going;
}

/* Writes what is left, however slow the reader is: `to` may be non-blocking, since it may be shared with who made it so. */
static bool flush_all(struct relay *r)
{
	while (r->len > 0) {
		struct pollfd set = { .fd = r->to, .events = POLLOUT };

		if ((poll(&set, 1, -1) < 0 && errno != EINTR) || !flush_data(r))
			return false;
	}
	return true;
}

void relay_drain(struct relay *r)
{
	/* Bounded: a background process in the guest may go on writing. */
	for (int i = 0; i < 64 && r->from >= 0; i++) {
		if (r->len == 0 && (!fill(r) || r->len == 0))
			return;
		if (!flush_all(r))
			return;
	}
}
