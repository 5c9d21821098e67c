/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * lines listen|connect ADDRESS PORT STATUS: one end of a TCP connection, on which both ends send numbered lines, fifty a second.
 * Writes to the file STATUS "SENT RECEIVED ok" while those that come are complete and in order, or what is wrong, and ends then.
 * A listener takes one connection.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LINE	16
#define TICK_NS 20000000

struct lines {
	const char *status;
	unsigned long long sent, received;
	char partial[LINE + 1];
	size_t n_partial;
};

static void report(const struct lines *l, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s.new", l->status);
	file = fopen(path, "we");
	if (!file)
		exit(2);
	fprintf(file, "%llu %llu %s\n", l->sent, l->received, text);
	fclose(file);
	rename(path, l->status);
}

_Noreturn static void wrong(const struct lines *l, const char *what)
{
	char text[128];

	snprintf(text, sizeof(text), "%s (%s)", what, strerror(errno));
	report(l, text);
	exit(1);
}

static struct sockaddr_storage address_of(const struct lines *l, const char *address, const char *port, socklen_t *ret_len)
{
	struct sockaddr_storage at = { .ss_family = strchr(address, ':') ? AF_INET6 : AF_INET };
	struct sockaddr_in *in = (struct sockaddr_in *)&at;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at;
	int is_in6 = at.ss_family == AF_INET6;

	in->sin_port = htons((uint16_t)atoi(port)); /* in6 has it in the same place */
	if (inet_pton(at.ss_family, address, is_in6 ? (void *)&in6->sin6_addr : (void *)&in->sin_addr) != 1)
		wrong(l, "no such address");
	*ret_len = is_in6 ? sizeof(*in6) : sizeof(*in);
	return at;
}

static int open_end(const struct lines *l, int listens, const char *address, const char *port)
{
	socklen_t len;
	struct sockaddr_storage at = address_of(l, address, port, &len);
	int one = 1, fd = socket(at.ss_family, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (!listens) {
		if (connect(fd, (struct sockaddr *)&at, len) < 0)
			wrong(l, "connect");
		return fd;
	}
	if (bind(fd, (struct sockaddr *)&at, len) < 0 || listen(fd, 1) < 0)
		wrong(l, "listen");
	report(l, "listens");
	fd = accept(fd, NULL, NULL);
	if (fd < 0)
		wrong(l, "accept");
	return fd;
}

static void receive(struct lines *l, int fd)
{
	ssize_t n = read(fd, l->partial + l->n_partial, LINE - l->n_partial);

	if (n <= 0)
		wrong(l, n == 0 ? "the other end has closed it" : "read");
	l->n_partial += (size_t)n;
	if (l->n_partial < LINE)
		return;
	l->n_partial = 0;
	errno = 0;
	if (strtoull(l->partial, NULL, 10) != l->received || l->partial[LINE - 1] != '\n')
		wrong(l, l->partial);
	l->received++;
}

static void send_line(struct lines *l, int fd)
{
	char line[LINE + 1];

	snprintf(line, sizeof(line), "%015llu\n", l->sent);
	if (write(fd, line, LINE) != LINE)
		wrong(l, "write");
	l->sent++;
}

int main(int argc, char **argv)
{
	const struct itimerspec tick = { { 0, TICK_NS }, { 0, TICK_NS } };
	struct lines l = { .status = argv[4] };
	struct pollfd fds[2] = { { .events = POLLIN }, { .events = POLLIN } };
	unsigned long long ticks;

	if (argc != 5)
		return 2;
	fds[0].fd = open_end(&l, strcmp(argv[1], "listen") == 0, argv[2], argv[3]);
	fds[1].fd = timerfd_create(CLOCK_MONOTONIC, 0);
	timerfd_settime(fds[1].fd, 0, &tick, NULL);
	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			receive(&l, fds[0].fd);
		if (fds[1].revents && read(fds[1].fd, &ticks, sizeof(ticks)) > 0)
			send_line(&l, fds[0].fd);
		report(&l, "ok");
	}
}
