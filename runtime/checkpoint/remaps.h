/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "runtime/checkpoint/image_file.h"

/* What a checkpoint has of open files whose name was deleted (images/remap-file-path.proto). */

enum remap_type {
	REMAP_LINKED, /* it has another name: CRIU gave it one more, link_remap.N, which a restore opens */
	REMAP_GHOST,  /* it has none: it is in an image of its own */
};

struct remap {
	uint32_t id; /* LINKED: of the file link_remap.N in files.img; GHOST: of its image */
	uint32_t at; /* in files.img: what has the path */
	const unsigned char
		*path; /* below the root: of link_remap.N, or the one that the ghost had. NULL if files.img has none */
	size_t path_len;
};

struct remaps {
	struct remap *list; /* sorted by `at` */
	size_t n;
	size_t room;
	struct timespec saved;	 /* when the images were: the guest has stood still since */
	struct image_file files; /* the paths are in it */
};
void remaps_free(struct remaps *remaps);
DEFINE_CLEANUP(struct remaps, cleanup_remaps, remaps_free(p));

/* Those of one type; none, if there is no such image. -EBADMSG for a damaged image. To be freed in any case. */
int remaps_read(int images_fd, enum remap_type type, struct remaps *ret, struct err *err) _must_check_;
