/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/* How a process becomes ctctl-monitor (monitor_fds.h). */
struct monitor_start {
	const char *name;
	const char *boot;
	const char *helper_dir;
	const char *self;
	const char *prefix;
	pid_t init;
	int pidfd;
	int master_fd; /* -EBADF: the console is lost */
	int slave_fd;
	int lock_fd; /* for monitor_spawn(): the caller's, which the monitor lets go of */
	int run_fd;
	int dir_fd;
};

/* Takes the caller away from the terminal, folder, signals and priorities of whoever typed the command. */
int monitor_detach(struct err *err) _must_check_;

/* The console's socket in RUN/NAME: a listening descriptor. */
int monitor_listen(int run_fd, struct err *err) _must_check_;

/* Is the program there? Asked while a failure can still be reported. */
int monitor_check(const struct monitor_start *start, struct err *err) _must_check_;

/* Becomes it. Returns only on failure. */
int monitor_exec(const struct monitor_start *start, int socket_fd, struct err *err) _must_check_;

/* A monitor for a guest that lost its own: forks, detaches, becomes it. The new monitor's pid, or a negative errno. */
pid_t monitor_spawn(const struct monitor_start *start, struct err *err) _must_check_;
