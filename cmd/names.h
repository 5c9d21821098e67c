/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* A list of names that is collected first and shown in order. */
struct names {
	char **items;
	size_t n;
	size_t room;
};

/* Keeps a copy. 0 or -ENOMEM. */
int names_add(struct names *names, const char *name) _must_check_;
void names_sort(struct names *names);
void names_free(struct names *names);
#define _cleanup_names_ __attribute__((cleanup(names_free)))
