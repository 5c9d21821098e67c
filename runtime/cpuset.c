/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/cpuset.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

/* NR_CPUS is at most 8192 (arch/x86/Kconfig). */
#define CPUS_MAX 8192

#define LIST_LEN_MAX 120

#define ONLINE_FILE "/sys/devices/system/cpu/online"

struct cpu_range {
	uint64_t first, last;
};

static int parse_range(char *text, struct cpu_range *ret)
{
	char *dash = strchr(text, '-');

	if (dash)
		*dash = '\0';
	if (str_to_u64(text, CPUS_MAX - 1, &ret->first) < 0 || str_to_u64(dash ? dash + 1 : text, CPUS_MAX - 1, &ret->last) < 0)
		return -EINVAL;
	return ret->first <= ret->last ? 0 : -EINVAL;
}

/* Calls `each` with every range; 0, its negative return, or -EINVAL if it is no list. */
static int each_range(const char *list, int (*each)(void *context, const struct cpu_range *range), void *context)
{
	_cleanup_free_ char *copy = strdup(list);
	char *next = copy;
	int r = 0;

	if (!copy)
		return -ENOMEM;
	/* Not strtok(): an empty part is an error. */
	for (char *part; r == 0 && (part = strsep(&next, ","));) {
		struct cpu_range range;

		r = parse_range(part, &range);
		if (r == 0 && each)
			r = each(context, &range);
	}
	return r;
}

int cpuset_check(const char *key, const char *list, struct err *err)
{
	if (strlen(list) <= LIST_LEN_MAX && each_range(list, NULL, NULL) == 0)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL, "%s '%.80s': expected a list of processors such as 0-3,6, or none", key, list);
}

/* One processor that is looked for in a list. */
struct search {
	uint64_t cpu;
	bool is_found;
};

static int is_in_range(void *context, const struct cpu_range *range)
{
	struct search *s = context;

	s->is_found = s->is_found || (range->first <= s->cpu && s->cpu <= range->last);
	return 0;
}

static int are_online(void *context, const struct cpu_range *range)
{
	for (struct search s = { .cpu = range->first }; s.cpu <= range->last; s.cpu++) {
		s.is_found = false;

		int r = each_range(context, is_in_range, &s);

		if (r < 0 || !s.is_found)
			return r < 0 ? r : -ERANGE;
	}
	return 0;
}

int cpuset_check_online(const char *key, const char *list, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(AT_FDCWD, ONLINE_FILE, 4096, &text);
	int r = cpuset_check(key, list, err);

	if (r < 0)
		return r;
	if (n < 0)
		return err_sys(err, (int)-n, "read " ONLINE_FILE);

	const char *online = str_trim(text);

	r = each_range(list, are_online, (void *)online);
	if (r == -ERANGE)
		return err_exit(err, EXIT_INVALID, ERANGE, "%s '%s': expected processors that this host has online: %.80s", key,
				list, online);
	return r < 0 ? err_sys(err, -r, "compare %s '%s' with the host's processors", key, list) : 0;
}
