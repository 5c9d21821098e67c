/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/monitor/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "runtime/container/monitor_fds.h"

#define LOG_FILE     "console.log"
#define LOG_FILE_OLD "console.log.old"

void console_init(struct console *c, int master_fd, int socket_fd, int log_dir_fd)
{
	struct stat st;

	*c = (struct console){ .master_fd = master_fd, .socket_fd = socket_fd, .log_dir_fd = log_dir_fd };
	c->log_fd = openat(log_dir_fd, LOG_FILE, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->log_fd >= 0 && fstat(c->log_fd, &st) == 0)
		c->log_used = (size_t)st.st_size;
	if (master_fd >= 0)
		fcntl(master_fd, F_SETFL, O_RDWR | O_NONBLOCK);
}

int console_poll_set(const struct console *c, struct pollfd *set)
{
	int n = 0;

	set[n++] = (struct pollfd){ .fd = c->master_fd, .events = POLLIN };
	set[n++] = (struct pollfd){ .fd = c->n_clients < CONSOLE_CLIENTS_MAX ? c->socket_fd : -1, .events = POLLIN };
	for (int i = 0; i < c->n_clients; i++)
		set[n++] = (struct pollfd){ .fd = c->clients[i], .events = POLLIN };
	return n;
}

/* A full log becomes the old one. A disk that is full loses the log, not the guest. */
static void write_log(struct console *c, const char *data, size_t len)
{
	if (c->log_used + len > CONSOLE_LOG_MAX) {
		int fd;

		renameat(c->log_dir_fd, LOG_FILE, c->log_dir_fd, LOG_FILE_OLD);
		fd = openat(c->log_dir_fd, LOG_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (c->log_fd >= 0)
			close(c->log_fd);
		c->log_fd = fd;
		c->log_used = 0;
	}
	if (c->log_fd >= 0 && write(c->log_fd, data, len) > 0)
		c->log_used += len;
}

static void drop_client(struct console *c, int i)
{
	close(c->clients[i]);
	c->clients[i] = c->clients[--c->n_clients];
}

/* One read of the terminal. Returns 0 when there is nothing more. */
static int copy_output(struct console *c)
{
	char packet[CONSOLE_PACKET_MAX];
	ssize_t n = read(c->master_fd, packet + 1, sizeof(packet) - 1);

	if (n <= 0) {
		if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
			close(c->master_fd);
			c->master_fd = -1;
		}
		return 0;
	}
	packet[0] = CONSOLE_DATA;
	write_log(c, packet + 1, (size_t)n);
	for (int i = c->n_clients - 1; i >= 0; i--) {
		if (send(c->clients[i], packet, (size_t)n + 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			drop_client(c, i);
	}
	return 1;
}

static void write_terminal(struct console *c, const char *data, size_t len)
{
	/* The terminal's input queue is full when the guest does not read: what is typed then is lost, as on a serial line. */
	if (c->master_fd >= 0 && write(c->master_fd, data, len) < 0)
		return;
}

static void set_size(struct console *c, const char *data, size_t len)
{
	struct winsize size;

	if (len != sizeof(size) || c->master_fd < 0)
		return;
	memcpy(&size, data, sizeof(size));
	ioctl(c->master_fd, TIOCSWINSZ, &size);
}

/* Returns 0 if the client is gone. */
static int read_client(struct console *c, int fd)
{
	char packet[CONSOLE_PACKET_MAX];
	ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return 0;
	if (packet[0] == CONSOLE_DATA)
		write_terminal(c, packet + 1, (size_t)n - 1);
	else if (packet[0] == CONSOLE_SIZE)
		set_size(c, packet + 1, (size_t)n - 1);
	return 1;
}

static void accept_client(struct console *c)
{
	int fd = accept4(c->socket_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd >= 0)
		c->clients[c->n_clients++] = fd;
}

void console_handle(struct console *c, const struct pollfd *set, int n)
{
	/* Clients first and from the last: dropping one moves the last into its place. */
	for (int i = n - 1; i >= 2; i--) {
		if (set[i].revents && !read_client(c, set[i].fd))
			drop_client(c, i - 2);
	}
	if (set[0].revents)
		copy_output(c);
	if (set[1].revents)
		accept_client(c);
}

void console_drain(struct console *c)
{
	/* Bounded: what a terminal can hold is less. */
	for (int i = 0; i < 32 && c->master_fd >= 0 && copy_output(c); i++)
		continue;
}
