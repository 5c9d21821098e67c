/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which hierarchies there are, and files in a group of one of them. */
#include "runtime/container/cgroup_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/str.h"

#define MOUNTINFO_MAX (16u << 20)
#define PATH_LEN_MAX  255

/* Super options of a v1 mount that are controllers; the others (rw, xattr, release_agent=...) are not. */
static bool is_controller(const char *option)
{
	static const char *const known[] = { "cpu",  "cpuacct", "cpuset",   "memory",	  "devices", "freezer", "blkio",
					     "pids", "net_cls", "net_prio", "perf_event", "hugetlb", "rdma",	"misc" };

	if (str_has_prefix(option, "name="))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(option, known[i]) == 0)
			return true;
	}
	return false;
}

static int add_word(char *list, size_t room, const char *word)
{
	size_t used = strlen(list);

	if (used + strlen(word) + 2 > room)
		return -E2BIG;
	snprintf(list + used, room - used, "%s%s", used ? "," : "", word);
	return 0;
}

static int read_v1_controllers(struct cgroup_hierarchy *h, char *options)
{
	char *save = NULL;

	for (char *o = strtok_r(options, ",", &save); o; o = strtok_r(NULL, ",", &save)) {
		if (is_controller(o) && add_word(h->controllers, sizeof(h->controllers), o) < 0)
			return -E2BIG;
	}
	return 0;
}

static int read_v2_controllers(struct cgroup_hierarchy *h)
{
	char line[256], *save = NULL;
	int r = cgroup_read(h, ".", "cgroup.controllers", line, sizeof(line));

	if (r < 0)
		return r;
	for (char *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save)) {
		if (add_word(h->controllers, sizeof(h->controllers), w) < 0)
			return -E2BIG;
	}
	return 0;
}

/* The same hierarchy may be mounted more than once; the first mount is as good as any. */
static bool is_known(const struct cgroup_map *map, const struct cgroup_hierarchy *h)
{
	for (int i = 0; i < map->n; i++) {
		if (map->h[i].is_v2 == h->is_v2 && (h->is_v2 || strcmp(map->h[i].controllers, h->controllers) == 0))
			return true;
	}
	return false;
}

static int add_hierarchy(struct cgroup_map *map, const struct cgroup_hierarchy *h)
{
	int at = map->n;

	if (is_known(map, h))
		return 0;
	if (map->n == CGROUP_HIERARCHIES_MAX)
		return -E2BIG;
	if (h->is_v2) {
		memmove(&map->h[1], &map->h[0], sizeof(map->h[0]) * (size_t)map->n);
		at = 0;
	}
	map->h[at] = *h;
	map->n++;
	return 0;
}

/*
 * "36 35 98:0 /root /mount/point rw,noatime - cgroup source rw,memory": the mount point is the 5th field, the type follows the
 * dash.
 */
static int parse_line(struct cgroup_map *map, char *line)
{
	struct cgroup_hierarchy h = { 0 };
	char *dash = strstr(line, " - cgroup"), *save = NULL, *mount = NULL;
	int r;

	if (!dash)
		return 0;
	*dash = '\0';
	for (int field = 0; field < 5; field++)
		mount = strtok_r(field ? NULL : line, " ", &save);
	/* Blanks and the like are written as \040: nobody mounts a hierarchy there. */
	if (!mount || strchr(mount, '\\') || str_copy(h.mount, sizeof(h.mount), mount) < 0)
		return 0;

	char *type = strtok_r(dash + 3, " ", &save), *source = strtok_r(NULL, " ", &save), *options = strtok_r(NULL, " ", &save);

	if (!type || !source || !options)
		return 0;
	h.is_v2 = strcmp(type, "cgroup2") == 0;
	r = h.is_v2 ? read_v2_controllers(&h) : read_v1_controllers(&h, options);
	if (r == -ENOENT)
		return 0; /* another mount lies over it */
	return r < 0 ? r : add_hierarchy(map, &h);
}

int cgroup_map_parse(struct cgroup_map *ret, const char *mountinfo)
{
	_cleanup_free_ char *text = strdup(mountinfo);
	char *save = NULL;

	if (!text)
		return -ENOMEM;
	*ret = (struct cgroup_map){ 0 };
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		int r = parse_line(ret, line);

		if (r < 0)
			return r;
	}
	return 0;
}

int cgroup_map_host(struct cgroup_map *ret, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text);
	int r = n < 0 ? (int)n : cgroup_map_parse(ret, text);

	if (r < 0)
		return err_sys(err, -r, "find the cgroup hierarchies in /proc/self/mountinfo");
	if (ret->n == 0)
		return err_exit(err, EXIT_UNSUPPORTED, ENOENT, "no cgroup hierarchy is mounted: mount cgroup2 on /sys/fs/cgroup");
	ret->by_library = true;
	return 0;
}

bool cgroup_has_controller(const struct cgroup_hierarchy *h, const char *controller)
{
	size_t len = strlen(controller);

	for (const char *at = h->controllers; (at = strstr(at, controller)); at += len) {
		bool starts = at == h->controllers || at[-1] == ',';

		if (starts && (at[len] == ',' || at[len] == '\0'))
			return true;
	}
	return false;
}

const struct cgroup_hierarchy *cgroup_map_find(const struct cgroup_map *map, const char *controller)
{
	for (int i = 0; i < map->n; i++) {
		if (cgroup_has_controller(&map->h[i], controller))
			return &map->h[i];
	}
	return NULL;
}

const struct cgroup_hierarchy *cgroup_map_v2(const struct cgroup_map *map)
{
	return map->n > 0 && map->h[0].is_v2 ? &map->h[0] : NULL;
}

const char *cgroup_hierarchy_name(const struct cgroup_hierarchy *h)
{
	return h->is_v2 ? "unified" : h->controllers;
}

int cgroup_check_path(const char *path, struct err *err)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	const char *c = path;
	bool ok = strlen(path) <= PATH_LEN_MAX;

	while (ok) {
		size_t len = strspn(c, allowed);

		ok = len > 0 && !(len == 1 && c[0] == '.') && !(len == 2 && c[0] == '.' && c[1] == '.');
		c += len;
		if (!*c)
			break;
		ok = ok && *c++ == '/';
	}
	if (ok)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"cgroup '%.80s': expected names of letters, digits, '_', '.' and '-', separated by '/'", path);
}

int cgroup_open_group(const struct cgroup_hierarchy *h, const char *path)
{
	_cleanup_free_ char *full = str_printf("%s/%s", h->mount, path);

	if (!full)
		return -ENOMEM;

	int fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

bool cgroup_exists(const struct cgroup_hierarchy *h, const char *path)
{
	_cleanup_free_ char *full = str_printf("%s/%s", h->mount, path);

	return full && access(full, F_OK) == 0;
}

int cgroup_open_file(const struct cgroup_hierarchy *h, const char *path, const char *file, int flags)
{
	_cleanup_free_ char *full = str_printf("%s/%s/%s", h->mount, path, file);

	if (!full)
		return -ENOMEM;

	int fd = open(full, flags | O_CLOEXEC | O_NOFOLLOW);

	return fd < 0 ? -errno : fd;
}

int cgroup_write(const struct cgroup_hierarchy *h, const char *path, const char *file, const char *value)
{
	_cleanup_fd_ int fd = cgroup_open_file(h, path, file, O_WRONLY);

	if (fd < 0)
		return fd;

	size_t len = strlen(value);
	ssize_t n = write(fd, value, len);

	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

/* One read: these files are short, and the first line is what is wanted. One that was cut says something else. */
int cgroup_read(const struct cgroup_hierarchy *h, const char *path, const char *file, char *ret, size_t room)
{
	_cleanup_fd_ int fd = cgroup_open_file(h, path, file, O_RDONLY);

	if (fd < 0)
		return fd;

	ssize_t n = read(fd, ret, room - 1);

	if (n < 0)
		return -errno;
	ret[n] = '\0';

	size_t len = strcspn(ret, "\n");

	if (len == room - 1) {
		ret[0] = '\0';
		return -E2BIG;
	}
	ret[len] = '\0';
	return 0;
}
