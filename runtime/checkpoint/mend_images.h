/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * What CRIU's images say that CRIU itself cannot restore.
 *
 * CRIU 4.1.1 to 4.2.1 (and its sources of 2026) give a process's executable the entry of any open file of the same device, inode
 * and mount that was saved before it: the cache behind fd_id_generate_special() (criu/file-ids.c) does not look at the flags.
 * If that one was opened with O_PATH, restore opens the executable with O_PATH, too, and PR_SET_MM_MAP answers EBADF: the
 * kernel's fdget() does not take such descriptors. systemd from 255 on keeps one of systemd-executor, which is what a
 * "(sd-pam)" of a user's session runs. A mapping or a working folder that shares an entry so does no harm: CRIU opens a
 * mapping with flags of its own, and fchdir() takes O_PATH.
 *
 * A periodic timerfd that has expired and was not read is not armed in the kernel: read(2) winds it up again, and adds what has
 * passed since (fs/timerfd.c). Its /proc/PID/fdinfo says that it has nothing left, which is how a disarmed one is restored: it
 * would never fire again. One whose period is shorter than a guest stands still is nearly always caught so.
 */

/*
 * After a dump, before its commit: gives each such executable an entry of its own in files.img (and in remap-fpath.img if the
 * file has been deleted), which the processes' mm-PID.img then name; and lets each such timer fire at once, after which it is
 * as it was. Images that need nothing are not touched; others are replaced whole,
 * and are not yet on the disk. Called by the host's root; images_fd is an open folder. -EBADMSG for an image that is damaged.
 */
int checkpoint_mend_images(int images_fd, struct err *err) _must_check_;
