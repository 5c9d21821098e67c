/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/checkpoint/images.h"
#include "runtime/guest.h"
#include "storage/pool.h"

/*
 * The checkpoints that a guest has beside what it is doing:
 *
 *   GUESTS/NAME/checkpoints/LABEL/     CRIU's images, `manifest` and `guest.conf` of one instant
 *   the area UUID-LABEL                its private area of that instant, in its pool
 *   GUESTS/NAME/checkpoints/.busy      one of them is being made, removed or restored: areas without a folder are waste
 *
 * A checkpoint is there if its folder is. All calls are made by the host's root; those that change something under the guest's
 * lock.
 */
#define CHECKPOINTS_DIR "checkpoints"

/* In CHECKPOINTS_DIR: what is to become GUESTS/NAME/checkpoint. No label begins so. */
#define CHECKPOINTS_RESTORE ".restore"

/* What an area's id has room for behind the UUID and a hyphen: an area's name has at most 63 characters. */
#define CHECKPOINT_LABEL_MAX 26

/* [a-z0-9][a-z0-9-]*, at most CHECKPOINT_LABEL_MAX. INVALID. */
int archive_check_label(const char *label, struct err *err) _must_check_;

bool archive_has(const struct guest *guest, const char *label);

/* The id of the area of a checkpoint; with the label "-restore", which none can have, that of one to be. The caller frees. */
#define LABEL_RESTORE "-restore"
char *archive_area(const struct guest *guest, const char *label) _must_check_;

/* Opens a checkpoint's folder and reads its manifest, which the caller frees. NO_CHECKPOINT; RECOVERY if it is damaged. */
int archive_open(const struct guest *guest, const char *label, struct checkpoint_manifest *ret, struct err *err) _must_check_;

/* CHECKPOINTS_DIR, open: made if it is missing. The caller closes it. */
int archive_open_all(const struct guest *guest, struct err *err) _must_check_;

/* On the disk when the call returns, before there is any waste. archive_settle() ends it. */
int archive_begin(const struct guest *guest, struct err *err) _must_check_;

/* Removes waste, if there may be any: cheap if not. Never called while one is being made or restored. */
int archive_settle(const struct guest *guest, struct err *err) _must_check_;

/* Makes checkpoint.new the checkpoint `label`, on the disk; its area is there. From the rename on it counts. */
int archive_commit(const struct guest *guest, int images_fd, const char *label, struct err *err) _must_check_;

/* Removes one. A kill anywhere leaves it whole, or waste. */
int archive_remove(const struct guest *guest, const char *label, struct err *err) _must_check_;

/* Removes the areas of all, for a guest that is destroyed: `pool` is where they are. A success without any. */
int archive_destroy_areas(struct pool *pool, const char *uuid, struct err *err) _must_check_;

/* Every label, in no order; stops at a negative return of `each` and passes it on. */
int archive_each(const struct guest *guest, int (*each)(void *context, const char *label), void *context,
		 struct err *err) _must_check_;
