/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/err.h"
#include "runtime/checkpoint/protobuf.h"

/* A field that a message has once; of several, the last counts. 1, 0 if it is not there, or -EBADMSG. */
int mend_find_field(struct pb_in message, unsigned int number, enum pb_wire wire, struct pb_field *ret) _must_check_;

struct mend_change {
	unsigned int number;
	uint64_t value;
	const struct pb_out *message; /* NULL: it is the value */
};

/* A copy of a message in which some fields are others. */
int mend_copy_changed(struct pb_in message, const struct mend_change *changes, size_t n, struct pb_out *out) _must_check_;

/* criu/include/magic.h. */
#define MEND_MAGIC_FILES 0x56303138

/* mend_timers.c: see checkpoint_mend_images(). */
int mend_timers(int images_fd, struct err *err) _must_check_;
