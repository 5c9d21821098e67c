/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"

/*
 * A new user namespace in which the ids 0 to count-1 are the host's first_id to first_id+count-1, users and groups alike: for
 * id-mapped mounts and for programs that are to have no id of the host. It has no process and lives as long as the descriptor
 * that is returned.
 *
 * Called by root in the namespace that owns those ids.
 */
int userns_create(uint32_t first_id, uint32_t count, struct err *err) _must_check_;
