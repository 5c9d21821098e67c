/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <poll.h>
#include <stddef.h>

/*
 * The console of one guest: what its terminal says goes to the log and to every connected `ctctl console`; what they type goes to
 * the terminal. The guest never waits for any of them: a client that does not read is dropped.
 */
#define CONSOLE_CLIENTS_MAX 8

struct console {
	int master_fd; /* -1: there is none */
	int socket_fd;
	int log_dir_fd;
	int log_fd; /* -1: not open */
	size_t log_used;
	int clients[CONSOLE_CLIENTS_MAX];
	int n_clients;
};

void console_init(struct console *c, int master_fd, int socket_fd, int log_dir_fd);

/* Fills in what to poll for, at most CONSOLE_POLL_MAX; returns how many. */
#define CONSOLE_POLL_MAX (2 + CONSOLE_CLIENTS_MAX)
int console_poll_set(const struct console *c, struct pollfd *set);

/* Handles what poll() found in the set that console_poll_set() made. */
void console_handle(struct console *c, const struct pollfd *set, int n);

/* Takes what the terminal still holds; for the end. */
void console_drain(struct console *c);
