/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/checkpoint/preflight_priv.h"

/* Of these there is no mount in the guest, and no need of one: memory that the kernel keeps as files. */
static const char *const kernel_files[] = { "/memfd:", "/SYSV", "/dev/zero (deleted)", "/[aio]", "/anon_hugepage", "/dmabuf:" };

static bool is_kernel_file(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_files); i++) {
		if (str_has_prefix(path, kernel_files[i]))
			return true;
	}
	return false;
}

/* CRIU knows their file system by a page that it takes, and finds none. */
static bool host_has_huge_pages(void)
{
	_cleanup_free_ char *text = NULL;

	return fd_read_file_at(AT_FDCWD, "/proc/sys/vm/nr_hugepages", 64, &text) > 0 && strtoull(text, NULL, 10) > 0;
}

void preflight_huge_pages(struct preflight *p, const struct process *process, int fd, const char *name, const char *path)
{
	char file[96];
	struct statfs fs;

	snprintf(file, sizeof(file), "/proc/%d/%s", process->status.pid, name);
	if (statfs(file, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC && !host_has_huge_pages())
		preflight_found(p, PREFLIGHT_HUGE_PAGES, process, fd, "%s", path);
}

static void check_mapped_file(struct preflight *p, const struct process *process, const struct map_line *map)
{
	char name[64];
	struct statx st;

	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, map->start, map->end);
	if (is_kernel_file(map->path))
		preflight_huge_pages(p, process, -1, name, map->path);
	else if (preflight_stat(process->status.pid, name, &st) && preflight_is_on_gone_mount(p, process, &st))
		preflight_found(p, PREFLIGHT_GONE_MOUNT, process, -1, "mapped: %s", map->path);
}

/* Those of one file are side by side. */
static void check_maps(struct preflight *p, const struct process *process)
{
	_cleanup_free_ char *text = preflight_read(process->status.pid, "maps");
	struct map_line map, last = { .inode = 0 };
	char *rest = text, *line;

	while ((line = proc_next_line(&rest))) {
		if (!proc_parse_map(line, &map) || map.inode == 0 || (map.inode == last.inode && map.device == last.device))
			continue;
		last = map;
		if (*map.path == '/')
			check_mapped_file(p, process, &map);
	}
}

static void check_place(struct preflight *p, const struct process *process, const char *name, const char *what)
{
	char path[160];
	struct statx st;

	if (preflight_read_link(process->status.pid, name, path, sizeof(path)) && *path == '/' && !is_kernel_file(path) &&
	    preflight_stat(process->status.pid, name, &st) && preflight_is_on_gone_mount(p, process, &st))
		preflight_found(p, PREFLIGHT_GONE_MOUNT, process, -1, "%s: %s", what, path);
}

void preflight_maps(struct preflight *p, const struct process *process)
{
	char path[160];

	if (preflight_read_link(process->status.pid, "exe", path, sizeof(path)) && str_has_prefix(path, "/memfd:"))
		preflight_found(p, PREFLIGHT_EXECUTABLE, process, -1, "%s", path);
	check_place(p, process, "cwd", "working folder");
	check_place(p, process, "root", "root");
	check_maps(p, process);
}
