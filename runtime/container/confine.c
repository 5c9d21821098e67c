/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/container/confine.h"

#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/container/caps.h"
#include "runtime/container/rlimits.h"
#include "runtime/container/seccomp.h"
#include "runtime/params.h"

int confine_process(uint64_t features, struct err *err)
{
	struct seccomp_policy policy = {
		.nesting = features >> FEATURE_NESTING & 1,
		.io_uring = features >> FEATURE_IO_URING & 1,
		.ia32_sockets = features >> FEATURE_IA32_SOCKETS & 1,
	};

	/* A kernel without keyrings has nothing to hide. */
	if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS)
		return err_sys(err, errno, "make a session keyring");

	int r = rlimits_reset(err);

	if (r == 0)
		r = caps_drop(err);
	return r < 0 ? r : seccomp_install(&policy, err);
}
