/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/*
 * Takes the capabilities that a guest's root never has, in its own user namespace, out of the bounding, permitted, effective and
 * inheritable sets and empties the ambient and inheritable ones: those that only widen the attack surface (SYS_MODULE, SYS_RAWIO,
 * SYS_TIME, MAC_ADMIN, MAC_OVERRIDE, ...; with any of the first, debugfs and tracefs units of systemd are started and fail).
 * Called by the guest's init-to-be and by exec's child, as the guest's root, last before the filter.
 */
int caps_drop(struct err *err) _must_check_;

/* Does the calling thread have CAP_SYS_RESOURCE? Not every host's root has. */
bool caps_has_sys_resource(void);
