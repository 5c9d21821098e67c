/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The index that overlayfs keeps in `work/index` of an area (kernel doc, overlayfs.rst, "Inode index"): an entry for each file or
 * folder of the template that was copied up, named by the handle that it has in the template. A file's entry is one more name of
 * the file in `upper`, and makes all names that it had in the template show the same file. A folder's entry has the handle of the
 * folder in `upper` as an attribute, and `index` itself has that of `upper`. Those are handles of the area's own files, which a
 * copy of the area has others of: unchanged, the kernel refuses to mount it (ESTALE, "failed to verify index dir 'upper' xattr").
 *
 * The names and all else in the index are handles in the template, whose files are the same for the copy: they stay.
 *
 * Called by the host's root for an area that is not mounted. All return 0 or a negative errno, bare.
 */

/* In a snapshot, whose files have the numbers that they had, in another subvolume. `area_fd` is the snapshot. */
int overlay_index_move(int area_fd, uint64_t from_subvolume, uint64_t to_subvolume);

/*
 * In a copy file by file: `dir_fd` is a folder in the copy's `upper`, whose `trusted.overlay.origin` is `origin`. Called for each
 * folder that has one, when `work` is copied already. A folder without an entry is a success.
 */
int overlay_index_point(int area_fd, int dir_fd, const void *origin, size_t len);

/* As the last step of a copy: `index` itself is of this `upper`. */
int overlay_index_claim(int area_fd);
