/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * What makes a guest large, and says so when anything of it is not as it was.
 *
 *   load memory MIB STATUS   keeps changing so much memory, 50 MB a second, and looks at each page before it changes it; at
 *                            SIGUSR2 at all of them
 *   load crowd N STATUS      so many processes, whose hearts beat twice a second, each for itself
 *
 * Writes to the file STATUS "PID N LOOKS ok", where N is how many pages were changed, or how often the one beat that has beaten
 * least, or what is wrong in place of "ok", and ends then.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE	4096
#define WORDS	(PAGE / sizeof(uint64_t))
#define TICK_MS 20
#define AT_ONCE 256 /* pages in a tick */
#define BEAT_MS 500

struct load {
	const char *status;
	size_t n;
	unsigned long long done, looks;
};

static void report(const struct load *l, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s.new", l->status);
	file = fopen(path, "we");
	if (!file)
		exit(2);
	fprintf(file, "%d %llu %llu %s\n", (int)getpid(), l->done, l->looks, text);
	fclose(file);
	rename(path, l->status);
}

_Noreturn static void wrong(const struct load *l, const char *what, unsigned long long which)
{
	char text[128];

	snprintf(text, sizeof(text), "%s %llu (%s)", what, which, strerror(errno));
	report(l, text);
	exit(1);
}

static int timer_of(const struct load *l, int every_ms)
{
	const struct timespec every = { .tv_nsec = every_ms * 1000000L };
	const struct itimerspec tick = { every, every };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	if (fd < 0 || timerfd_settime(fd, 0, &tick, NULL) < 0)
		wrong(l, "timer", 0);
	return fd;
}

static void wait_for(const struct load *l, int timer)
{
	uint64_t ticks;

	if (read(timer, &ticks, sizeof(ticks)) != sizeof(ticks))
		wrong(l, "timer", 1);
}

/* What no two pages have in common, nor one page at two times. */
static uint64_t seed(uint64_t page, uint64_t generation)
{
	uint64_t x = (page << 32 | generation) * 0x9e3779b97f4a7c15U;

	return (x ^ x >> 29) * 0xbf58476d1ce4e5b9U;
}

static void page_write(uint64_t *words, uint64_t page, uint64_t generation)
{
	uint64_t s = seed(page, generation);

	for (size_t i = 0; i < WORDS; i++)
		words[i] = s + i;
}

static void page_look(const struct load *l, const uint64_t *words, uint64_t page, uint64_t generation)
{
	uint64_t s = seed(page, generation);

	errno = 0;
	for (size_t i = 0; i < WORDS; i++) {
		if (words[i] != s + i)
			wrong(l, "memory: not as it was: page", page);
	}
}

static bool is_asked(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == sizeof(info);
}

static int memory(struct load *l)
{
	const size_t n = l->n;
	uint64_t *words = mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t *generations = calloc(n, sizeof(*generations));
	sigset_t set;
	int timer = timer_of(l, TICK_MS), signals;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK);
	if (words == MAP_FAILED || !generations || signals < 0)
		wrong(l, "memory: none", n);
	for (size_t page = 0; page < n; page++)
		page_write(words + page * WORDS, page, 0);
	for (size_t page = 0;; wait_for(l, timer)) {
		for (int i = 0; i < AT_ONCE; i++, page = (page + 1) % n, l->done++) {
			page_look(l, words + page * WORDS, page, generations[page]);
			page_write(words + page * WORDS, page, ++generations[page]);
		}
		if (is_asked(signals)) {
			for (size_t p = 0; p < n; p++)
				page_look(l, words + p * WORDS, p, generations[p]);
			l->looks++;
		}
		report(l, "ok");
	}
}

_Noreturn static void beat(const struct load *l, volatile uint64_t *count)
{
	int timer = timer_of(l, BEAT_MS);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;; wait_for(l, timer))
		++*count;
}

static int crowd(struct load *l)
{
	const size_t n = l->n;
	volatile uint64_t *counts = mmap(NULL, n * sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int timer;

	if (counts == MAP_FAILED)
		wrong(l, "crowd: no memory for", n);
	for (size_t i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid < 0)
			wrong(l, "crowd: no process", i);
		if (pid == 0)
			beat(l, &counts[i]);
	}
	for (timer = timer_of(l, BEAT_MS);; wait_for(l, timer)) {
		errno = 0;
		if (waitpid(-1, NULL, WNOHANG) != 0)
			wrong(l, "crowd: one has ended, of", n);
		l->done = counts[0];
		for (size_t i = 1; i < n; i++)
			l->done = counts[i] < l->done ? counts[i] : l->done;
		report(l, "ok");
	}
}

int main(int argc, char **argv)
{
	struct load l = { .status = argc == 4 ? argv[3] : NULL };

	if (!l.status)
		return 2;
	l.n = strtoul(argv[2], NULL, 10);
	if (strcmp(argv[1], "crowd") == 0)
		return crowd(&l);
	l.n = (l.n << 20) / PAGE;
	return memory(&l);
}
