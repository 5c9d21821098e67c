/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/str.h"
#include "runtime/checkpoint/protobuf.h"

/*
 * One of CRIU's images (criu.org/Images): two magic numbers (criu/include/magic.h), then for each message its length and the
 * message; all numbers have 32 bits and are little-endian. CRIU has read a hostile guest, so nothing in an image is believed.
 * Called by the host's root.
 */
#define IMAGE_FILE_HEAD 8

struct image_file {
	const char *name; /* the caller's */
	char *data;	  /* head and messages */
	size_t len;
	struct pb_in rest; /* messages that are not read yet */
};
DEFINE_CLEANUP(struct image_file, image_file_free, free(p->data))

/* Reads it whole. `magic` is the second number. -ENOENT without one, -EBADMSG for another kind; *ret is to be freed even then. */
int image_file_read(int images_fd, const char *name, uint32_t magic, struct image_file *ret, struct err *err) _must_check_;

/* The next message, which stays where it is: 1, 0 at the end, or -EBADMSG. */
int image_file_next(struct image_file *image, struct pb_in *ret, struct err *err) _must_check_;

/* -EBADMSG, for who cannot make sense of a message. */
int image_file_damaged(const struct image_file *image, struct err *err) _must_check_;

/* Adds a message to an image that is being built. */
void image_file_put(struct strbuf *image, const struct pb_out *message);

/*
 * Replaces the image `name`, which must be there, whole, by a rename; not yet on the disk. It keeps its mode: CRIU opens some
 * images as the restored user namespace's root.
 */
int image_file_replace(int images_fd, const char *name, struct strbuf *image, struct err *err) _must_check_;
