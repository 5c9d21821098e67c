/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * rootat LAYER AREA FIRST_ID TARGET COMMAND [ARGUMENT...]: mounts the root of a guest on TARGET, as `ctctl start` assembles it,
 * and executes COMMAND.
 *
 * For restoring a guest by CRIU alone, which wants the root mounted in its own mount namespace. LAYER is the mounted image of the
 * template, AREA the guest's private area, FIRST_ID the first of its ids on the host. Run by root in a private mount namespace,
 * which takes the mount with it. If descriptor 8 is the master of a terminal, which nobody else has opened, COMMAND finds its
 * other end as descriptor 9: a console for the restored guest.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "base/userns.h"
#include "storage/rootfs.h"

#define N_IDS	  65536
#define FD_MASTER 8
#define FD_SLAVE  9

static int mount_root(const char *layer, const char *area, uint32_t first_id, const char *target, struct err *err)
{
	_cleanup_fd_ int layer_fd = path_open_dir(AT_FDCWD, layer, O_PATH);
	_cleanup_fd_ int area_fd = path_open_dir(AT_FDCWD, area, O_RDONLY);
	_cleanup_fd_ int userns_fd = userns_create(first_id, N_IDS, err);

	if (layer_fd < 0 || area_fd < 0)
		return err_sys(err, layer_fd < 0 ? -layer_fd : -area_fd, "open '%s'", layer_fd < 0 ? layer : area);
	if (userns_fd < 0)
		return userns_fd;

	struct rootfs_spec spec = {
		.layer_fds = { layer_fd },
		.n_layers = 1,
		.area_fd = area_fd,
		.userns_fd = userns_fd,
		.root_uid = first_id,
	};
	_cleanup_fd_ int root_fd = rootfs_assemble(&spec, err);

	if (root_fd < 0)
		return root_fd;
	if (move_mount(root_fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(err, errno, "mount the root on '%s'", target);
	return 0;
}

static int open_console(struct err *err)
{
	if (!isatty(FD_MASTER))
		return 0;
	if (unlockpt(FD_MASTER) < 0)
		return err_sys(err, errno, "unlock the terminal");

	_cleanup_fd_ int slave = ioctl(FD_MASTER, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0 || dup2(slave, FD_SLAVE) < 0)
		return err_sys(err, errno, "open the terminal");
	return 0;
}

int main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	uint64_t first_id;

	if (argc < 6 || str_to_u64(argv[3], UINT32_MAX, &first_id) < 0) {
		fprintf(stderr, "usage: rootat LAYER AREA FIRST_ID TARGET COMMAND [ARGUMENT...]\n");
		return 2;
	}
	if (mount_root(argv[1], argv[2], (uint32_t)first_id, argv[4], &err) < 0 || open_console(&err) < 0) {
		fprintf(stderr, "rootat: %s\n", err.msg);
		return 1;
	}
	execvp(argv[5], argv + 5);
	fprintf(stderr, "rootat: execute '%s': %s\n", argv[5], strerror(errno));
	return 127;
}
