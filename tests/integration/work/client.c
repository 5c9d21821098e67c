/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * A client that stays connected and asks a hundred or two hundred times a second; each request has a number, and its answer is
 * what belongs to it.
 *
 *   client http ADDRESS PORT STATUS    GET /?N, over connections that are kept until the server says that it closes one
 *   client redis ADDRESS PORT STATUS   INCR on one connection: the answers count from 1
 *   client echo STATUS COMMAND...      lines to a command that sends them back, such as ssh
 *
 * Writes to the file STATUS "ANSWERED GAP ok", where GAP is the longest time between two answers, in milliseconds, or what is
 * wrong, and ends then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define ANSWER	  8192
#define WAIT_MS	  600000 /* for an answer: longer than a host takes for a suspend and a resume, and TCP to try again after it */
#define REPORT_MS 50
#define IDLE_MS	  60000 /* after which a server may close a connection, and a client asks again on another one */

struct client {
	const char *status;
	const char *address, *port;
	char **command;
	int in, out;
	unsigned long long n; /* answered */
	int64_t last_ms, gap_ms, reported_ms;
	char answer[ANSWER + 1];
	size_t len;
	bool is_last; /* the server closes this connection */
	size_t body;  /* of the first answer: all are of the same page */
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void report(struct client *c, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s.new", c->status);
	file = fopen(path, "we");
	if (!file)
		exit(2);
	fprintf(file, "%llu %lld %s\n", c->n, (long long)c->gap_ms, text);
	fclose(file);
	rename(path, c->status);
	c->reported_ms = now_ms();
}

__attribute__((format(printf, 2, 3), noreturn)) static void wrong(struct client *c, const char *format, ...)
{
	char text[400];
	int error = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	for (char *p = text; *p; p++) {
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	}
	snprintf(text + strlen(text), sizeof(text) - strlen(text), " (%s)", strerror(error));
	report(c, text);
	exit(1);
}

static void connect_to(struct client *c)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(c->port)) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (inet_pton(AF_INET, c->address, &at.sin_addr) != 1)
		wrong(c, "no such address");
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0)
		wrong(c, "connect");
	c->in = c->out = fd;
	c->is_last = false;
}

static void connect_again(struct client *c)
{
	close(c->in);
	connect_to(c);
}

static void spawn(struct client *c)
{
	int there[2], back[2];
	pid_t pid;

	if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0)
		wrong(c, "pipe");
	pid = fork();
	if (pid < 0)
		wrong(c, "fork");
	if (pid == 0) {
		dup2(there[0], 0);
		dup2(back[1], 1);
		execvp(c->command[0], c->command);
		_exit(127);
	}
	close(there[0]);
	close(back[1]);
	c->out = there[1];
	c->in = back[0];
}

static void ask(struct client *c, const char *format)
{
	char text[256];
	ssize_t len;

	snprintf(text, sizeof(text), format, c->n + 1);
	len = (ssize_t)strlen(text);
	errno = 0;
	if (write(c->out, text, (size_t)len) != len)
		wrong(c, "request %llu was not sent", c->n + 1);
}

/* Some more of the answer; false if the connection has ended. */
static bool receive_some(struct client *c)
{
	struct pollfd ready = { .fd = c->in, .events = POLLIN };
	ssize_t n;

	errno = 0;
	if (poll(&ready, 1, WAIT_MS) != 1)
		wrong(c, "no answer to request %llu", c->n + 1);
	n = read(c->in, c->answer + c->len, ANSWER - c->len);
	if (n <= 0)
		return false;
	c->len += (size_t)n;
	c->answer[c->len] = '\0';
	return true;
}

static void receive(struct client *c)
{
	if (!receive_some(c))
		wrong(c, "the connection has ended instead of an answer to request %llu", c->n + 1);
}

/* One line, and nothing behind it. */
static void expect_line(struct client *c, const char *format)
{
	char want[256];

	snprintf(want, sizeof(want), format, c->n + 1);
	for (c->len = 0; c->len == 0 || c->answer[c->len - 1] != '\n';)
		receive(c);
	errno = 0;
	if (strcmp(c->answer, want) != 0)
		wrong(c, "answer '%.100s', expected '%.100s'", c->answer, want);
}

static const char *header(struct client *c, const char *name)
{
	for (const char *line = c->answer; (line = strstr(line, "\r\n")) && line[2] != '\r'; line += 2) {
		if (strncasecmp(line + 2, name, strlen(name)) == 0)
			return line + 2 + strlen(name);
	}
	return NULL;
}

static void expect_page(struct client *c)
{
	const char *end, *length, *connection;
	size_t body;

	while (!(end = strstr(c->answer, "\r\n\r\n")))
		receive(c);
	length = header(c, "Content-Length: ");
	errno = 0;
	if (strncmp(c->answer, "HTTP/1.1 200 ", 13) != 0 || !length)
		wrong(c, "answer '%.200s' to request %llu", c->answer, c->n + 1);
	body = strtoul(length, NULL, 10);
	if (c->body == 0)
		c->body = body;
	while (c->len < (size_t)(end + 4 - c->answer) + body && c->len < ANSWER)
		receive(c);
	errno = 0;
	if (body != c->body || c->len != (size_t)(end + 4 - c->answer) + body)
		wrong(c, "request %llu: %zu bytes, of the first %zu", c->n + 1, body, c->body);
	connection = header(c, "Connection: ");
	c->is_last = connection && strncasecmp(connection, "close", 5) == 0;
}

static void ask_page(struct client *c)
{
	static const char request[] = "GET /?%llu HTTP/1.1\r\nHost: guest\r\n\r\n";

	if (c->is_last)
		connect_again(c);
	ask(c, request);
	c->len = 0;
	c->answer[0] = '\0';
	if (!receive_some(c) && now_ms() - c->last_ms > IDLE_MS) {
		connect_again(c);
		ask(c, request);
	}
	expect_page(c);
}

static void ask_number(struct client *c)
{
	ask(c, "INCR asked\r\n");
	expect_line(c, ":%llu\r\n");
}

static void ask_line(struct client *c)
{
	ask(c, "line %llu\n");
	expect_line(c, "line %llu\n");
}

static void answered(struct client *c)
{
	int64_t now = now_ms();

	if (c->n++ > 0 && now - c->last_ms > c->gap_ms)
		c->gap_ms = now - c->last_ms;
	c->last_ms = now;
	if (c->n == 1 || now - c->reported_ms >= REPORT_MS)
		report(c, "ok");
}

static int repeat(struct client *c, void (*one)(struct client *), int every_ms)
{
	const struct timespec every = { .tv_nsec = every_ms * 1000000L };
	const struct itimerspec tick = { every, every };
	int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t ticks;

	timerfd_settime(timer, 0, &tick, NULL);
	for (;;) {
		one(c);
		answered(c);
		if (read(timer, &ticks, sizeof(ticks)) < 0)
			return 1;
	}
}

int main(int argc, char **argv)
{
	struct client c = { .status = argc > 4 ? argv[4] : argv[2] };

	signal(SIGPIPE, SIG_IGN);
	if (argc >= 4 && strcmp(argv[1], "echo") == 0) {
		c.status = argv[2];
		c.command = argv + 3;
		spawn(&c);
		return repeat(&c, ask_line, 10);
	}
	if (argc != 5)
		return 2;
	c.address = argv[2];
	c.port = argv[3];
	connect_to(&c);
	return strcmp(argv[1], "http") == 0 ? repeat(&c, ask_page, 10) : repeat(&c, ask_number, 5);
}
