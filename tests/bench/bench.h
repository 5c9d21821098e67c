/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * A table of commands to be compared: read from a plan, measured in turns, printed as Markdown. Arguments in a plan are separated
 * by blanks; there is no quoting.
 *
 *   title TEXT                      begins a table; it is measured and printed when the next one begins, or at the end
 *   runs N                          measured rounds of this table (one more goes before, unmeasured)
 *   subject LABEL                   the case that the others are compared with
 *   case LABEL                      a row; the first one is the floor
 *   before COMMAND / after COMMAND  around each run, not timed; `after` runs even if the run failed
 *   time COMMAND                    timed from spawn to exit; must succeed
 *   self COMMAND                    the time is what the command prints, in microseconds
 *   missing LABEL: REASON           a row that could not be measured
 *   expect N ms | expect N LABEL    a target for the subject: N milliseconds, or N times a case's median
 */
#define BENCH_CASES_MAX 16
#define BENCH_ARGS_MAX	48
#define BENCH_RUNS_MAX	1000
#define BENCH_TEXT_MAX	160

struct bench_command {
	char *line; /* owned; argv points into it */
	char *argv[BENCH_ARGS_MAX];
};

struct bench_case {
	char label[BENCH_TEXT_MAX];
	char failure[BENCH_TEXT_MAX]; /* why there is no number; empty if there is one */
	struct bench_command before, timed, after;
	bool is_self;
	int n;
	double ms[BENCH_RUNS_MAX]; /* sorted by bench_measure() */
};

struct bench_target {
	double factor;
	char of[BENCH_TEXT_MAX]; /* "ms" or a label */
};

struct bench_table {
	char title[BENCH_TEXT_MAX];
	char subject[BENCH_TEXT_MAX];
	int runs;
	int n_cases, n_targets;
	struct bench_case cases[BENCH_CASES_MAX];
	struct bench_target targets[4];
};

/* Runs all cases in turns, A B C A B C. A case that fails once is not run again; its `failure` says how. */
void bench_measure(struct bench_table *t);

/* Prints the table and whether its targets are met. Returns the number of rows that failed. */
int bench_print(const struct bench_table *t);

double bench_percentile(const struct bench_case *c, int percent);
