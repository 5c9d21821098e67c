/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * work STATUS: two processes in a guest that hold, all at once, what a program can have, use it fifty times a second and look
 * whether it is as they left it: for tests of suspend and resume. Writes to the file STATUS "PID ROUNDS LOOKS ok", or what is
 * wrong in place of "ok", and ends then. At SIGUSR2 it looks through all of its memory and counts that as one of LOOKS.
 *
 * The first process leads; its partner sends back what it gets from it. Every channel between them has messages in it at any
 * moment, so that the kernel's buffers are part of what has to be kept.
 */
#include "work.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

void report(const struct work *w, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s.%d", w->status, (int)getpid());
	file = fopen(path, "we");
	if (!file)
		return;
	fprintf(file, "%d %llu %llu %s\n", (int)w->leader, (unsigned long long)w->rounds, (unsigned long long)w->looks, text);
	fclose(file);
	rename(path, w->status);
}

void wrong(const struct work *w, const char *format, ...)
{
	pid_t other = getpid() == w->leader ? w->partner : w->leader;
	const char *why = strerror(errno);
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (other > 0)
		kill(other, SIGKILL);
	snprintf(text + strlen(text), sizeof(text) - strlen(text), " (%s)", why);
	report(w, text);
	_exit(1);
}

int sure(const struct work *w, int r, const char *what)
{
	if (r < 0)
		wrong(w, "%s", what);
	return r;
}

static void write_whole(const struct work *w, const struct channel *c, int fd, const char *message)
{
	errno = 0;
	if (write(fd, message, MESSAGE) != MESSAGE)
		wrong(w, "%s: not written", c->name);
}

static void read_whole(const struct work *w, const struct channel *c, int fd, char *message)
{
	for (ssize_t got = 0, n; got < MESSAGE; got += n) {
		errno = 0;
		n = read(fd, message + got, (size_t)(MESSAGE - got));
		if (n <= 0)
			wrong(w, "%s: its other end is closed", c->name);
	}
}

static void compose(char message[MESSAGE + 1], const struct channel *c, uint64_t n)
{
	snprintf(message, MESSAGE + 1, "%-9.9s%022llu\n", c->name, (unsigned long long)n);
}

static void channel_send(const struct work *w, const struct channel *c, uint64_t n)
{
	char message[MESSAGE + 1];

	compose(message, c, n);
	write_whole(w, c, c->out, message);
}

static void channel_receive(const struct work *w, const struct channel *c, uint64_t n)
{
	char want[MESSAGE + 1], got[MESSAGE + 1] = "";

	compose(want, c, n);
	read_whole(w, c, c->in, got);
	errno = 0;
	if (memcmp(want, got, MESSAGE) != 0)
		wrong(w, "%s: got '%.31s', expected '%.31s'", c->name, got, want);
}

/* One message more is sent than has come back, `depth` times. */
static void channels_use(const struct work *w)
{
	for (int i = 0; i < CHANNELS; i++) {
		channel_send(w, &w->channels[i], w->rounds + w->channels[i].depth);
		channel_receive(w, &w->channels[i], w->rounds);
	}
}

static void fill(const struct work *w)
{
	for (int i = 0; i < CHANNELS; i++) {
		for (uint64_t n = 0; n < w->channels[i].depth; n++)
			channel_send(w, &w->channels[i], n);
	}
}

static struct channel both_ways(const char *name, uint64_t depth, int mine, int other)
{
	return (struct channel){ name, depth, mine, mine, other, other };
}

static struct channel make_pair(const struct work *w, const char *name, int type, uint64_t depth)
{
	int fds[2];

	sure(w, socketpair(AF_UNIX, type, 0, fds), name);
	return both_ways(name, depth, fds[0], fds[1]);
}

static struct channel make_pipes(const struct work *w)
{
	int there[2], back[2];

	sure(w, pipe2(there, O_CLOEXEC), "pipe");
	sure(w, pipe2(back, O_CLOEXEC), "pipe");
	return (struct channel){ "pipe", DEPTH, there[1], back[0], there[0], back[1] };
}

static struct channel make_terminal(const struct work *w)
{
	struct termios raw;
	int master, slave;

	sure(w, openpty(&master, &slave, NULL, NULL, NULL), "pty");
	sure(w, tcgetattr(slave, &raw), "pty");
	cfmakeraw(&raw);
	sure(w, tcsetattr(slave, TCSANOW, &raw), "pty");
	return both_ways("pty", 0, master, slave);
}

/* By a listener that stays, as servers have it. */
static struct channel make_connection(const struct work *w, const char *name, const void *address, socklen_t len)
{
	const struct sockaddr *at = address;
	int listener = sure(w, socket(at->sa_family, SOCK_STREAM, 0), name), mine, other;
	struct sockaddr_storage bound;
	socklen_t bound_len = sizeof(bound);

	sure(w, bind(listener, at, len), name);
	sure(w, listen(listener, 4), name);
	sure(w, getsockname(listener, (struct sockaddr *)&bound, &bound_len), name);
	mine = sure(w, socket(at->sa_family, SOCK_STREAM, 0), name);
	sure(w, connect(mine, (struct sockaddr *)&bound, bound_len), name);
	other = sure(w, accept(listener, NULL, NULL), name);
	return both_ways(name, DEPTH, mine, other);
}

static void channels_make(struct work *w)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct channel *c = w->channels;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s.sock", w->status);
	unlink(un.sun_path); /* of an earlier start */
	*c++ = make_pair(w, "go", SOCK_STREAM, 0);
	*c++ = make_pipes(w);
	*c++ = make_pair(w, "stream", SOCK_STREAM, DEPTH);
	*c++ = make_pair(w, "datagrams", SOCK_DGRAM, DEPTH / 2);
	*c++ = make_pair(w, "seqpacket", SOCK_SEQPACKET, DEPTH / 2);
	*c++ = make_connection(w, "unix", &un, sizeof(un));
	*c++ = make_connection(w, "tcp4", &in, sizeof(in));
	*c++ = make_connection(w, "tcp6", &in6, sizeof(in6));
	*c++ = make_terminal(w);
}

static void partner_use(struct work *w)
{
	stores_of_partner(w);
	events_of_partner(w);
	w->rounds++;
}

static void answer(struct work *w, int i)
{
	struct channel *c = &w->channels[i];
	char message[MESSAGE + 1] = "";

	read_whole(w, c, c->peer_in, message);
	if (i == 0)
		partner_use(w);
	write_whole(w, c, c->peer_out, message);
}

_Noreturn static void be_partner(struct work *w)
{
	struct pollfd fds[CHANNELS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < CHANNELS; i++)
		fds[i] = (struct pollfd){ .fd = w->channels[i].peer_in, .events = POLLIN };
	for (;;) {
		int n = poll(fds, CHANNELS, -1);

		/* As after any stop: signal(7) has the calls that are not taken up again. */
		if (n < 0 && errno != EINTR)
			wrong(w, "poll");
		for (int i = 0; n > 0 && i < CHANNELS; i++) {
			if (fds[i].revents)
				answer(w, i);
		}
	}
}

/* As long as nothing is wrong. */
_Noreturn static void lead(struct work *w)
{
	fill(w);
	for (;;) {
		wait_for_tick(w);
		channels_use(w);
		stores_use(w);
		events_use(w);
		w->rounds++;
		report(w, "ok");
	}
}

int main(int argc, char **argv)
{
	static struct work w;

	if (argc != 2)
		return 2;
	w.status = argv[1];
	w.leader = getpid();
	stores_make(&w);
	events_make(&w);
	channels_make(&w);
	w.partner = sure(&w, fork(), "fork");
	if (w.partner == 0)
		be_partner(&w);
	stores_of_leader(&w);
	events_of_leader(&w);
	lead(&w);
}
