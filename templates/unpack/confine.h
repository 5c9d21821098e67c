/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "templates/unpack/policy.h"

/*
 * Takes everything from the calling process that unpacking into its working folder does not need, before it reads a byte of
 * strangers. After it:
 *
 *   - it is in a user namespace whose ids are unprivileged ones of the host, and in new mount, network, IPC, UTS and cgroup
 *     namespaces;
 *   - its root and working folder is the former working folder, as an id-mapped mount (files of id 0 inside are of id 0 on the
 *     disk) on which no symbolic link is followed and no device opened; nothing else is mounted: no /proc, no host;
 *   - it has the five capabilities in that user namespace that restoring owners, modes and file capabilities needs, and can get
 *     no other;
 *   - a filter allows the system calls of reading, memory and files, and answers ENOSYS to the rest: no exec, fork, socket,
 *     signal, ptrace, mount. Without those a PID namespace would add nothing;
 *   - its files, memory and descriptors are limited; only descriptors 0, 1 and 2 are open.
 *
 * Called by root of the host, with one thread, in the host's namespaces. Irreversible. UNSUPPORTED if the file system cannot be
 * id-mapped.
 */
int confine(const struct limits *limits, struct err *err) _must_check_;

/* Two parts of it, each by its library: caps.c (libcap) and filter.c (libseccomp). */
int confine_caps(struct err *err) _must_check_;
int confine_filter(struct err *err) _must_check_;
