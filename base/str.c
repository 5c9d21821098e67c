/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names become cgroups, files and host names: RFC 1123 allows 63 characters in a label. */
#define NAME_LEN_MAX 63

char *str_printf(const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return n < 0 ? NULL : s;
}

bool str_has_prefix(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

char *str_trim(char *s)
{
	while (isspace((unsigned char)*s))
		s++;

	char *end = s + strlen(s);

	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

/*
 * The character at the start of `s` and its length in bytes; 0 if that is no UTF-8. A terminator is never passed: it is no
 * continuation byte.
 */
static int decode_utf8(const unsigned char *s, uint32_t *ret)
{
	/* The least character that needs so many bytes: a longer form of a smaller one is refused. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	int n = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;
	uint32_t c = n == 1 ? s[0] : s[0] & (0x7fU >> n);

	for (int i = 1; i < n; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (n == 0 || c < least[n] || (c >= 0xd800 && c <= 0xdfff) || c > 0x10ffff)
		return 0;
	*ret = c;
	return n;
}

bool str_is_printable(const char *s)
{
	while (*s) {
		uint32_t c;
		int n = decode_utf8((const unsigned char *)s, &c);

		if (n == 0 || c < ' ' || (c >= 0x7f && c < 0xa0))
			return false;
		s += n;
	}
	return true;
}

int str_copy(char *dst, size_t size, const char *src)
{
	size_t len = strlen(src);

	if (len >= size) {
		if (size > 0)
			dst[0] = '\0';
		return -ENAMETOOLONG;
	}
	memcpy(dst, src, len + 1);
	return 0;
}

int str_replace(char **field, const char *value, struct err *err)
{
	char *copy = strdup(value);

	if (!copy)
		return err_oom(err);
	free(*field);
	*field = copy;
	return 0;
}

int str_check_name(const char *kind, const char *name, struct err *err)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	size_t len = strnlen(name, NAME_LEN_MAX + 1);

	if (len > 0 && len <= NAME_LEN_MAX && strchr(first, name[0]) && strspn(name, rest) == len)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"%s name '%.80s': expected at most %d of a-z, 0-9 and '-', the first a letter or a digit", kind, name,
			NAME_LEN_MAX);
}

int str_to_u64(const char *s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (; isdigit((unsigned char)*s); s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (v > (UINT64_MAX - digit) / 10)
			return -ERANGE;
		v = v * 10 + digit;
	}
	if (*s)
		return -EINVAL;
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

/* Above this, no unit makes it a number of 64 bits; below it, a shift by 50 bits still fits into 128. */
#define MILLI_MAX ((__uint128_t)UINT64_MAX * 1000 + 999)

/* Reads "12.345" as 12345 thousandths and says where it ended. Further decimals are refused: they would be lost. */
static int parse_milli(const char *s, const char **ret_end, __uint128_t *ret)
{
	__uint128_t v = 0;
	int decimals = -1;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	for (;; s++) {
		if (*s == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (!isdigit((unsigned char)*s))
			break;
		if (decimals >= 3)
			return -EINVAL;
		v = v * 10 + (unsigned int)(*s - '0');
		if (v > MILLI_MAX)
			return -ERANGE;
		if (decimals >= 0)
			decimals++;
	}
	if (decimals == 0)
		return -EINVAL;
	for (int i = decimals < 0 ? 0 : decimals; i < 3; i++)
		v *= 10;
	*ret_end = s;
	*ret = v;
	return v > MILLI_MAX ? -ERANGE : 0;
}

static int size_unit_shift(const char *s)
{
	static const char units[] = "kmgtp";

	if (!*s || strcasecmp(s, "b") == 0)
		return 0;

	const char *u = strchr(units, tolower((unsigned char)*s));

	if (!u || !*u)
		return -EINVAL;
	s++;
	if (*s && strcasecmp(s, "b") != 0 && strcasecmp(s, "ib") != 0)
		return -EINVAL;
	return (int)(u - units + 1) * 10;
}

int str_to_size(const char *s, uint64_t *ret)
{
	const char *end;
	__uint128_t milli;
	int r = parse_milli(s, &end, &milli);

	if (r < 0)
		return r;

	int shift = size_unit_shift(end);

	if (shift < 0)
		return shift;
	if (shift == 0 && milli % 1000)
		return -EINVAL;

	__uint128_t bytes = (milli << shift) / 1000;

	if (bytes > INT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)bytes;
	return 0;
}

int str_to_rate(const char *s, uint64_t *ret)
{
	static const char units[] = "kmgt";
	const char *end;
	__uint128_t milli;
	int r = parse_milli(s, &end, &milli);

	if (r < 0)
		return r;

	const char *unit = *end ? strchr(units, tolower((unsigned char)*end)) : NULL;

	end += unit != NULL;
	if (*end && strcasecmp(end, "bit") != 0)
		return -EINVAL;
	if (!unit && milli % 1000)
		return -EINVAL;
	/* A number that 64 bits hold, times 10^12, fits into 128. */
	for (ptrdiff_t i = unit ? unit - units : -1; i >= 0; i--)
		milli *= 1000;
	if (milli / 1000 > INT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)(milli / 1000);
	return 0;
}

int str_to_milli(const char *s, uint64_t *ret)
{
	const char *end;
	__uint128_t milli;
	int r = parse_milli(s, &end, &milli);

	if (r < 0 || *end)
		return r < 0 ? r : -EINVAL;
	if (milli > UINT64_MAX)
		return -ERANGE;
	*ret = (uint64_t)milli;
	return 0;
}

int str_to_bool(const char *s, bool *ret)
{
	static const char *const words[2][4] = {
		{ "no", "false", "off", "0" },
		{ "yes", "true", "on", "1" },
	};

	for (int v = 0; v < 2; v++) {
		for (int i = 0; i < 4; i++) {
			if (strcasecmp(s, words[v][i]) == 0) {
				*ret = v;
				return 0;
			}
		}
	}
	return -EINVAL;
}

static void write_with_unit(uint64_t v, unsigned int step, char room[STR_NUMBER_ROOM])
{
	static const char units[] = "KMGT";
	int unit = -1;

	while (unit < 3 && v > 0 && v % step == 0) {
		v /= step;
		unit++;
	}
	if (unit < 0)
		snprintf(room, STR_NUMBER_ROOM, "%" PRIu64, v);
	else
		snprintf(room, STR_NUMBER_ROOM, "%" PRIu64 "%c", v, units[unit]);
}

void str_from_size(uint64_t bytes, char room[STR_NUMBER_ROOM])
{
	write_with_unit(bytes, 1024, room);
}

void str_from_rate(uint64_t bits, char room[STR_NUMBER_ROOM])
{
	write_with_unit(bits, 1000, room);
}

void str_from_milli(uint64_t milli, char room[STR_NUMBER_ROOM])
{
	snprintf(room, STR_NUMBER_ROOM, "%" PRIu64 ".%03" PRIu64, milli / 1000, milli % 1000);

	char *end = room + strlen(room);

	while (end[-1] == '0')
		*--end = '\0';
	if (end[-1] == '.')
		end[-1] = '\0';
}

static bool reserve(struct strbuf *b, size_t more)
{
	if (b->failed)
		return false;
	if (b->len + more < b->room)
		return true;

	size_t room = (b->len + more + 1) * 2;
	char *bigger = realloc(b->data, room);

	if (!bigger) {
		b->failed = true;
		return false;
	}
	b->data = bigger;
	b->room = room;
	return true;
}

void strbuf_add_bytes(struct strbuf *b, const char *s, size_t len)
{
	if (!reserve(b, len))
		return;
	memcpy(b->data + b->len, s, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void strbuf_add(struct strbuf *b, const char *s)
{
	strbuf_add_bytes(b, s, strlen(s));
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;

	va_start(ap, fmt);
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
		return;
	}
	strbuf_add_bytes(b, s, (size_t)n);
	free(s);
}

char *strbuf_take(struct strbuf *b)
{
	char *data = NULL;

	if (reserve(b, 0)) {
		b->data[b->len] = '\0';
		data = b->data;
		*b = (struct strbuf){ 0 };
	} else {
		strbuf_free(b);
	}
	return data;
}

void strbuf_free(struct strbuf *b)
{
	free(b->data);
	*b = (struct strbuf){ 0 };
}
