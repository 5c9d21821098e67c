/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "cmd/app.h"

/* Runs a command line, its words separated by blanks, and catches what it prints. */
#define WORDS_MAX 32

struct run {
	char *out;
	char *err;
	int status;
	char *line; /* the words */
	char *words[WORDS_MAX + 1];
	int n;
};

static inline void split_line(struct run *run, const char *line)
{
	char *rest = NULL;

	run->n = 0;
	run->line = strdup(line);
	assert_non_null(run->line);
	for (char *w = strtok_r(run->line, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
		assert_true(run->n < WORDS_MAX);
		run->words[run->n++] = w;
	}
	run->words[run->n] = NULL;
}

static inline struct run run_line(const char *line)
{
	struct run run = { 0 };
	size_t out_size, err_size;
	FILE *out = open_memstream(&run.out, &out_size);
	FILE *err = open_memstream(&run.err, &err_size);

	assert_non_null(out);
	assert_non_null(err);
	split_line(&run, line);
	run.status = app_main(run.n, run.words, out, err);
	fclose(out);
	fclose(err);
	return run;
}

static inline void run_free(struct run *run)
{
	free(run->out);
	free(run->err);
	free(run->line);
}
#define _cleanup_run_ __attribute__((cleanup(run_free)))
