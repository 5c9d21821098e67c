/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * The identity with which an overlay is made. The kernel keeps the credentials of the thread that made an overlay and does with them all that the guest makes
 * the overlay do below (kernel doc, overlayfs.rst, "Permission model"). They are for that time
 *
 *   - fsuid and fsgid: the guest's root as the host sees it. The work folder is made with them, and the host's root has no mapping in an id-mapped upper layer
 *     (EOVERFLOW, and the kernel falls back to a read-only mount without an error);
 *   - without CAP_SYS_RESOURCE: else a guest's writes may exceed quotas and use up the blocks that ext4 keeps for root.
 *
 * A change of the fsuid drops the other file system capabilities (SECBIT_NO_SETUID_FIXUP forbids it), the parent-death signal and the dumpable flag
 * (kernel/cred.c, commit_creds): all are put back.
 */
struct mounter {
	int securebits;
	int dumpable;
	int death_signal;
	pid_t parent;
	uint64_t effective;
	uid_t fsuid;
	gid_t fsgid;
};

/* Becomes the mounter, in the calling thread; the host's root with CAP_SETUID, CAP_SETGID, CAP_SETPCAP. On failure nothing has changed. */
int mounter_enter(struct mounter *saved, uid_t uid, struct err *err) _must_check_;

/*
 * Back to what was. A parent that died in between is made known by the parent-death signal that it would have sent. A failure leaves the thread with an identity
 * that its caller did not choose: it must end.
 */
int mounter_leave(const struct mounter *saved, struct err *err) _must_check_;
