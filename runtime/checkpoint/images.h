/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/container/cgroup_tree.h"
#include "runtime/guest.h"
#include "runtime/state.h"

/*
 * What a suspended guest was: GUESTS/NAME/checkpoint/, a folder of the host's root (0700) with CRIU's images and `manifest`.
 *
 *   checkpoint.new/   is being written; without a journal that says so, it is waste and removed
 *   checkpoint/       is whole and on the disk: the guest is suspended, and no start boots it cold
 *
 * All calls are made by the host's root under the guest's lock, but for checkpoint_exists().
 */
#define CHECKPOINT_DIR	    "checkpoint"
#define CHECKPOINT_DIR_NEW  "checkpoint.new"
#define CHECKPOINT_MANIFEST "manifest"

/* Of the container that was saved: what CRIU's images do not say, and what has to be the same to restore it. */
struct checkpoint_manifest {
	uint64_t taken_at;	    /* seconds since 1970 */
	char boot[40];		    /* guest_run.boot */
	char uuid[40];		    /* the guest's */
	char template_ref[160];	    /* with its version */
	char console[CONSOLE_ROOM]; /* of the console's terminal, as CRIU names it: "tty[RDEV:DEV]", hexadecimal */
	char cgroup[512];	    /* where it was: "ctctl/web1" */
	char kernel[80];	    /* uname -r of the host */
	uint64_t features;
	uint64_t ids_first;
	uint64_t started_at;   /* when the guest was booted */
	uint64_t for_shutdown; /* 1: it ran when the host was shut down, and is to go on with the host (shutdown.h) */
	struct cgroup_tree groups;
};
void checkpoint_manifest_free(struct checkpoint_manifest *manifest);

/* An empty checkpoint.new; what an earlier one left is removed. An open folder (readable), which the caller closes. */
int checkpoint_begin(const struct guest *guest, struct err *err) _must_check_;

/*
 * Writes the manifest: "key value" lines, then "groups N" and N lines of cgroup_tree_print(). Not yet on the disk. -EINVAL for a
 * value that is no printable line.
 */
int checkpoint_write_manifest(int images_fd, const struct checkpoint_manifest *manifest, struct err *err) _must_check_;

/*
 * Makes checkpoint.new the checkpoint: every file of it on the disk, then renamed, then the folder. From the rename on, whatever
 * is killed, the guest is suspended: an error may come after it, too, so ask checkpoint_exists(). One that is there already is
 * never replaced (-ENOTEMPTY), and a folder among the images is -EISDIR.
 */
int checkpoint_commit(const struct guest *guest, int images_fd, struct err *err) _must_check_;

/* Its files on the disk, and that they are in the folder. */
int checkpoint_sync(const struct guest *guest, int images_fd, struct err *err) _must_check_;

/* Removes an unfinished one. A missing one is a success. */
int checkpoint_abandon(const struct guest *guest, struct err *err) _must_check_;

/*
 * Removes the checkpoint: renamed to checkpoint.new first, so that no half of one counts. A missing one is a success, and what is
 * left of one whose removal was interrupted goes, too.
 */
int checkpoint_discard(const struct guest *guest, struct err *err) _must_check_;

/*
 * Makes waste of it, on the disk when the call returns: before the processes that were saved run again, because from then on
 * their files are not those of the checkpoint any more, whatever ends next, the host included. checkpoint_abandon() removes it.
 */
int checkpoint_disown(int guest_dir_fd, struct err *err) _must_check_;

bool checkpoint_exists(const struct guest *guest);

/*
 * Opens it and reads its manifest: the open folder, which the caller closes. -ENOENT and exit status NOT_SUSPENDED without one,
 * -EBADMSG and RECOVERY if the manifest is missing or damaged; the message says in which key. Unknown keys are of a newer ctctl
 * and not looked at.
 */
int checkpoint_open(const struct guest *guest, struct checkpoint_manifest *ret, struct err *err) _must_check_;

/* Bytes on the disk, and when it was taken: for `status`. -ENOENT without one, -EBADMSG for a damaged one. */
int checkpoint_stat(const struct guest *guest, uint64_t *ret_bytes, uint64_t *ret_taken_at) _must_check_;

/* Bytes on the disk of the images in an open folder. 0 or a negative errno. */
int checkpoint_get_size(int images_fd, uint64_t *ret_bytes) _must_check_;

/*
 * Fills an empty folder with the images of another one, by hard links, and gives it the same owner and mode: neither CRIU nor
 * ctctl writes into an image, they are replaced. 0 or a negative errno.
 */
int checkpoint_share_images(int from_fd, int to_fd) _must_check_;
