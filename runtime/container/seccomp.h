/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * The system call filter of a guest. Its rules are one table (seccomp.def); libseccomp compiles them for all ABIs of the host when ctctl is built
 * (seccomp_compile.c), so that a start loads ready bytes.
 */
struct seccomp_policy {
	bool nesting;  /* a container engine inside: namespaces, keyctl, mounts of its own. Gives up checkpoints */
	bool io_uring; /* off by default: no checkpoint, and a large attack surface */
};

/* Installs the filter in the calling thread; the caller has CAP_SYS_ADMIN in its user namespace (no_new_privs stays off, so that sudo works in the guest). */
int seccomp_install(const struct seccomp_policy *policy, struct err *err) _must_check_;
