/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"

/*
 * What a killed restore leaves in a guest's root.
 *
 * A file that was deleted while it was open is in an image of its own. To restore it, CRIU makes it under a name of its own
 * beside the one it had, PATH.cr.ID.ghost, or in the nearest folder above that is still there, opens it and unlinks it
 * (create_ghost() in criu/files-reg.c). A deleted folder gets the name that it had. Who kills CRIU in between leaves them in
 * the guest's area, and the next restore of the same checkpoint finds that they exist and fails.
 *
 * The names link_remap.N, for files that have another link, are not left behind but part of the checkpoint: the dump made
 * them, and the restore needs them.
 */

/*
 * Before a restore: removes the ghosts that the images name, where they are there. A folder goes only if it is empty and younger
 * than the images: its name is one that the guest, too, may have used since. No symlink is followed, and nothing outside the root
 * is touched. Called by the host's root with the images' folder and the guest's root, both open. -EBADMSG for a damaged image.
 */
int checkpoint_sweep_ghosts(int images_fd, int root_fd, struct err *err) _must_check_;
