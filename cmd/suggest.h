/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

/* What was probably meant. */

/* Collects candidates: the nearest so far, of those that are near at all. */
struct suggestion {
	const char *typed;
	const char *best; /* NULL: none is near */
	size_t distance;
};

#define SUGGESTION_FOR(word) ((struct suggestion){ .typed = (word) })
void suggestion_offer(struct suggestion *s, const char *candidate);

/*
 * The nearest verb, group, or command that other programs call so ("rm": "destroy"); NULL if none is near. `group` may be NULL.
 */
const char *suggest_command(const char *group, const char *typed);
