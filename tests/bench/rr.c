/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * rr server PORT: sends every UDP datagram back, until it is ended.
 * rr client ADDRESS PORT COUNT: so many round trips of 64 bytes, one after the other; prints the median in nanoseconds.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#define DATAGRAM 64

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static int serve(int sock)
{
	char bytes[DATAGRAM];
	struct sockaddr_in from;

	for (;;) {
		socklen_t len = sizeof(from);
		ssize_t n = recvfrom(sock, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &len);

		if (n < 0 || sendto(sock, bytes, (size_t)n, 0, (struct sockaddr *)&from, len) != n)
			return fail("rr server");
	}
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int ask(int sock, const struct sockaddr_in *to, size_t count)
{
	const struct timeval limit = { .tv_sec = 2 };
	uint64_t *ns = calloc(count, sizeof(*ns));
	char bytes[DATAGRAM] = "";

	if (!ns || setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    connect(sock, (const struct sockaddr *)to, sizeof(*to)) < 0)
		return fail("rr client");
	for (size_t i = 0; i < count; i++) {
		uint64_t begin = now_ns();

		if (send(sock, bytes, sizeof(bytes), 0) != sizeof(bytes) || recv(sock, bytes, sizeof(bytes), 0) < 0)
			return fail("rr client");
		ns[i] = now_ns() - begin;
	}
	qsort(ns, count, sizeof(*ns), compare);
	printf("%llu\n", (unsigned long long)ns[count / 2]);
	free(ns);
	return 0;
}

int main(int argc, char **argv)
{
	int is_server = argc == 3 && strcmp(argv[1], "server") == 0;
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in at = { .sin_family = AF_INET };

	if (!is_server && (argc != 5 || strcmp(argv[1], "client") != 0)) {
		fprintf(stderr, "usage: rr server PORT | rr client ADDRESS PORT COUNT\n");
		return 2;
	}
	at.sin_port = htons((uint16_t)atoi(argv[is_server ? 2 : 3]));
	if (!is_server && inet_pton(AF_INET, argv[2], &at.sin_addr) != 1)
		return fail("address");
	if (is_server && bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		return fail("bind");
	return is_server ? serve(sock) : ask(sock, &at, (size_t)atol(argv[4]));
}
