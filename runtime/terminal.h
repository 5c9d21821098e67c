/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

/* The caller's terminal while its keys belong to a guest. */
struct terminal {
	int fd; /* -1: not raw */
	struct termios saved;
};

/*
 * Puts the terminal `fd` into raw mode; one that is none is left alone. Ended by terminal_restore(), which may be called twice.
 */
void terminal_raw(struct terminal *t, int fd);
void terminal_restore(struct terminal *t);

/* Copies the window's size from one terminal to another; does nothing where one is none. */
void terminal_copy_size(int from, int to);

/*
 * A signalfd that reports what the caller is sent, with these signals blocked; the list ends with 0. A descriptor or a negative
 * errno.
 */
int terminal_catch_signals(const int *signals);
/* The next signal of it, 0 if there is none. */
int terminal_next_signal(int fd);
