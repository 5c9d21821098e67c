/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* Processes: identity that survives the reuse of pids, pidfds, and programs of the host that have no library. */

/*
 * A process for good: its pid with the time it started, in clock ticks since boot (proc_pid_stat(5), field 22).
 */
struct proc_id {
	pid_t pid;
	uint64_t start_ticks;
};

/* The identity of a live process (0 or a negative errno; -ESRCH if it is gone). */
int proc_identify(pid_t pid, struct proc_id *ret) _must_check_;

/* A pidfd of exactly that process, or -ESRCH if it is gone, a zombie, or the pid has a new owner. */
int proc_open(const struct proc_id *id) _must_check_;

/* Is it alive? Does not count zombies. */
bool proc_is_alive(const struct proc_id *id);

/* Waits until the process of a pidfd has ended. -1: no limit. 0, -ETIMEDOUT or a negative errno. */
int proc_wait_pidfd(int pidfd, int timeout_ms) _must_check_;

/* Sends a signal through a pidfd. 0 or a negative errno. */
int proc_kill_pidfd(int pidfd, int signo) _must_check_;

/*
 * fork(2) with what clone3(2) adds: new namespaces (`flags`), birth in a group of cgroup v2 (`cgroup_fd`, -1: the caller's) and a
 * pidfd (may be NULL), close-on-exec. Returns 0 in the child, its pid in the parent, or a negative errno. For single-threaded
 * callers: no atfork handler runs.
 */
pid_t proc_clone(uint64_t flags, int cgroup_fd, int *ret_pidfd) _must_check_;

/*
 * Every signal at its default and none blocked, for a child that is to become another program: whoever called us may have ignored
 * some. The two that glibc keeps to itself (32, 33) too, which signal(2) cannot reach. Only system calls.
 */
void proc_reset_signals(void);

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t proc_now_ms(void);

/*
 * A program of the host to run: argv[0] is looked up in the fixed PATH of the host (never the caller's), the environment is that
 * PATH, LC_ALL=C.UTF-8 and `env`. No shell is involved. Everything but 0, 1 and 2 is closed in it; it dies with its parent.
 */
struct proc_spec {
	const char *const *argv;			  /* NULL-terminated */
	const char *const *env;				  /* "NAME=value", NULL-terminated; may be NULL */
	int stdin_fd;					  /* -1: /dev/null */
	int stdout_fd;					  /* -1: its lines go to `on_line` */
	int dir_fd;					  /* its working folder; -1: / */
	int timeout_ms;					  /* then it is killed; 0: no limit */
	void (*on_line)(void *context, const char *line); /* stdout and stderr, a line each, without the newline; may be NULL */
	void *context;
};

#define PROC_SPEC_INIT ((struct proc_spec){ .stdin_fd = -1, .stdout_fd = -1, .dir_fd = -1 })

/*
 * Runs it and waits. 0 if it ended with status 0. Otherwise a negative errno and a message with the program's name, its status
 * and the last line that it wrote; -ENOENT if it is not installed, with `package` named as what to install; -ETIMEDOUT (TIMEOUT).
 */
int proc_run(const struct proc_spec *spec, const char *package, struct err *err) _must_check_;

/* The fixed PATH of the host and of a guest. */
#define PROC_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
