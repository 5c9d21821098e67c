/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/suggest.h"

#include <stdint.h>
#include <string.h>

#include "base/cleanup.h"
#include "cmd/command.h"

/* Longer words are no typing errors of ours. */
#define WORD_MAX 31

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How many letters were left out, added, replaced, or swapped with their neighbour ("optimal string alignment"). */
static size_t edit_distance(const char *a, const char *b)
{
	size_t d[WORD_MAX + 1][WORD_MAX + 1];
	size_t na = strlen(a), nb = strlen(b);

	for (size_t i = 0; i <= na; i++) {
		for (size_t j = 0; j <= nb; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1);
			d[i][j] = least(d[i][j], d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[na][nb];
}

void suggestion_offer(struct suggestion *s, const char *candidate)
{
	size_t n_typed = strlen(s->typed), n = strlen(candidate);

	if (n_typed == 0 || n_typed > WORD_MAX || n > WORD_MAX)
		return;

	/* An abbreviation is nearer than anything but the word itself. */
	size_t distance = strncmp(s->typed, candidate, n_typed) == 0 ? 1 : edit_distance(s->typed, candidate);

	/* One error in three letters is still the same word. */
	if (distance > (n + 2) / 3 || (s->best && distance >= s->distance))
		return;
	s->best = candidate;
	s->distance = distance;
}

/* What other programs of this kind call it. */
static const struct {
	const char *theirs;
	const char *ours;
} synonyms[] = {
	{ "attach", "console" },
	{ "build", "template build" },
	{ "config", "show" },
	{ "delete", "destroy" },
	{ "images", "template list" },
	{ "import", "template import" },
	{ "info", "show" },
	{ "login", "enter" },
	{ "ls", "list" },
	{ "ps", "list" },
	{ "reboot", "restart" },
	{ "remove", "destroy" },
	{ "rm", "destroy" },
	{ "shell", "enter" },
	{ "shutdown", "stop" },
	{ "templates", "template list" },
};

const char *suggest_command(const char *group, const char *typed)
{
	struct suggestion s = SUGGESTION_FOR(typed);
	const struct command *c;

	for (size_t i = 0; !group && i < ARRAY_SIZE(synonyms); i++) {
		if (strcmp(typed, synonyms[i].theirs) == 0)
			return synonyms[i].ours;
	}
	for (size_t i = 0; (c = command_at(i)); i++) {
		if (c->section == SECTION_HIDDEN)
			continue;

		size_t len;
		const char *word = command_next_word(c, group, &len);

		/* Of the words of a longer path, each group's own commands give the whole one. */
		if (word && !word[len])
			suggestion_offer(&s, word);
	}
	return s.best;
}
