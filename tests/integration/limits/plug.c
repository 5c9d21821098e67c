/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * plug PID DEVICE TARGET: binds a device node of the host over the file TARGET of a guest, whose init is PID on the host; as an
 * administrator might, by mistake. Run by the host's root.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char path[64];

	if (argc != 4)
		return 2;
	snprintf(path, sizeof(path), "/proc/%s/ns/mnt", argv[1]);

	int ns = open(path, O_RDONLY | O_CLOEXEC);
	int tree = (int)syscall(SYS_open_tree, AT_FDCWD, argv[2], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (ns < 0 || tree < 0 || setns(ns, CLONE_NEWNS) < 0 ||
	    syscall(SYS_move_mount, tree, "", AT_FDCWD, argv[3], MOVE_MOUNT_F_EMPTY_PATH) < 0) {
		perror("plug");
		return 1;
	}
	return 0;
}
