/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define OUTPUT_MAX 4095

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Runs a command with its output going to `out`, a memory file; the wall time from before the spawn to its end. */
static int run(char *const argv[], int out, double *ret_ms)
{
	posix_spawn_file_actions_t actions;
	siginfo_t end;
	pid_t pid;

	if (ftruncate(out, 0) < 0 || lseek(out, 0, SEEK_SET) < 0)
		return -errno;
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -ENOMEM;
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, out, 1);
	posix_spawn_file_actions_adddup2(&actions, out, 2);

	double start = now_ms();
	int r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);

	posix_spawn_file_actions_destroy(&actions);
	if (r != 0)
		return -r;
	if (waitid(P_PID, (id_t)pid, &end, WEXITED) < 0)
		return -errno;
	*ret_ms = now_ms() - start;
	return end.si_code == CLD_EXITED ? end.si_status : 128 + end.si_status;
}

static void read_output(int out, char text[OUTPUT_MAX + 1])
{
	ssize_t n = pread(out, text, OUTPUT_MAX, 0);

	text[n > 0 ? n : 0] = '\0';
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = '\0';
}

/* Runs one command of a case; a failure is noted in the case, with the last line that the command printed. */
static bool step(struct bench_case *c, const char *what, const struct bench_command *command, int out, double *ret_ms)
{
	char text[OUTPUT_MAX + 1];

	if (!command->line)
		return true;

	int r = run(command->argv, out, ret_ms);

	if (r == 0)
		return true;
	read_output(out, text);

	const char *last = strrchr(text, '\n');

	snprintf(c->failure, sizeof(c->failure), "%s failed (%s %d): %.100s", what, r < 0 ? strerror(-r) : "status", r,
		 last ? last + 1 : text);
	return false;
}

static void run_case(struct bench_case *c, int out, bool count)
{
	double ms = 0, other;
	char text[OUTPUT_MAX + 1];

	if (!step(c, "preparing", &c->before, out, &other))
		return;

	bool ok = step(c, "run", &c->timed, out, &ms);

	if (ok && c->is_self) {
		read_output(out, text);
		ms = strtod(text, NULL) / 1e3;
	}
	if (!step(c, "cleaning up", &c->after, out, &other) || !ok || !count)
		return;
	c->ms[c->n++] = ms;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_measure(struct bench_table *t)
{
	_cleanup_fd_ int out = memfd_create("output", MFD_CLOEXEC);

	for (int round = 0; round <= t->runs; round++) {
		for (int i = 0; i < t->n_cases; i++) {
			if (!t->cases[i].failure[0])
				run_case(&t->cases[i], out, round > 0);
		}
	}
	for (int i = 0; i < t->n_cases; i++)
		qsort(t->cases[i].ms, (size_t)t->cases[i].n, sizeof(double), compare);
}

double bench_percentile(const struct bench_case *c, int percent)
{
	return c->n > 0 ? c->ms[(c->n - 1) * percent / 100] : 0;
}
