/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/join_clone.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/proc.h"

/* The child goes on with a copy of it. Pages that nobody touches cost nothing. */
#define STACK_BYTES (512 * 1024)

struct helper {
	int init_pidfd;
	int cgroup_fd;
	void (*child)(const void *context);
	const void *context;
	int *ret_pidfd;
	pid_t result;
};

static int helper_main(void *arg)
{
	struct helper *h = arg;

	if (setns(h->init_pidfd, JOIN_CLONE_NAMESPACES) < 0) {
		h->result = -errno;
		return 0;
	}
	/* CLONE_PARENT: whose child it is has to be whoever waits for it. */
	h->result = proc_clone(CLONE_PARENT, h->cgroup_fd, h->ret_pidfd);
	if (h->result == 0)
		h->child(h->context);
	return 0;
}

pid_t join_clone(int init_pidfd, int cgroup_fd, void (*child)(const void *context), const void *context, int *ret_pidfd)
{
	struct helper h = {
		.init_pidfd = init_pidfd,
		.cgroup_fd = cgroup_fd,
		.child = child,
		.context = context,
		.ret_pidfd = ret_pidfd,
		.result = -ECHILD,
	};
	_cleanup_free_ char *stack = aligned_alloc(16, STACK_BYTES);

	if (!stack)
		return -ENOMEM;

	/* As posix_spawn(3): we stop until it has ended; its descriptors are ours. */
	pid_t pid = clone(helper_main, stack + STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &h);

	if (pid < 0)
		return -errno;
	while (waitpid(pid, NULL, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return h.result;
}
