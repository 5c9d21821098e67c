/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/ini.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define INI_FILE_MAX (1024 * 1024)

/*
 * libinih does not tell its handler the line number (that is a build option which Debian does not set), but it reads through our
 * function line by line and calls the handler before it reads on, so that we count.
 */
struct reader {
	const char *next;
	int line;
	ini_key_fn handler;
	void *context;
	struct err *err;
	int result;
};

/* White space as libinih sees it. */
static const char *skip_blanks(const char *s, const char *end)
{
	while (s < end && isspace((unsigned char)*s))
		s++;
	return s;
}

/*
 * Hands over the next line without its indentation, which libinih would take for a continuation of the value above (so that a key
 * that was indented by hand would be lost), and a comment as an empty line, so that it may be of any length.
 */
static char *read_line(char *buf, int room, void *stream)
{
	struct reader *rd = stream;

	if (!*rd->next || rd->result < 0)
		return NULL;

	const char *end = strchrnul(rd->next, '\n');
	const char *start = skip_blanks(rd->next, end);
	size_t len = start < end && (*start == '#' || *start == ';') ? 0 : (size_t)(end - start);

	rd->line++;
	if (len + 2 > (size_t)room) {
		rd->result = err_exit(rd->err, EXIT_BAD_CONFIG, EBADMSG, "the line is longer than %d characters", room - 2);
		return NULL;
	}
	memcpy(buf, start, len);
	buf[len] = '\n';
	buf[len + 1] = '\0';
	rd->next = end + (*end == '\n');
	return buf;
}

static int on_key(void *user, const char *section, const char *key, const char *value)
{
	struct reader *rd = user;

	if (rd->result == 0)
		rd->result = rd->handler(rd->context, section, key, value, rd->err);
	return 1;
}

/* The mark with which some editors begin a file in UTF-8. */
static size_t bom_len(const char *text)
{
	return str_has_prefix(text, "\xef\xbb\xbf") ? 3 : 0;
}

int ini_read_at(int dir_fd, const char *name, const char *shown, ini_key_fn handler, void *context, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(dir_fd, name, INI_FILE_MAX, &text);

	if (n < 0)
		return err_exit(err, EXIT_BAD_CONFIG, (int)-n, "%s: %s", shown, strerror((int)-n));
	if (strlen(text) != (size_t)n)
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s: contains a NUL byte", shown);

	struct reader rd = { .next = text + bom_len(text), .handler = handler, .context = context, .err = err };
	int bad_line = ini_parse_stream(read_line, &rd, on_key, &rd);

	if (rd.result < 0) {
		err->exit = EXIT_BAD_CONFIG;
		return err_wrap(err, "%s line %d", shown, rd.line);
	}
	if (bad_line > 0)
		return err_exit(err, EXIT_BAD_CONFIG, EBADMSG, "%s line %d: expected 'key = value' or '[section]'", shown,
				bad_line);
	return bad_line < 0 ? err_oom(err) : 0;
}

/* Does this line set `key`? */
static bool line_has_key(const char *line, size_t len, const char *key)
{
	const char *end = line + len;
	size_t key_len = strlen(key);

	line = skip_blanks(line, end);
	if ((size_t)(end - line) <= key_len || strncmp(line, key, key_len) != 0)
		return false;
	line = skip_blanks(line + key_len, end);
	return line < end && (*line == '=' || *line == ':');
}

/* If the line opens a section, is it `section`? 1 yes, 0 another one, -1 the line opens none. */
static int line_opens(const char *line, size_t len, const char *section)
{
	const char *end = line + len;
	size_t want = strlen(section);

	line = skip_blanks(line, end);
	if (line == end || *line != '[' || !memchr(line, ']', (size_t)(end - line)))
		return -1;
	return (size_t)(end - line) >= want + 2 && strncmp(line + 1, section, want) == 0 && line[want + 1] == ']';
}

static void add_key(struct strbuf *out, const char *key, const char *value, bool *done)
{
	if (value && !*done && out->len > 0 && out->data[out->len - 1] != '\n')
		strbuf_add(out, "\n");
	for (const char *line = *done ? NULL : value; line;) {
		int len = (int)strcspn(line, "\n");

		strbuf_addf(out, "%s = %.*s\n", key, len, line);
		line = line[len] ? line + len + 1 : NULL;
	}
	*done = true;
}

static char *edit(const char *text, const char *section, const char *key, const char *value)
{
	struct strbuf out = { 0 };
	bool inside = !*section, seen = inside, done = false;

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		size_t whole = len + (line[len] == '\n');
		int opens = line_opens(line, len, section);

		if (opens >= 0) {
			/* The end of our section: a key that was not there goes here. */
			if (inside)
				add_key(&out, key, value, &done);
			inside = opens == 1;
			seen |= inside;
		}
		if (inside && opens < 0 && line_has_key(line, len, key))
			add_key(&out, key, value, &done);
		else
			strbuf_add_bytes(&out, line, whole);
		line += whole;
	}
	if (!seen && value) {
		strbuf_addf(&out, "%s[%s]\n", out.len > 0 ? "\n" : "", section);
		inside = true;
	}
	if (inside)
		add_key(&out, key, value, &done);
	return strbuf_take(&out);
}

char *ini_edit(const char *text, const char *section, const char *key, const char *value)
{
	size_t mark = bom_len(text);
	_cleanup_free_ char *edited = edit(text + mark, section, key, value);

	return edited ? str_printf("%.*s%s", (int)mark, text, edited) : NULL;
}

char *ini_remove_section(const char *text, const char *section)
{
	struct strbuf out = { 0 };
	bool inside = false;

	strbuf_add(&out, "");
	for (const char *line = text + bom_len(text); *line;) {
		size_t len = strcspn(line, "\n");
		size_t whole = len + (line[len] == '\n');
		int opens = line_opens(line, len, section);

		if (opens >= 0)
			inside = opens == 1;
		if (!inside)
			strbuf_add_bytes(&out, line, whole);
		line += whole;
	}

	_cleanup_free_ char *kept = strbuf_take(&out);

	return kept ? str_printf("%.*s%s", (int)bom_len(text), text, kept) : NULL;
}
