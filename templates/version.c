/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/version.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/path.h"
#include "base/str.h"

#define DAY_DIGITS 8
#define DAY_MAX	   99991231
#define N_MAX	   999999

int version_parse(const char *s, struct version *ret)
{
	char day_text[DAY_DIGITS + 1] = "";
	uint64_t day, n;

	if (strnlen(s, TEMPLATE_VERSION_ROOM) >= TEMPLATE_VERSION_ROOM || strcspn(s, ".") != DAY_DIGITS || s[DAY_DIGITS] != '.')
		return -EINVAL;
	memcpy(day_text, s, DAY_DIGITS);
	if (str_to_u64(day_text, DAY_MAX, &day) < 0 || day == 0)
		return -EINVAL;
	s += DAY_DIGITS + 1;
	if (*s == '0' || str_to_u64(s, N_MAX, &n) < 0)
		return -EINVAL;
	*ret = (struct version){ .day = (uint32_t)day, .n = (uint32_t)n };
	return 0;
}

int version_compare(const struct version *a, const struct version *b)
{
	if (a->day != b->day)
		return a->day < b->day ? -1 : 1;
	return a->n < b->n ? -1 : a->n > b->n;
}

void version_format(const struct version *v, char room[TEMPLATE_VERSION_ROOM])
{
	snprintf(room, TEMPLATE_VERSION_ROOM, "%08u.%u", v->day, v->n);
}

struct version version_next(const struct version *newest, int64_t now_seconds)
{
	time_t now = now_seconds;
	struct tm tm = { 0 };
	struct version v = { .day = 19700101, .n = 1 };

	if (gmtime_r(&now, &tm))
		v.day = (uint32_t)((tm.tm_year + 1900) * 10000 + (tm.tm_mon + 1) * 100 + tm.tm_mday);
	if (newest && newest->day >= v.day) {
		v.day = newest->day;
		v.n = newest->n + 1;
	}
	return v;
}

int version_newest_in(int name_fd, struct version *ret)
{
	_cleanup_dir_ DIR *dir = entries_open(name_fd);
	const struct dirent *e;
	bool found = false;

	if (!dir)
		return -errno;
	while ((e = entries_next(dir))) {
		struct version v;

		if (version_parse(e->d_name, &v) < 0 || (found && version_compare(&v, ret) < 0))
			continue;
		*ret = v;
		found = true;
	}
	return errno ? -errno : found;
}
