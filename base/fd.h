/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* Descriptors: whole reads and writes, passing them over a socket, files replaced in one step. */

/* Closes *fd if it is open, keeps errno, leaves -EBADF. */
void fd_close(int *fd);

/* Writes all of it or fails. Returns 0 or a negative errno. */
int fd_write_all(int fd, const void *data, size_t len) _must_check_;

/* Fills the buffer; an early end of file is -ENODATA, not a success. Returns 0 or a negative errno. */
int fd_read_exact(int fd, void *data, size_t len) _must_check_;

/*
 * Reads what is left of a file into a new terminated string that the caller frees. More than `max` bytes are -EFBIG, however long
 * the file says it is. Returns the length or a negative errno.
 */
ssize_t fd_read_all(int fd, size_t max, char **ret) _must_check_;

/*
 * As fd_read_all(), of the file `name` below `dir_fd` (AT_FDCWD is allowed). Does not follow a symlink as the last component. The
 * errno is bare: callers decide whether a missing file is an error.
 */
ssize_t fd_read_file_at(int dir_fd, const char *name, size_t max, char **ret) _must_check_;

/* Writes `data` to an existing file such as one of procfs or cgroupfs with a single write(). 0 or negative errno. */
int fd_write_file_at(int dir_fd, const char *name, const char *data) _must_check_;

/*
 * Replaces `name` below `dir_fd` with `data` in one step: writes a temporary neighbour, renames it over. With `durable` it is
 * on the disk, its name included, before the call returns. Mode 0600.
 */
int fd_replace_file_at(int dir_fd, const char *name, const char *data, size_t len, bool durable, struct err *err) _must_check_;

/*
 * Sends `len` bytes and up to FD_PASS_MAX descriptors in one message of a SOCK_SEQPACKET or SOCK_STREAM Unix socket; no SIGPIPE.
 * The receiver's descriptors are close-on-exec. fd_recv() returns the number of bytes (0: the peer is gone) or a negative errno;
 * a cut message, data or descriptors, is -EMSGSIZE and its descriptors are closed. *n_fds is the room on entry, the count on
 * return.
 */
#define FD_PASS_MAX 4
int fd_send(int sock, const void *data, size_t len, const int *fds, size_t n_fds) _must_check_;
ssize_t fd_recv(int sock, void *data, size_t len, int *fds, size_t *n_fds) _must_check_;

/* Sets or clears close-on-exec / non-blocking mode. 0 or a negative errno. */
int fd_set_cloexec(int fd, bool on) _must_check_;
int fd_set_nonblock(int fd, bool on) _must_check_;
