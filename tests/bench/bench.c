/* SPDX-License-Identifier: GPL-2.0-or-later */

/* bench PLAN: measures the tables of a plan (bench.h) and prints them. Ends with 1 if a row failed. */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

struct plan {
	struct bench_table table;
	int failures;
};

static void copy(char to[BENCH_TEXT_MAX], const char *from)
{
	snprintf(to, BENCH_TEXT_MAX, "%s", from);
}

static int set_command(struct bench_command *c, const char *line)
{
	int n = 0;
	char *rest = NULL;

	free(c->line);
	c->line = strdup(line);
	if (!c->line)
		return -ENOMEM;
	for (char *word = strtok_r(c->line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n == BENCH_ARGS_MAX - 1)
			return -E2BIG;
		c->argv[n++] = word;
	}
	c->argv[n] = NULL;
	return n > 0 ? 0 : -EINVAL;
}

/* Measures and prints the table that was read so far and empties it. */
static void finish_table(struct plan *p)
{
	struct bench_table *t = &p->table;

	if (t->n_cases > 0) {
		fprintf(stderr, "bench: %s: %d rounds\n", t->title, t->runs);
		bench_measure(t);
		p->failures += bench_print(t);
	}
	for (int i = 0; i < t->n_cases; i++) {
		free(t->cases[i].before.line);
		free(t->cases[i].timed.line);
		free(t->cases[i].after.line);
	}
	memset(t, 0, sizeof(*t));
	t->runs = 30;
}

static int add_case(struct bench_table *t, const char *label, const char *failure)
{
	if (t->n_cases == BENCH_CASES_MAX)
		return -E2BIG;

	struct bench_case *c = &t->cases[t->n_cases++];

	copy(c->label, label);
	copy(c->failure, failure);
	return 0;
}

static int add_missing(struct bench_table *t, char *text)
{
	char *reason = strstr(text, ": ");

	if (!reason)
		return -EINVAL;
	*reason = '\0';
	return add_case(t, text, reason + 2);
}

static int add_target(struct bench_table *t, const char *text)
{
	char *end;

	if (t->n_targets == ARRAY_SIZE(t->targets))
		return -E2BIG;

	struct bench_target *target = &t->targets[t->n_targets++];

	target->factor = strtod(text, &end);
	if (*end != ' ')
		return -EINVAL;
	copy(target->of, end + 1);
	return 0;
}

static int case_line(struct bench_case *c, const char *word, const char *text)
{
	if (strcmp(word, "before") == 0)
		return set_command(&c->before, text);
	if (strcmp(word, "after") == 0)
		return set_command(&c->after, text);
	c->is_self = strcmp(word, "self") == 0;
	return c->is_self || strcmp(word, "time") == 0 ? set_command(&c->timed, text) : -EINVAL;
}

static int table_line(struct plan *p, const char *word, char *text)
{
	struct bench_table *t = &p->table;

	if (strcmp(word, "title") == 0) {
		finish_table(p);
		copy(t->title, text);
	} else if (strcmp(word, "runs") == 0) {
		t->runs = atoi(text);
		return t->runs > 0 && t->runs <= BENCH_RUNS_MAX ? 0 : -ERANGE;
	} else if (strcmp(word, "subject") == 0) {
		copy(t->subject, text);
	} else if (strcmp(word, "case") == 0) {
		return add_case(t, text, "");
	} else if (strcmp(word, "missing") == 0) {
		return add_missing(t, text);
	} else if (strcmp(word, "expect") == 0) {
		return add_target(t, text);
	} else {
		return t->n_cases > 0 ? case_line(&t->cases[t->n_cases - 1], word, text) : -EINVAL;
	}
	return 0;
}

static int read_plan(FILE *f, struct plan *p)
{
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	for (int n = 1; getline(&line, &room, f) >= 0; n++) {
		line[strcspn(line, "\n")] = '\0';
		if (!*line || *line == '#')
			continue;

		char *text = line + strcspn(line, " ");

		if (*text)
			*text++ = '\0';

		int r = table_line(p, line, text);

		if (r < 0) {
			fprintf(stderr, "bench: plan line %d: '%s %s': %s\n", n, line, text, strerror(-r));
			return r;
		}
	}
	finish_table(p);
	return 0;
}

int main(int argc, char **argv)
{
	_cleanup_file_ FILE *f = argc == 2 ? fopen(argv[1], "re") : NULL;
	_cleanup_free_ struct plan *p = calloc(1, sizeof(*p));

	if (!f || !p) {
		fprintf(stderr, "usage: bench PLAN (a file, described in tests/bench/bench.h)\n");
		return 2;
	}
	return read_plan(f, p) < 0 || p->failures > 0 ? 1 : 0;
}
