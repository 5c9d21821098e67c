/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * The system call filter of a guest. Its rules are one table, with the reasons (seccomp/policy.def); libseccomp compiles them for
 * all ABIs of the host when ctctl is built (seccomp/compile.c), so that a start loads ready bytes. All false is the strictest.
 */
struct seccomp_policy {
	bool nesting;  /* a container engine inside: namespaces of all kinds, keyctl, clone3, pidfds. Gives up checkpoints */
	bool io_uring; /* off by default: no checkpoint, and a large attack surface */
	/* Sockets for 32-bit programs: glibc for i386 makes them with socketcall(2), whose family no filter can see. */
	bool ia32_sockets;
};

/*
 * Installs the filter in the calling thread, and all that it starts, for good. Called by the guest's init-to-be and by exec's
 * child, last before execve(2); the caller has CAP_SYS_ADMIN in its user namespace (no_new_privs stays off, so that sudo works in
 * the guest).
 */
int seccomp_install(const struct seccomp_policy *policy, struct err *err) _must_check_;
