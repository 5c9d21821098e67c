/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "runtime/container/cgroup.h"
#include "runtime/join.h"

/* Between the two processes of join.h's diagram: join.c is ctctl's part, join_child.c the child's. */

#define JOIN_READY 1 /* the one stage: all but exec is done, or the work */

/* What the child is born with. */
struct join_birth {
	const struct join_spec *spec;
	struct cgroup_join group; /* the guest's */
	int sync_fd;		  /* to ctctl */
	int init_fd;		  /* pidfd of the guest's init */
};

/*
 * The child's part, given to join_clone(); `context` is a struct join_birth. Called in a process with the host's credentials in
 * the namespaces of JOIN_CLONE_NAMESPACES; enters the others, becomes the guest's root, then the user, then the command, or does
 * the work. Never returns: a failure is reported to sync_fd and ends it.
 */
void join_child(const void *context);
