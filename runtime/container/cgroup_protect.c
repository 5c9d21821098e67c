/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protected memory (memory.low of v2) of the groups above a guest's. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "runtime/container/cgroup_priv.h"

static uint64_t read_low(int dir_fd)
{
	_cleanup_free_ char *text = NULL;
	uint64_t low = 0;

	/* "max" is as good as nothing here: it is not ours, and a sum with it would protect all that is below. */
	if (fd_read_file_at(dir_fd, "memory.low", 64, &text) < 0 || str_to_u64(str_trim(text), UINT64_MAX, &low) < 0)
		return 0;
	return low;
}

static int sum_children(int dir_fd, uint64_t *ret)
{
	_cleanup_fd_ int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *e;

	if (!dir)
		return -errno;
	TAKE_FD(copy);
	*ret = 0;
	while ((e = readdir(dir))) {
		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;

		_cleanup_fd_ int child = openat(dir_fd, e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

		if (child >= 0)
			*ret += read_low(child);
	}
	return 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t len = strlen(s), end_len = strlen(end);

	return len > end_len && strcmp(s + len - end_len, end) == 0;
}

/*
 * The group of a unit is systemd's, which writes its own idea of memory.low at a daemon-reload (seen with 252, not with 257):
 * it has to have ours. That of a transient unit goes with the unit, that of a slice with the host's boot.
 */
static int tell_systemd(const char *path, uint64_t low)
{
	const char *slash = strrchr(path, '/'), *unit = slash ? slash + 1 : path;
	_cleanup_free_ char *value = str_printf("MemoryLow=%" PRIu64, low);
	const char *const argv[] = { "systemctl", "set-property", "--runtime", unit, value, NULL };
	struct proc_spec spec = PROC_SPEC_INIT;
	struct err err = ERR_INIT;

	if (!ends_with(unit, ".service") && !ends_with(unit, ".slice"))
		return 0;
	spec.argv = argv;
	return value ? proc_run(&spec, "systemd", &err) : -ENOMEM;
}

/* Under a lock, so that of two guests that start at once the later sum has both. */
static int protect(const struct cgroup_hierarchy *v2, const char *path)
{
	_cleanup_fd_ int fd = cgroup_open_group(v2, path);
	uint64_t sum = 0;
	char text[24];
	int r;

	if (fd < 0)
		return fd;
	if (flock(fd, LOCK_EX) < 0)
		return -errno;
	r = sum_children(fd, &sum);
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%" PRIu64, sum);
	r = fd_write_file_at(fd, "memory.low", text);
	return r < 0 ? r : tell_systemd(path, sum);
}

int cgroup_protect_parents(const struct cgroup_hierarchy *v2, const char *path)
{
	_cleanup_free_ char *part = strdup(path);
	int r = part ? 0 : -ENOMEM;

	/* From the lowest up: each sum is made of those below it. */
	for (char *slash; r == 0 && (slash = strrchr(part, '/'));) {
		*slash = '\0';
		r = protect(v2, part);
	}
	return r;
}
