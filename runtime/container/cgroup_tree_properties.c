/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a guest has set on the groups that it made: its services' limits and shares. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

/* A list of CPUs may be long: every second one of 512 takes 1000 characters. */
#define VALUE_MAX  1024
#define SEPARATOR  ";"
#define CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789 .,-"

struct property {
	const char *file;
	const char *fresh; /* what the kernel gives to a new group */
	const char *only;  /* the one value that can be written; NULL: whatever is read */
	bool at_birth;	   /* has to be there before the first process is */
};

/*
 * In the order in which they are written: swap before memory, so that a memory.max which has to reclaim does not swap out what
 * may not be; protection before limits; an idle group (cpu.idle) refuses a cpu.weight. Of a file with lines for devices only the
 * first, the default, is kept: a device has another number after the next boot. cgroup.freeze is not among them: CRIU could not
 * restore processes that stand. (Documentation/admin-guide/cgroup-v2.rst)
 */
static const struct property properties[] = {
	{ .file = "cgroup.type", .fresh = "domain", .only = "threaded", .at_birth = true },
	{ .file = "cgroup.max.depth", .fresh = "max" },
	{ .file = "cgroup.max.descendants", .fresh = "max" },
	{ .file = "cgroup.pressure", .fresh = "1" },
	{ .file = "cpu.weight", .fresh = "100" },
	{ .file = "cpu.idle", .fresh = "0" },
	{ .file = "cpu.max", .fresh = "max 100000" },
	{ .file = "cpu.max.burst", .fresh = "0" },
	{ .file = "cpu.uclamp.min", .fresh = "0.00" },
	{ .file = "cpu.uclamp.max", .fresh = "max" },
	{ .file = "cpuset.mems", .fresh = "" },
	{ .file = "cpuset.cpus", .fresh = "" },
	{ .file = "io.weight", .fresh = "default 100" },
	{ .file = "io.bfq.weight", .fresh = "default 100" },
	{ .file = "io.prio.class", .fresh = "no-change" },
	{ .file = "memory.oom.group", .fresh = "0" },
	{ .file = "memory.zswap.writeback", .fresh = "1" },
	{ .file = "memory.zswap.max", .fresh = "max" },
	{ .file = "memory.swap.max", .fresh = "max" },
	{ .file = "memory.swap.high", .fresh = "max" },
	{ .file = "memory.min", .fresh = "0" },
	{ .file = "memory.low", .fresh = "0" },
	{ .file = "memory.high", .fresh = "max" },
	{ .file = "memory.max", .fresh = "max" },
	{ .file = "pids.max", .fresh = "max" },
};

static const struct property *find(const char *file, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		if (strlen(properties[i].file) == len && memcmp(properties[i].file, file, len) == 0)
			return &properties[i];
	}
	return NULL;
}

static bool is_value(const struct property *p, const char *value, size_t len)
{
	if (len == 0 || len > VALUE_MAX || strspn(value, CHARACTERS) < len)
		return false;
	return !p->only || (strlen(p->only) == len && memcmp(p->only, value, len) == 0);
}

bool cgroup_are_properties(const char *list)
{
	const struct property *last = NULL;

	if (!list[0])
		return true;
	for (const char *at = list;; at++) {
		const char *value = at + strcspn(at, "=" SEPARATOR);
		const struct property *p = *value == '=' ? find(at, (size_t)(value - at)) : NULL;

		at = value + strcspn(value, SEPARATOR);
		/* In the order of the table none is there twice. */
		if (!p || p <= last || !is_value(p, value + 1, (size_t)(at - value - 1)))
			return false;
		last = p;
		if (!*at)
			return true;
	}
}

/* Appends it if it is not as in a fresh group. A file that is not there belongs to a controller that the group has not. */
static int read_one(int dir, const struct property *p, struct strbuf *list)
{
	_cleanup_free_ char *value = NULL;
	ssize_t n = fd_read_file_at(dir, p->file, 65536, &value);

	if (n < 0)
		return n == -ENOENT || n == -EOPNOTSUPP ? 0 : (int)n;
	value[strcspn(value, "\n")] = '\0';
	if (!value[0] || strcmp(value, p->fresh) == 0 || (p->only && strcmp(value, p->only) != 0))
		return 0;
	if (!is_value(p, value, strlen(value)))
		return -EBADMSG;
	strbuf_addf(list, "%s%s=%s", list->len > 0 ? SEPARATOR : "", p->file, value);
	return 0;
}

int cgroup_read_properties(int dir, char **ret)
{
	_cleanup_(strbuf_free) struct strbuf list = { 0 };

	strbuf_add(&list, "");
	for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
		int r = read_one(dir, &properties[i], &list);

		if (r < 0)
			return r;
	}
	*ret = strbuf_take(&list);
	return *ret ? 0 : -ENOMEM;
}

int cgroup_write_properties(int dir, const struct cgroup_tree_node *node, bool at_birth, const struct log *log)
{
	_cleanup_free_ char *list = strdup(node->properties);
	char *save = NULL;

	if (!list)
		return -ENOMEM;
	for (char *word = strtok_r(list, SEPARATOR, &save); word; word = strtok_r(NULL, SEPARATOR, &save)) {
		char *value = strchr(word, '=');
		const struct property *p = value ? find(word, (size_t)(value - word)) : NULL;

		if (!p || p->at_birth != at_birth)
			continue;

		int r = fd_write_file_at(dir, p->file, value + 1);

		if (r < 0)
			log_detail(log, "the guest's cgroup '%s' goes on without its %s: %s", node->path, word, strerror(-r));
	}
	return 0;
}
