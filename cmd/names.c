/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int names_add(struct names *names, const char *name)
{
	if (names->n == names->room) {
		size_t room = names->room ? names->room * 2 : 32;
		char **bigger = reallocarray(names->items, room, sizeof(*bigger));

		if (!bigger)
			return -ENOMEM;
		names->items = bigger;
		names->room = room;
	}
	names->items[names->n] = strdup(name);
	return names->items[names->n] ? (names->n++, 0) : -ENOMEM;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void names_sort(struct names *names)
{
	if (names->n > 1)
		qsort(names->items, names->n, sizeof(*names->items), compare);
}

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
	*names = (struct names){ 0 };
}
