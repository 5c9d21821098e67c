/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

/* Lists of things that are written as text: what interface_lists.c needs to know about a kind of entry. */
struct list_kind {
	const char *separators; /* of entries; white space around one does not count */
	size_t size;		/* of an entry as data */
	int (*parse)(const char *what, const char *text, void *ret, struct err *err);
	void (*format)(const void *entry, struct strbuf *b);
};

extern const struct list_kind publish_list, rules_list; /* interface_rules.c */
