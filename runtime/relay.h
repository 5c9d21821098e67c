/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * One direction of bytes between two descriptors, driven by poll(). What was read and not yet written waits in it; it reads no
 * more until that is gone, so that a slow reader slows its writer down and nothing is lost.
 */
struct relay {
	int from; /* -1: ended */
	int to;
	char data[8192];
	size_t start;
	size_t len;
};

void relay_init(struct relay *r, int from, int to);

/* Adds what it waits for to the set; returns the new count (at most one more). */
int relay_poll(const struct relay *r, struct pollfd *set, int n);

/*
 * Moves what can be moved without blocking on `from`. Returns false when it has ended: end of file, or an error on either side.
 */
bool relay_move(struct relay *r, const struct pollfd *set, int n);

/* Moves what is still there, for the end: `from` must be non-blocking. Waits for a slow reader of `to`. */
void relay_drain(struct relay *r);
