/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Places where a test can make the program die or fail, so that the crash in the middle of an operation is tried and not only
 * imagined. Each step of an operation has one, named "operation.step". Two environment variables, which only root's own command
 * line can set, choose:
 *
 *   CTCTL_FAULT_KILL=start.cgroup    the process that comes by is killed with SIGKILL
 *   CTCTL_FAULT_FAIL=start.cgroup    the step fails with EIO, once: what undoes the operation may come by again
 *
 * Returns 0, or -EIO with `err` set.
 */
int fault_point(const char *name, struct err *err) _must_check_;
