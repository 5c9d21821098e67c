/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"

/*
 * Takes from the calling process, for good, what nothing in a guest may have of the host: the caller's session keyring, resource
 * limits and priorities, capabilities (caps.h), system calls (seccomp.h). `features` is a set of 1 << FEATURE_X (params.h), as
 * the guest was started with them.
 *
 * The one way to it for all that runs in a guest: called by the init-to-be and by the child of exec, as the guest's root in the
 * guest's namespaces, a single thread; after it only a change of the user and execve(2) follow. A failure leaves the process half
 * confined: it ends.
 */
int confine_process(uint64_t features, struct err *err) _must_check_;
