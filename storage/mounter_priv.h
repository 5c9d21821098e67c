/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "base/err.h"

/*
 * The identity with which an overlay is made: fsuid and fsgid are the guest's root as the host sees it. The kernel makes the work
 * folder with them, and the host's root has no mapping in an id-mapped upper layer (EOVERFLOW, and a read-only mount without an
 * error). The kernel also keeps the credentials of the thread for all that it does below for the guest (overlayfs.rst,
 * "Permission model"); it takes CAP_SYS_RESOURCE out of them by itself, so that quotas hold.
 *
 * A change of the fsuid drops the other file system capabilities (SECBIT_NO_SETUID_FIXUP forbids it), the parent-death signal and
 * the dumpable flag (kernel/cred.c, commit_creds): all are put back.
 */
struct mounter {
	int securebits;
	int dumpable;
	int death_signal;
	pid_t parent;
	uid_t fsuid;
	gid_t fsgid;
};

/*
 * Becomes the mounter, in the calling thread; the host's root with CAP_SETUID, CAP_SETGID, CAP_SETPCAP. On failure nothing has
 * changed.
 */
int mounter_enter(struct mounter *saved, uid_t uid, struct err *err) _must_check_;

/*
 * Back to what was. A parent that died in between is made known by the parent-death signal that it would have sent. A failure
 * leaves the thread with an identity that its caller did not choose: it must end.
 */
int mounter_leave(const struct mounter *saved, struct err *err) _must_check_;
