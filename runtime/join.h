/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/exec.h"
#include "runtime/state.h"

/*
 * A process of ours becomes one of a running guest's.
 *
 *   ctctl                                   child
 *   clone3 into the guest's cgroup and
 *   most of its namespaces (join_clone.h) ->  joins it on v1, setns(the others), user, terminal
 *         <--------------------- READY (the terminal's master, if it has one)
 *         <--------------------- end of file: exec worked, or an error that says why not
 */
struct join_spec {
	const struct guest_run *run;
	const char *cgroup;
	const struct exec_spec *exec;
	int stdio[3]; /* what becomes 0, 1 and 2 without a terminal */

	/* A signalfd: what comes before READY, but SIGWINCH, ends the wait, what comes after it is the command's. */
	int signal_fd;
};

struct joined {
	int pidfd;
	pid_t pid;
	int master_fd; /* with exec->tty: the command's terminal; else -EBADF */
};

/*
 * Called by the host's root in the host's namespaces, in which the caller stays; it is no longer dumpable.
 * NOT_RUNNING if the guest is gone; -EINTR after a signal; EXEC_NOT_FOUND and EXEC_NOT_EXECUTABLE for the command.
 */
int join_run(const struct join_spec *spec, struct joined *ret, struct err *err) _must_check_;
