/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/container/seccomp.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/seccomp.h>

#include "runtime/container/seccomp/lift.h"
#include "seccomp_filter.h" /* generated: build/gen */

int seccomp_install(const struct seccomp_policy *policy, struct err *err)
{
	unsigned int lifted = SECCOMP_LIFT_NONE;

	if (policy->nesting)
		lifted |= SECCOMP_LIFT_NESTING;
	if (policy->io_uring)
		lifted |= SECCOMP_LIFT_IO_URING;
	if (policy->ia32_sockets)
		lifted |= SECCOMP_LIFT_IA32_SOCKETS;
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &seccomp_filters[lifted]) < 0)
		return err_sys(err, errno, "install the system call filter");
	return 0;
}
