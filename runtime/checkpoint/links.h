/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * Open files that have lost the name by which they were opened, but have another: to restore one, CRIU needs its link_remap.N,
 * which a dump makes beside the old name, and takes away at its end where it lets the guest go on (cr_dump_finish() in
 * criu/cr-dump.c). A suspend is such a dump up to its point of no return. So the files get a name more in the folder `links` of
 * the guest's area, where the guest does not see them, and from there link_remap.N when the guest has been ended.
 *
 * What is not in the guest's area, in a tmpfs say, is in the images with all that is there.
 *
 * All calls are made by the host's root under the guest's lock; area_fd is the guest's area, images_fd its images, both open.
 */

/* At CRIU's stage POST_DUMP: link_remap.N -> links/N. Not yet on the disk. */
int checkpoint_keep_links(int images_fd, int area_fd, struct err *err) _must_check_;

/* The guest is suspended, and nothing of it is mounted: links/N -> link_remap.N. Cheap where there is nothing to do. */
int checkpoint_put_links_back(int images_fd, int area_fd, struct err *err) _must_check_;

/* The guest goes on: they go. A success without any. */
int checkpoint_forget_links(int area_fd, struct err *err) _must_check_;
