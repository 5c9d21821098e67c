/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define MESSAGE	 32
#define DEPTH	 16 /* messages in a channel at any moment */
#define CHANNELS 9
#define TICK_MS	 20

struct channel {
	const char *name;
	uint64_t depth;
	int out, in;	       /* the leader's */
	int peer_in, peer_out; /* the partner's */
};

/* In memory that both have. Each adds one per round, under the semaphore. */
struct shared {
	sem_t semaphore;
	uint64_t count;
};

struct work {
	const char *status;
	pid_t leader, partner;
	uint64_t rounds, looks;
	struct channel channels[CHANNELS]; /* the first is in lockstep */

	uint64_t *memory;
	uint64_t *generations; /* of each page of it */
	struct shared *posix;
	uint64_t *sysv;
	int sysv_semaphores;
	int locked, owned; /* with flock, with fcntl */
	int deleted;	   /* a file that has no name any more */
	uint64_t *mapped;  /* a file */
	int mapped_fd;
	int passing[2]; /* a descriptor is on its way in it at any moment */
	int inotify;

	int epoll, timer, events, signals;
	uint64_t begun_ns, ticks, away_ns; /* of CLOCK_MONOTONIC */
	uint64_t clocks[2];
	uint64_t alarms, alarms_seen;
	timer_t alarm;
};

/* main.c */
void report(const struct work *w, const char *text);
_Noreturn void wrong(const struct work *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sure(const struct work *w, int r, const char *what);

/* stores.c, events.c: before the fork; after it; in each round of the partner, which comes first, and of the leader. */
void stores_make(struct work *w);
void stores_of_leader(struct work *w);
void stores_of_partner(const struct work *w);
void stores_use(struct work *w);
void look_at_all(struct work *w);

void events_make(struct work *w);
void events_of_leader(struct work *w);
void events_of_partner(const struct work *w);
void wait_for_tick(struct work *w);
void events_use(struct work *w);
