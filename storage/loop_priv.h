/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Loop devices: a file as a block device. All calls are made by the host's root. */
struct loop_dev {
	int fd;	    /* of the device; the kernel clears the device when the last user, this descriptor or a mount, is gone */
	int number; /* /dev/loopN */
};

/*
 * Binds the file `file_fd` to a free device: auto-cleared, blocks of 4 KiB, direct I/O if the file's own file system can (else
 * its pages would be cached twice). `file_fd` is open for writing too unless `read_only`. Close ret->fd after mounting.
 *
 * A device that the file is bound to already is used again. That matters where another mount namespace has it mounted: two
 * devices with one btrfs would be taken for two file systems (temp_fsid, Linux 6.7), and each would write over the other. The
 * caller holds a lock that keeps a second caller with the same file away.
 */
int loop_attach(int file_fd, bool read_only, struct loop_dev *ret, struct err *err) _must_check_;
