/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sync.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/fd.h"

int sync_pair(int ret_fds[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret_fds) < 0 ? -errno : 0;
}

int sync_send(int fd, uint32_t stage, int64_t value, int pass_fd)
{
	struct sync_msg msg = { .stage = stage, .value = value };

	return fd_send(fd, &msg, sizeof(msg), &pass_fd, pass_fd >= 0 ? 1 : 0);
}

void sync_send_error(int fd, uint32_t stage, const struct err *why)
{
	struct sync_msg msg = { .stage = stage, .failed = 1, .err = *why };

	/* The peer that is gone has seen the end of file instead. */
	if (fd_send(fd, &msg, sizeof(msg), NULL, 0) < 0)
		return;
}

static int take_failure(const struct sync_msg *msg, struct err *err)
{
	*err = msg->err;
	err->msg[sizeof(err->msg) - 1] = '\0';
	/* A failure stays one, whatever the peer says. */
	if (err->code <= 0)
		err->code = EPROTO;
	return -err->code;
}

/*
 * Of a peer that ended with a message of ours unread, the kernel tells the reset first and then what the peer has said (sk_err
 * comes before the queue in __skb_try_recv_datagram()). What it has said is what counts.
 */
static ssize_t receive(int fd, struct sync_msg *msg, int *fds, size_t *n_fds)
{
	ssize_t n = fd_recv(fd, msg, sizeof(*msg), fds, n_fds);

	return n == -ECONNRESET ? fd_recv(fd, msg, sizeof(*msg), fds, n_fds) : n;
}

int sync_expect(int fd, uint32_t stage, const char *peer, const char *stage_name, int64_t *ret_value, int *ret_fd,
		struct err *err)
{
	struct sync_msg msg;
	_cleanup_fd_ int got = -EBADF;
	size_t n_fds = 1;
	ssize_t n = receive(fd, &msg, &got, &n_fds);

	if (n == 0)
		return err_set(err, EPIPE, "%s ended unexpectedly before '%s'", peer, stage_name);
	if (n < 0)
		return err_sys(err, (int)-n, "hear from %s", peer);
	if (n != (ssize_t)sizeof(msg))
		return err_set(err, EPROTO, "%s sent %zd bytes before '%s'", peer, n, stage_name);
	if (msg.failed)
		return take_failure(&msg, err);
	if (msg.stage != stage)
		return err_set(err, EPROTO, "%s sent stage %u before '%s'", peer, msg.stage, stage_name);
	if (ret_value)
		*ret_value = msg.value;
	if (ret_fd) {
		if (n_fds != 1)
			return err_set(err, EPROTO, "%s sent no descriptor with '%s'", peer, stage_name);
		*ret_fd = TAKE_FD(got);
	}
	return 0;
}

int sync_expect_end(int fd, const char *peer, struct err *err)
{
	struct sync_msg msg;
	ssize_t n = receive(fd, &msg, NULL, NULL);

	if (n == 0)
		return 0;
	if (n != (ssize_t)sizeof(msg))
		return err_sys(err, n < 0 ? (int)-n : EPROTO, "wait for %s", peer);
	if (msg.failed)
		return take_failure(&msg, err);
	return err_set(err, EPROTO, "%s sent stage %u after its last", peer, msg.stage);
}

int sync_prefer_peer(int fd, const char *peer, struct err *err)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };
	struct sync_msg msg;

	if (poll(&look, 1, 0) <= 0)
		return -err->code;

	ssize_t n = receive(fd, &msg, NULL, NULL);

	if (n == 0)
		return err_wrap(err, "%s ended unexpectedly", peer);
	return n == (ssize_t)sizeof(msg) && msg.failed ? take_failure(&msg, err) : -err->code;
}
