/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/container/launch_priv.h"
#include "runtime/params.h"

/* Device nodes cannot be made in a user namespace (user_namespaces(7)): the host's are bound one by one. */
static const struct {
	const char *name;
	int feature; /* -1: every guest has it */
} nodes[] = {
	{ "null", -1 },	   { "zero", -1 }, { "full", -1 },	     { "random", -1 },
	{ "urandom", -1 }, { "tty", -1 },  { "fuse", FEATURE_FUSE }, { "net/tun", FEATURE_TUN },
};

static bool has_node(size_t i, uint64_t features)
{
	return nodes[i].feature < 0 || (features >> nodes[i].feature & 1);
}

const char *ct_device_name(size_t n, uint64_t features)
{
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		if (has_node(i, features) && n-- == 0)
			return nodes[i].name;
	}
	return NULL;
}

/*
 * systemd makes the host's mounts shared, and so these would follow them as slaves: the guest could read which group of the
 * host's they belong to, and CRIU cannot restore them.
 */
static int add(struct ct_devices *ret, const char *name, const char *path, struct err *err)
{
	struct mount_attr attr = { .propagation = MS_PRIVATE };
	_cleanup_fd_ int fd = (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (fd < 0 || syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_sys(err, errno, "take '%s' into the guest", path);
	ret->list[ret->n++] = (struct ct_device){ .name = name, .tree_fd = TAKE_FD(fd) };
	return 0;
}

int ct_devices_collect(const struct ct_spec *spec, const char *console_path, struct ct_devices *ret, struct err *err)
{
	ret->n = 0;
	for (size_t i = 0; i < ARRAY_SIZE(nodes); i++) {
		char path[32];

		if (!has_node(i, spec->features))
			continue;
		snprintf(path, sizeof(path), "/dev/%s", nodes[i].name);

		int r = add(ret, nodes[i].name, path, err);

		if (r < 0)
			return r;
	}
	return add(ret, "console", console_path, err);
}
