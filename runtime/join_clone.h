/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sched.h>
#include <sys/types.h>

/* The namespaces in which join_clone()'s process is born; it enters the others itself. */
#define JOIN_CLONE_NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC)

/*
 * Clones a process of the caller's (its child, with the host's credentials) that is born in the guest's namespaces above, and
 * calls `child` in it, which does not return.
 *
 * Why born: what is seen in the guest's /proc shows its mount table and its network to everybody, without a check of ptrace(2)'s
 * kind (proc_pid_mountinfo(5), /proc/PID/net). A process that enters one namespace after the other would show the host's. The
 * caller stays out of all of them: a helper with its memory enters and clones, and is gone when this returns.
 *
 * `cgroup_fd` as for proc_clone(). Called by the host's root in the host's namespaces, single-threaded. The pid, or a negative
 * errno.
 */
pid_t join_clone(int init_pidfd, int cgroup_fd, void (*child)(const void *context), const void *context, int *ret_pidfd);
