/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>

#include "base/err.h"

/*
 * Two processes that take turns. A SOCK_SEQPACKET pair carries messages of one fixed size, each with the stage it reports; an
 * error travels whole. An end of file before the expected stage is an error, never a success.
 */
struct sync_msg {
	uint32_t stage;
	uint32_t failed; /* `err` is filled, the stage is the one that failed */
	int64_t value;	 /* a pid or a count; 0 where the stage has none */
	struct err err;
};

/* A pair of close-on-exec descriptors. 0 or a negative errno. */
int sync_pair(int ret_fds[2]) _must_check_;

/* Reports that `stage` was reached, with at most one descriptor (-1: none). 0 or a negative errno. */
int sync_send(int fd, uint32_t stage, int64_t value, int pass_fd) _must_check_;

/* Reports that it failed, and why. Errors of sending are ignored: there is nobody to tell. */
void sync_send_error(int fd, uint32_t stage, const struct err *why);

/*
 * Waits for exactly `stage`. Its value and descriptor are stored where ret_value / ret_fd are not NULL; a descriptor that was not
 * asked for is closed. Fails with the peer's own error, or, if the peer ended or sent another stage, with one that names `peer`
 * and `stage_name`.
 */
int sync_expect(int fd, uint32_t stage, const char *peer, const char *stage_name, int64_t *ret_value, int *ret_fd,
		struct err *err) _must_check_;

/*
 * Waits for the end of file that is the peer's exec (the socket is close-on-exec) after its last stage: 0. Fails with the peer's
 * own error if the exec failed.
 */
int sync_expect_end(int fd, const char *peer, struct err *err) _must_check_;

/*
 * A step of ours failed, for the reason in `err`, perhaps because the peer is gone. If the peer has said already that it failed,
 * its reason takes the place of ours; if it has only ended, ours says so. Does not wait. Returns the code of `err`, negative.
 */
int sync_prefer_peer(int fd, const char *peer, struct err *err) _must_check_;
