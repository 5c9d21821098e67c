/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Read-only images (erofs). An image is mounted once for all its guests, on a folder below `mounts_dir` that is named by the
 * caller, so that its pages are in memory once; the host's mount table has one line per image in use, none per guest. From the
 * file where the kernel can (6.12), through a read-only, auto-cleared loop device where it cannot.
 *
 * All calls are made by root in the host's namespaces.
 */

/*
 * The root folder of the mounted image (O_PATH), mounting it first if needed; two processes at a time are kept apart by a lock in
 * `mounts_dir`. A file that is no erofs or is damaged is BAD_TEMPLATE. `image_fd` is a readable descriptor of the file; an image
 * that is mounted already is not compared with it: a name means one content for ever, so it has the template's version in it.
 */
int image_open(const char *mounts_dir, const char *name, int image_fd, struct err *err) _must_check_;

/*
 * Unmounts an image; one that is not mounted is a success. Guests that run on it keep it: their overlays hold the file system,
 * only this mount of it goes, and the next image_open() has its pages in memory a second time. -EBUSY while a process works in
 * the mount itself.
 */
int image_release(const char *mounts_dir, const char *name, struct err *err) _must_check_;

/*
 * Makes an image from a folder whose files are owned as the guest shall see them: runs mkfs.erofs (package erofs-utils). The file
 * appears under its name only when it is whole and on the disk. `uuid` (36 characters) identifies its content to overlayfs across
 * hosts.
 */
int image_make(const char *tree, const char *file, const char *uuid, struct err *err) _must_check_;
