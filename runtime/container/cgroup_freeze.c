/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Letting the processes of a group stand still. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/proc.h"
#include "runtime/container/cgroup_priv.h"

#define FREEZE_FILE "cgroup.freeze"

/* The kernel sends its first report when all stand, and none before (cgroup-v2.rst, "cgroup.freeze"). */
static int freeze(int dir, int timeout_ms)
{
	uint64_t deadline = proc_now_ms() + (uint64_t)timeout_ms;
	_cleanup_fd_ int events = openat(dir, "cgroup.events", O_RDONLY | O_CLOEXEC);

	if (events < 0)
		return -errno;

	int r = fd_write_file_at(dir, FREEZE_FILE, "1");

	if (r < 0)
		return r;
	r = cgroup_wait_event(events, CGROUP_FROZEN, deadline);
	if (r < 0)
		(void)!fd_write_file_at(dir, FREEZE_FILE, "0");
	return r;
}

int cgroup_map_freeze(const struct cgroup_map *map, const char *path, int timeout_ms, struct err *err)
{
	_cleanup_fd_ int dir = cgroup_open_v2(map, path, err);

	if (dir < 0)
		return dir;

	int r = freeze(dir, timeout_ms);

	if (r == -ENOENT)
		return err_exit(
			err, EXIT_UNSUPPORTED, ENOENT,
			"the cgroup '%s' cannot be frozen: this needs its files cgroup.freeze and cgroup.events (Linux 5.2)",
			path);
	if (r == -ETIMEDOUT)
		return err_exit(
			err, EXIT_TIMEOUT, ETIMEDOUT,
			"processes in the cgroup '%s' did not stand still within %d ms and go on: see which, and what they "
			"wait for, with ps",
			path, timeout_ms);
	return r < 0 ? err_sys(err, -r, "freeze the cgroup '%s'", path) : 0;
}

int cgroup_map_thaw(const struct cgroup_map *map, const char *path, struct err *err)
{
	struct err missing = ERR_INIT;
	_cleanup_fd_ int dir = cgroup_open_v2(map, path, &missing);

	if (dir == -ENOENT)
		return 0;
	if (dir < 0) {
		*err = missing;
		return dir;
	}

	int r = fd_write_file_at(dir, FREEZE_FILE, "0");

	return r < 0 && r != -ENODEV ? err_sys(err, -r, "thaw the cgroup '%s'", path) : 0;
}

int cgroup_freeze(const char *path, int timeout_ms, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_freeze(&map, path, timeout_ms, err);
}

int cgroup_thaw(const char *path, struct err *err)
{
	struct cgroup_map map = { 0 };
	int r = cgroup_check_path(path, err);

	if (r == 0)
		r = cgroup_map_host(&map, err);
	return r < 0 ? r : cgroup_map_thaw(&map, path, err);
}
