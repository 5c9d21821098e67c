/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/exec.h"
#include "runtime/state.h"

/*
 * A process of ours becomes one of a running guest's: a command, or one that does some work of ours there and ends.
 *
 *   ctctl                                   child
 *   clone3 into the guest's cgroup and
 *   most of its namespaces (join_clone.h) ->  joins it on v1, setns(the others), user, terminal
 *         <--------------------- READY (the terminal's master, if it has one)
 *         <--------------------- end of file: exec worked, or an error that says why not
 *
 * With work of ours, READY says that it is done, and the child ends.
 */
typedef int join_work_fn(void *context, struct err *err);

struct join_spec {
	const struct guest_run *run;
	const char *cgroup;

	/* One of the two. */
	const struct exec_spec *exec;
	join_work_fn *work;

	void *work_context;
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

/*
 * Runs spec->work in the guest, as its root with its confinement, and waits, for at most `timeout_ms`: a guest can hold up who
 * opens its files. An error that it returns comes back whole. Called as join_run(); -ETIMEDOUT (exit TIMEOUT) when the time is
 * over, nobody being left in the guest then. The child works on a copy of the caller's memory, with none of its descriptors, and
 * dies with the caller.
 */
int join_work(const struct join_spec *spec, int timeout_ms, struct err *err) _must_check_;
