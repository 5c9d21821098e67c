/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>

static const struct bench_case *find(const struct bench_table *t, const char *label)
{
	for (int i = 0; i < t->n_cases; i++) {
		const struct bench_case *c = &t->cases[i];

		if (strcmp(c->label, label) == 0 && !c->failure[0] && c->n > 0)
			return c;
	}
	return NULL;
}

/* How many times `c` takes the time of `of`; "-" where one of them has no number. */
static void print_ratio(const struct bench_case *c, const struct bench_case *of)
{
	if (of && !of->failure[0] && bench_percentile(of, 50) > 0)
		printf(" %.2f |", bench_percentile(c, 50) / bench_percentile(of, 50));
	else
		printf(" - |");
}

static void print_row(const struct bench_table *t, const struct bench_case *c)
{
	if (c->failure[0]) {
		printf("| %s | %s | | | | |\n", c->label, c->failure);
		return;
	}
	printf("| %s | %.2f | %.2f | %.2f |", c->label, bench_percentile(c, 50), bench_percentile(c, 10),
	       bench_percentile(c, 90));
	print_ratio(c, &t->cases[0]);
	print_ratio(c, find(t, t->subject));
	printf("\n");
}

static void print_target(const struct bench_table *t, const struct bench_target *target)
{
	const struct bench_case *subject = find(t, t->subject);
	const struct bench_case *of = find(t, target->of);
	bool absolute = strcmp(target->of, "ms") == 0;

	printf("- Target: %s at most %g %s%s: ", t->subject, target->factor, absolute ? "" : "times ", target->of);
	if (!subject || (!absolute && !of)) {
		printf("not measured\n");
		return;
	}

	double limit = target->factor * (absolute ? 1 : bench_percentile(of, 50));
	double ms = bench_percentile(subject, 50);

	printf("%.2f ms of %.2f ms, %s", ms, limit, ms <= limit ? "met" : "missed");
	if (ms > limit)
		printf(" by %.0f %%", (ms / limit - 1) * 100);
	printf("\n");
}

int bench_print(const struct bench_table *t)
{
	int failed = 0;

	printf("\n### %s\n\nMilliseconds, %d runs in turns.\n\n", t->title, t->runs);
	printf("| | median | p10 | p90 | ratio to %s | ratio to %s |\n|---|---|---|---|---|---|\n", t->cases[0].label,
	       t->subject[0] ? t->subject : "-");
	for (int i = 0; i < t->n_cases; i++) {
		print_row(t, &t->cases[i]);
		failed += t->cases[i].failure[0] != '\0';
	}
	if (t->n_targets > 0)
		printf("\n");
	for (int i = 0; i < t->n_targets; i++)
		print_target(t, &t->targets[i]);
	fflush(stdout);
	return failed;
}
