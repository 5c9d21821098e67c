/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/checkpoint/images.h"

/* The manifest of a checkpoint as a file: what checkpoint_write_manifest() (images.h) wrote, read again. */

/*
 * Reads the manifest in an open folder. -EBADMSG and exit status RECOVERY if it is missing or damaged. The caller frees it by
 * checkpoint_manifest_free().
 */
int checkpoint_read_manifest(int images_fd, struct checkpoint_manifest *ret, struct err *err) _must_check_;
