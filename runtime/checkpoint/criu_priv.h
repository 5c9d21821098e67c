/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/protobuf.h"

/*
 * The RPC of one request (images/rpc.proto of CRIU 4.1.1, the same in 4.2.1), on a SOCK_SEQPACKET pair:
 *
 *   ctctl                        criu swrk 3
 *     DUMP or RESTORE   ----->
 *                       <-----   NOTIFY "network-lock"       any number of times
 *     NOTIFY, success   ----->
 *                       <-----   DUMP or RESTORE, success    then it ends
 */
enum criu_type {
	CRIU_DUMP = 1,
	CRIU_RESTORE = 2,
	CRIU_NOTIFY = 6,
};

/* Where the process finds its end of the socket, and the inherited descriptors one after the other. */
#define CRIU_SOCKET_FD	     3
#define CRIU_FIRST_INHERITED 4
#define CRIU_INHERITS_MAX    8

/* What CRIU sends. The spans are in the message that was read. */
struct criu_answer {
	unsigned int type;
	bool success;
	int code;			      /* errno, 0 if it has none */
	pid_t pid;			      /* of a notify or a restore, 0 if it has none */
	const unsigned char *script, *reason; /* NULL: it has none */
	size_t script_len, reason_len;
};

/* The request of `type`, DUMP or RESTORE. `out->failed`: no memory. */
void criu_put_request(struct pb_out *out, enum criu_type type, const struct criu_request *request);
void criu_put_notified(struct pb_out *out, bool success);

/* 0, or -EBADMSG for what is no answer. */
int criu_read_answer(const unsigned char *data, size_t len, struct criu_answer *ret) _must_check_;
enum criu_stage criu_stage_of(const struct criu_answer *answer);

/* A running `criu swrk`. */
struct criu_worker {
	pid_t pid; /* 0: it has been reaped */
	int pidfd;
	int sock;
	pid_t *others; /* children of ours that are none of CRIU's doing */
	size_t n_others;
};
#define CRIU_WORKER_INIT ((struct criu_worker){ .pidfd = -EBADF, .sock = -EBADF })

int criu_worker_start(struct criu_worker *worker, const struct criu_request *request, struct err *err) _must_check_;

/* The next message, which the caller frees, and its length; 0: it has ended without one. Or a negative errno. */
ssize_t criu_worker_receive(const struct criu_worker *worker, unsigned char **ret) _must_check_;

/* Waits for its end. The status as of waitpid(2), or a negative errno. */
int criu_worker_reap(struct criu_worker *worker, int *ret_status) _must_check_;

/* Ends what a failed restore has made, and CRIU itself. */
void criu_worker_undo(struct criu_worker *worker);

/* Closes the socket, at which CRIU gives up, waits for its end, and frees. */
void criu_worker_free(struct criu_worker *worker);

/*
 * The last reason that the log in the images' folder has, without CRIU's clock and source positions; the caller frees. NULL:
 * none.
 */
char *criu_log_reason(int images_fd, const char *log) _must_check_;

/*
 * Did that dump fail for a reason that passes? /proc/PID/fdinfo has a watch of inotify without its file handle, which CRIU
 * refuses, while anybody mounts or unmounts the file system of what is watched: the kernel only tries to lock it
 * (fs/notify/fdinfo.c, since 6.18 and in the stable ones of late 2025). A systemd watches its groups, and each start of a guest
 * mounts their file system.
 */
bool criu_log_is_passing(int images_fd, const char *log) _must_check_;

/* As above, of one line of `len` bytes. */
char *criu_line_reason(const char *line, size_t len) _must_check_;
