/* SPDX-License-Identifier: GPL-2.0-or-later */

/* What a program waits for, or what happens to it: ticks, signals, events, descriptors that are sent to it; and its clocks. */
#include "work.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define EVENTS	 3	  /* what the partner adds to the eventfd in each round */
#define AWAY_NS	 60000000 /* between two rounds: three ticks */
#define NS_OF_MS 1000000
#define WATCHED	 "/root/work.d"

static void pass(const struct work *w, uint64_t n)
{
	char room[CMSG_SPACE(sizeof(int))] = "", byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int fds[2];

	sure(w, pipe2(fds, O_CLOEXEC), "pipe");
	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &fds[0], sizeof(int));
	if (write(fds[1], &n, sizeof(n)) != sizeof(n) || sendmsg(w->passing[0], &m, 0) != 1)
		wrong(w, "descriptors: not passed");
	close(fds[0]);
	close(fds[1]);
}

static void pass_receive(const struct work *w, uint64_t n)
{
	char room[CMSG_SPACE(sizeof(int))] = "", byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof(room) };
	uint64_t got = 0;
	int fd;

	errno = 0;
	if (recvmsg(w->passing[1], &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
		wrong(w, "descriptors: none came");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(int));
	if (read(fd, &got, sizeof(got)) != sizeof(got) || got != n)
		wrong(w, "descriptors: the pipe that was on its way has %d, expected %d", (int)got, (int)n);
	close(fd);
}

static void watch_make(struct work *w)
{
	if (mkdir(WATCHED, 0700) < 0 && errno != EEXIST)
		wrong(w, WATCHED);
	w->inotify = sure(w, inotify_init1(IN_NONBLOCK), "inotify");
	sure(w, inotify_add_watch(w->inotify, WATCHED, IN_CREATE | IN_DELETE), "inotify");
	/* And one on a tmpfs. */
	sure(w, inotify_add_watch(w->inotify, "/dev/shm", IN_CREATE | IN_DELETE), "inotify");
	/* And a folder of the template, which nobody opens. */
	sure(w, inotify_add_watch(w->inotify, "/var/log", IN_DELETE_SELF), "inotify");
}

static void touch_and_remove(const struct work *w, const char *path)
{
	close(sure(w, open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), path));
	sure(w, unlink(path), path);
}

static bool sees_all(struct work *w, uint32_t *n, uint32_t *masks)
{
	char room[1024] __attribute__((aligned(8)));
	ssize_t len;

	*n = *masks = 0;
	touch_and_remove(w, WATCHED "/f");
	touch_and_remove(w, "/dev/shm/work.f");
	len = read(w->inotify, room, sizeof(room));
	for (ssize_t at = 0; at < len; (*n)++) {
		struct inotify_event *event = (struct inotify_event *)(room + at);

		*masks |= event->mask;
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	return *n == 4 && *masks == (IN_CREATE | IN_DELETE);
}

/* CRIU keeps the watches and drops what they have seen and nobody has read: once, if it came in between. */
static void watch_use(struct work *w)
{
	uint32_t n, masks;

	errno = 0;
	if (sees_all(w, &n, &masks))
		return;
	if (!sees_all(w, &n, &masks))
		wrong(w, "inotify: %u events, %x, of 4", n, masks);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000 * NS_OF_MS + (uint64_t)now.tv_nsec;
}

static void clocks_use(struct work *w)
{
	const clockid_t which[] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };
	uint64_t expected;

	errno = 0;
	for (int i = 0; i < 2; i++) {
		uint64_t now = now_ns(which[i]);

		if (now < w->clocks[i])
			wrong(w, "clock %d went back", (int)which[i]);
		if (i == 0 && w->clocks[0] && now - w->clocks[0] > AWAY_NS)
			w->away_ns += now - w->clocks[0];
		w->clocks[i] = now;
	}
	expected = (w->clocks[0] - w->begun_ns) / (TICK_MS * NS_OF_MS);
	if (w->ticks > expected + 2)
		wrong(w, "timer: %d ticks in the time of %d", (int)w->ticks, (int)expected);
	if (w->ticks + w->away_ns / (TICK_MS * NS_OF_MS) + 50 < expected)
		wrong(w, "timer: %d ticks in the time of %d, %d ms away", (int)w->ticks, (int)expected,
		      (int)(w->away_ns / NS_OF_MS));
}

static void add_to_epoll(const struct work *w, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	sure(w, epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &event), "epoll");
}

/* How many were the partner's. */
static int signals_read(struct work *w)
{
	struct signalfd_siginfo info;
	int of_partner = 0;

	while (read(w->signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGUSR2)
			look_at_all(w);
		w->alarms += info.ssi_signo == (uint32_t)SIGRTMIN;
		of_partner += info.ssi_signo == SIGUSR1 && info.ssi_pid == (uint32_t)w->partner;
	}
	return of_partner;
}

/* What comes between two rounds is the tick, and signals that are not the partner's. */
void wait_for_tick(struct work *w)
{
	struct epoll_event event = { .data.fd = -1 };
	uint64_t ticks;

	while (event.data.fd != w->timer) {
		if (epoll_wait(w->epoll, &event, 1, -1) < 0) {
			if (errno != EINTR)
				wrong(w, "epoll");
			continue;
		}
		if (event.data.fd == w->events || (event.data.fd == w->signals && signals_read(w) > 0))
			wrong(w, "epoll: descriptor %d is ready between two rounds", event.data.fd);
	}
	if (read(w->timer, &ticks, sizeof(ticks)) != sizeof(ticks))
		wrong(w, "timerfd");
	w->ticks += ticks;
}

static bool epoll_sees(const struct work *w, int fd)
{
	struct epoll_event events[3];
	int n = epoll_wait(w->epoll, events, 3, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == fd)
			return true;
	}
	return false;
}

/* The partner has sent a signal and added to the eventfd before it answered. */
static void signals_use(struct work *w)
{
	uint64_t events = 0;
	int of_partner;

	if (!epoll_sees(w, w->events))
		wrong(w, "epoll: it does not see the eventfd");
	of_partner = signals_read(w);
	errno = 0;
	if (of_partner != 1)
		wrong(w, "signalfd: %d signals of the partner", of_partner);
	if (read(w->events, &events, sizeof(events)) != sizeof(events) || events != EVENTS)
		wrong(w, "eventfd: %d", (int)events);
	if (w->rounds % 100 == 99) {
		if (w->alarms == w->alarms_seen)
			wrong(w, "the timer of timer_create() has stopped");
		w->alarms_seen = w->alarms;
	}
}

void events_of_partner(const struct work *w)
{
	const uint64_t events = EVENTS;

	if (write(w->events, &events, sizeof(events)) != sizeof(events))
		wrong(w, "eventfd");
	sure(w, kill(w->leader, SIGUSR1), "kill");
}

void events_make(struct work *w)
{
	sigset_t mask;

	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sigaddset(&mask, SIGUSR2);
	sigaddset(&mask, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &mask, NULL);
	w->signals = sure(w, signalfd(-1, &mask, SFD_NONBLOCK), "signalfd");
	w->events = sure(w, eventfd(0, EFD_NONBLOCK), "eventfd");
	watch_make(w);
	sure(w, socketpair(AF_UNIX, SOCK_STREAM, 0, w->passing), "socketpair");
}

void events_of_leader(struct work *w)
{
	const struct itimerspec tick = { { 0, TICK_MS * NS_OF_MS }, { 0, TICK_MS * NS_OF_MS } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN };

	pass(w, 0);
	w->timer = sure(w, timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
	w->epoll = sure(w, epoll_create1(EPOLL_CLOEXEC), "epoll");
	add_to_epoll(w, w->timer);
	add_to_epoll(w, w->events);
	add_to_epoll(w, w->signals);
	sure(w, timer_create(CLOCK_MONOTONIC, &event, &w->alarm), "timer_create");
	sure(w, timer_settime(w->alarm, 0, &tick, NULL), "timer_settime");
	w->begun_ns = now_ns(CLOCK_MONOTONIC);
	sure(w, timerfd_settime(w->timer, 0, &tick, NULL), "timerfd");
}

void events_use(struct work *w)
{
	signals_use(w);
	pass(w, w->rounds + 1);
	pass_receive(w, w->rounds);
	watch_use(w);
	clocks_use(w);
}
