/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/inside_priv.h"

/* /etc/network/interfaces (interfaces(5)), read by Debian's ifupdown, ifupdown-ng and busybox: what the customer wrote there. */

#define MAIN_DIR  "etc/network"
#define MAIN_FILE "interfaces"

#define BLANKS " \t"

/* The next line's first words, behind blanks; returns the line after it, NULL at the end. `text` is cut. */
static char *next_line(char *text, const char *words[2])
{
	char *end = strchr(text, '\n'), *rest = NULL;

	if (end)
		*end = '\0';
	words[0] = strtok_r(text, BLANKS, &rest);
	words[1] = words[0] ? strtok_r(NULL, BLANKS, &rest) : NULL;
	return end ? end + 1 : NULL;
}

/* Is there a line that begins with the words `first` (all that begin so) and `second`, which may be a part? */
static bool has_words(const char *text, const char *first, const char *second, bool is_part)
{
	_cleanup_free_ char *copy = strdup(text);
	const char *words[2];

	for (char *line = copy; line && *line;) {
		line = next_line(line, words);
		if (!words[1] || !(is_part ? str_has_prefix(words[0], first) : strcmp(words[0], first) == 0))
			continue;
		if (is_part ? strstr(words[1], second) != NULL : strcmp(words[1], second) == 0)
			return true;
	}
	return false;
}

struct search {
	const char *interface;
	bool found;
};

static bool look_for(void *context, int dir_fd, const char *name)
{
	struct search *s = context;
	_cleanup_free_ char *text = NULL;

	if (inside_read(dir_fd, name, INSIDE_TEXT_MAX, &text, NULL) >= 0 && !str_has_prefix(text, INSIDE_NOTICE))
		s->found = has_words(text, "iface", s->interface, false);
	return !s->found;
}

/* Of an interface that the customer has configured himself, ours would be in the way. */
static void remove_ours(int root_fd, const char *interface)
{
	_cleanup_free_ char *name = str_printf(INSIDE_IFUPDOWN_PREFIX "%s", interface);
	_cleanup_fd_ int dir_fd = inside_open_dir(root_fd, INSIDE_IFUPDOWN_DIR, false);

	if (name && dir_fd >= 0 && inside_is_ours(dir_fd, name))
		(void)!unlinkat(dir_fd, name, 0);
}

bool inside_prepare_ifupdown(int root_fd, const char *interface)
{
	_cleanup_fd_ int dir_fd = inside_open_dir(root_fd, MAIN_DIR, false);
	struct search search = { .interface = interface };
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n = dir_fd < 0 ? dir_fd : inside_read(dir_fd, MAIN_FILE, INSIDE_TEXT_MAX, &text, &st);

	if (n < 0 && n != -ENOENT)
		return false;
	search.found = text && has_words(text, "iface", interface, false);
	if (!search.found)
		inside_each_file(root_fd, INSIDE_IFUPDOWN_DIR, look_for, &search);
	if (search.found) {
		remove_ours(root_fd, interface);
		return false;
	}
	if (text && has_words(text, "source", "interfaces.d", true))
		return true;

	_cleanup_free_ char *with = inside_set_block(text ? text : "auto lo\niface lo inet loopback\n\n",
						     "source /" INSIDE_IFUPDOWN_DIR "/" INSIDE_IFUPDOWN_PREFIX "*\n");

	return with && inside_replace(dir_fd, MAIN_FILE, with, text ? &st : NULL, 0644) == 0;
}
