/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cmd/text.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

void text_fold(FILE *out, const char *text, size_t column, size_t indent, size_t width)
{
	bool is_first = true;

	while (*(text += strspn(text, " "))) {
		size_t len = strcspn(text, " ");

		if (!is_first && column + 1 + len > width) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
			is_first = true;
		}
		fprintf(out, "%s%.*s", is_first ? "" : " ", (int)len, text);
		column += len + !is_first;
		is_first = false;
		text += len;
	}
	fputc('\n', out);
}

void text_define(FILE *out, const char *term, const char *meaning, size_t indent, size_t width)
{
	int printed = fprintf(out, "  %s", term);
	size_t column = printed < 0 ? 0 : (size_t)printed;

	if (column + 2 > indent) {
		fputc('\n', out);
		column = 0;
	}
	fprintf(out, "%*s", (int)(indent - column), "");
	text_fold(out, meaning, indent, indent, width);
}

void text_size(struct strbuf *b, uint64_t bytes)
{
	static const char units[] = " KMGTPE";
	size_t unit = 0;
	double v = (double)bytes;

	while (v >= 1023.5 && units[unit + 1]) {
		v /= 1024;
		unit++;
	}
	if (unit == 0)
		strbuf_addf(b, "%" PRIu64, bytes);
	else
		strbuf_addf(b, v < 99.95 ? "%.1f%c" : "%.0f%c", v, units[unit]);
}

void text_duration(struct strbuf *b, uint64_t usec)
{
	uint64_t s = usec / 1000000;

	if (s < 60)
		strbuf_addf(b, "%.2f s", (double)usec / 1e6);
	else if (s < 3600)
		strbuf_addf(b, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
	else if (s < 86400)
		strbuf_addf(b, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
	else
		strbuf_addf(b, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);
}

void text_time(struct strbuf *b, uint64_t seconds)
{
	time_t t = (time_t)seconds;
	struct tm tm;
	char room[32];

	if (localtime_r(&t, &tm) && strftime(room, sizeof(room), "%F %T", &tm) > 0)
		strbuf_add(b, room);
	else
		strbuf_addf(b, "%" PRIu64, seconds);
}

/* The length of "ESC [ digits and ; m" at s; 0 if it is anything else. */
static size_t colour_sequence(const char *s)
{
	if (s[0] != '\x1b' || s[1] != '[')
		return 0;

	size_t len = 2 + strspn(s + 2, "0123456789;");

	return s[len] == 'm' ? len + 1 : 0;
}

void text_safe(FILE *out, const char *s, bool colours)
{
	while (*s) {
		size_t colour = colours ? colour_sequence(s) : 0;
		unsigned char c = (unsigned char)*s;

		if (colour > 0)
			fwrite(s, 1, colour, out);
		else if (c == '\r' && colours)
			s += strspn(s, "\r") - 1;
		else if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			fprintf(out, "\\x%02x", c);
		/* U+0080 to U+009F: the same controls in UTF-8 (ECMA-48, C1). */
		else if (c == 0xc2 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0)
			fprintf(out, "\\x%02x", (unsigned char)*++s);
		else
			fputc(c, out);
		s += colour > 0 ? colour : 1;
	}
}
