/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "storage/rootfs_priv.h"

/* The helper formats messages and reads a context's log on it; pages that it does not touch cost nothing. */
#define HELPER_STACK_BYTES (256 * 1024)

struct helper {
	const struct overlay_parts *parts;
	struct err *err;
	int result;
};

/* All on top of each other on the root folder: they are reached by their descriptors, attached they only have to be. */
static int attach(int tree_fd, struct err *err)
{
	if (move_mount(tree_fd, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, errno, "attach a layer in a namespace of its own");
	return 0;
}

static int attach_all(const struct overlay_parts *parts, struct err *err)
{
	/* Else what is attached here would appear on the host. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_sys(err, errno, "make a mount namespace private");

	for (int i = 0; i < parts->n_layers; i++) {
		int r = attach(parts->layer_fds[i], err);

		if (r < 0)
			return r;
	}
	return attach(parts->area_fd, err);
}

static int helper_main(void *context)
{
	struct helper *h = context;

	h->result = attach_all(h->parts, h->err);
	if (h->result == 0)
		h->result = overlay_make(ROOTFS_BY_PATH, h->parts, h->err);
	return 0;
}

/*
 * The helper shares memory and descriptors with us, who are stopped until it has ended (as in posix_spawn(3)): no copy of our
 * address space, and the overlay that it makes is already ours.
 */
int overlay_make_in_helper(const struct overlay_parts *parts, struct err *err)
{
	struct helper h = { .parts = parts, .err = err, .result = -ECHILD };
	_cleanup_free_ char *stack = aligned_alloc(16, HELPER_STACK_BYTES);
	int status;

	if (!stack)
		return err_oom(err);

	pid_t pid = clone(helper_main, stack + HELPER_STACK_BYTES, CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWNS, &h);

	if (pid < 0)
		return err_sys(err, errno, "start a helper in a mount namespace of its own");
	while (waitpid(pid, &status, __WALL) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "wait for the helper that mounts");
	}
	if (h.result == -ECHILD)
		return err_set(err, ECHILD, "the helper that mounts the guest's root was killed");
	return h.result;
}
