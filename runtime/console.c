/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/container/container.h"
#include "runtime/container/monitor_fds.h"
#include "runtime/exec.h"
#include "runtime/guest_priv.h"
#include "runtime/terminal.h"

/* What is shown of the log when a console is opened: about a screen. */
#define LOG_SHOWN 2048

static const int caught[] = { SIGWINCH, SIGTERM, SIGHUP, 0 };

struct console_session {
	int socket_fd;
	int signal_fd;
	char detach;
	bool is_prefixed; /* the last key was the detach key */
	struct terminal terminal;
};

static void session_end(struct console_session *s)
{
	terminal_restore(&s->terminal);
	fd_close(&s->socket_fd);
	fd_close(&s->signal_fd);
}

static int connect_console(const struct guest *guest, struct err *err)
{
	struct path_fd dir = path_of_fd(guest->run_fd);
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/" CT_CONSOLE_SOCKET, dir.s);
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_sys(err, errno, "connect to the console of guest '%s'", guest->name);
	return TAKE_FD(fd);
}

static int send_packet(int fd, char kind, const void *data, size_t len)
{
	char packet[CONSOLE_PACKET_MAX];

	packet[0] = kind;
	memcpy(packet + 1, data, len);
	return fd_send(fd, packet, len + 1, NULL, 0);
}

static void send_size(const struct console_session *s)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		(void)!send_packet(s->socket_fd, CONSOLE_SIZE, &size, sizeof(size));
}

/*
 * Takes the detach sequence out of what was typed: the key, then 'q' ends, the key twice types it once. Returns the bytes to
 * send; -1: detach.
 */
static ssize_t filter_keys(struct console_session *s, const char *in, size_t len, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < len; i++) {
		if (s->is_prefixed) {
			s->is_prefixed = false;
			if (in[i] == 'q')
				return -1;
			out[used++] = s->detach;
			if (in[i] != s->detach)
				out[used++] = in[i];
		} else if (in[i] == s->detach && s->terminal.fd >= 0) {
			s->is_prefixed = true;
		} else {
			out[used++] = in[i];
		}
	}
	return (ssize_t)used;
}

/* 1: go on, 0: detach or the end of our input. */
static int pass_keys(struct console_session *s, struct err *err)
{
	/* Each byte may become two: the detach key that was held back, and itself. */
	char in[(CONSOLE_PACKET_MAX - 1) / 2], out[CONSOLE_PACKET_MAX - 1];
	ssize_t n = read(0, in, sizeof(in));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	n = filter_keys(s, in, (size_t)n, out);
	if (n < 0)
		return 0;

	int r = n > 0 ? send_packet(s->socket_fd, CONSOLE_DATA, out, (size_t)n) : 0;

	return r < 0 && r != -EPIPE ? err_sys(err, -r, "write to the console") : 1;
}

/* 1: go on, 0: the guest has stopped. */
static int pass_output(struct console_session *s, struct err *err)
{
	char packet[CONSOLE_PACKET_MAX];
	ssize_t n = fd_recv(s->socket_fd, packet, sizeof(packet), NULL, NULL);

	if (n <= 0)
		return n < 0 && n != -ECONNRESET ? err_sys(err, (int)-n, "read from the console") : 0;
	if (packet[0] != CONSOLE_DATA)
		return 1;

	int r = fd_write_all(1, packet + 1, (size_t)n - 1);

	return r < 0 ? err_sys(err, -r, "write to stdout") : 1;
}

/* 1: go on, 0: a signal that ends us. */
static int handle_signals(struct console_session *s)
{
	int signo;

	while ((signo = terminal_next_signal(s->signal_fd))) {
		if (signo != SIGWINCH)
			return 0;
		send_size(s);
	}
	return 1;
}

static int run_session(struct console_session *s, struct err *err)
{
	int r = 1;

	while (r == 1) {
		struct pollfd set[] = {
			{ .fd = s->socket_fd, .events = POLLIN },
			{ .fd = 0, .events = POLLIN },
			{ .fd = s->signal_fd, .events = POLLIN },
		};

		if (poll(set, ARRAY_SIZE(set), -1) < 0 && errno != EINTR)
			return err_sys(err, errno, "wait for the console");
		if (set[0].revents)
			r = pass_output(s, err);
		if (r == 1 && set[1].revents)
			r = pass_keys(s, err);
		if (r == 1 && set[2].revents)
			r = handle_signals(s);
	}
	return r;
}

static void show_log(const struct guest *guest)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(guest->dir_fd, CT_CONSOLE_LOG, 2 * CONSOLE_LOG_MAX, &text);

	if (n > 0) {
		const char *from = text + (n > LOG_SHOWN ? n - LOG_SHOWN : 0);
		const char *line = n > LOG_SHOWN ? memchr(from, '\n', LOG_SHOWN) : NULL;

		/* From the beginning of a line, if one is near. */
		if (line)
			from = line + 1;
		(void)!fd_write_all(1, from, (size_t)(text + n - from));
	}
}

int guest_console(const struct node *node, const char *name, char detach, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_(session_end) struct console_session s = {
		.socket_fd = -EBADF, .signal_fd = -EBADF, .detach = detach, .terminal = { .fd = -1 }
	};
	struct guest_run run;
	int r = guest_open(node, name, &guest, err);

	if (r == 0)
		r = guest_get_run(guest, &run, err);
	if (r == 0)
		r = guest_check_not_suspended(guest, err);
	if (r < 0)
		return r;
	if (r == 0)
		return err_exit(err, EXIT_NOT_RUNNING, ESRCH,
				"guest '%s' is not running; its last output: ctctl console %s --log", name, name);
	s.socket_fd = connect_console(guest, err);
	if (s.socket_fd < 0)
		return s.socket_fd;
	s.signal_fd = terminal_catch_signals(caught);
	if (s.signal_fd < 0)
		return err_sys(err, -s.signal_fd, "catch signals");
	show_log(guest);
	send_size(&s);
	terminal_raw(&s.terminal, 0);
	return run_session(&s, err);
}

int guest_console_log(const struct node *node, const char *name, char **ret, size_t *ret_len, struct err *err)
{
	static const char *const files[] = { CT_CONSOLE_LOG ".old", CT_CONSOLE_LOG };
	_cleanup_guest_ struct guest *guest = NULL;
	struct strbuf all = { 0 };
	int r = guest_open(node, name, &guest, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *text = NULL;
		ssize_t n = fd_read_file_at(guest->dir_fd, files[i], 2 * CONSOLE_LOG_MAX, &text);

		if (n < 0 && n != -ENOENT)
			r = err_sys(err, (int)-n, "read '%s' of guest '%s'", files[i], name);
		else if (n > 0)
			strbuf_add_bytes(&all, text, (size_t)n);
	}
	if (r < 0) {
		strbuf_free(&all);
		return r;
	}
	*ret_len = all.len;
	*ret = strbuf_take(&all);
	return *ret ? 0 : err_oom(err);
}
