/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/home_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/lock.h"
#include "base/str.h"
#include "runtime/container/cgroup.h"

/* Not in the instance's own folder, which may be on a disk: it has to be gone with the host's boot. */
#define MARKER_DIR "/run"

bool home_is_by_systemd(void)
{
	struct statfs fs;

	/* sd_booted(3) */
	return access("/run/systemd/system", F_OK) == 0 && statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

int home_name(struct node *node, bool by_systemd, struct err *err)
{
	if (!by_systemd)
		return 0;
	/* The name of a unit has no '/'. */
	for (char *c = node->cgroup_parent; *c; c++)
		*c = *c == '/' ? '-' : *c;

	char *group = NULL;

	node->guests_unit = str_printf("%s-guests.service", node->cgroup_parent);
	if (node->guests_unit)
		group = str_printf(HOME_SLICE "/%s", node->guests_unit);
	if (!group)
		return err_oom(err);
	free(node->cgroup_parent);
	node->cgroup_parent = group;
	return 0;
}

char *home_marker(const struct node *node)
{
	const char *dot = strrchr(node->guests_unit, '.');

	return str_printf(MARKER_DIR "/%.*s", (int)(dot - node->guests_unit), node->guests_unit);
}

bool home_has_group(const struct node *node)
{
	_cleanup_free_ char *path = str_printf("/sys/fs/cgroup/%s", node->cgroup_parent);

	return path && access(path, F_OK) == 0;
}

static bool is_open(const struct node *node, const char *marker)
{
	return access(marker, F_OK) == 0 && home_has_group(node);
}

static int protect_group(const struct node *node, const char *group, const char *unit, struct err *err)
{
	uint64_t low, sum;
	int r = cgroup_get_low(group, &low, &sum, err);

	return r < 0 || low == sum ? r : home_systemd_set_low(node, unit, sum, err);
}

/* All instances share the slice: under one lock, so that the last sum has the units of all. */
static int protect_all(const struct node *node, struct err *err)
{
	_cleanup_fd_ int lock = lock_take(AT_FDCWD, MARKER_DIR "/" HOME_SLICE ".lock", HOME_SLICE, "set", true, err);
	int r = lock < 0 ? lock : protect_group(node, node->cgroup_parent, node->guests_unit, err);

	return r < 0 ? r : protect_group(node, HOME_SLICE, HOME_SLICE, err);
}

int home_protect(const struct node *node, struct err *err)
{
	_cleanup_free_ char *marker = node->guests_unit ? home_marker(node) : NULL;

	if (!node->guests_unit)
		return 0;
	if (!marker)
		return err_oom(err);
	return access(marker, F_OK) == 0 ? protect_all(node, err) : 0;
}

static int open_under_lock(const struct node *node, const char *marker, struct err *err)
{
	_cleanup_free_ char *lock_path = str_printf("%s.lock", marker);

	if (!lock_path)
		return err_oom(err);

	_cleanup_fd_ int lock = lock_take(AT_FDCWD, lock_path, node->guests_unit, "start", true, err);

	if (lock < 0)
		return lock;
	if (is_open(node, marker))
		return 0;

	int r = home_systemd_start(node, err);

	/* What was stopped with the unit was not taken off the slice's. */
	if (r == 0)
		r = protect_all(node, err);
	if (r == 0 && mkdir(marker, 0755) < 0 && errno != EEXIST)
		r = err_sys(err, errno, "make '%s'", marker);
	return r;
}

int home_open(const struct node *node, struct err *err)
{
	if (!node->guests_unit)
		return 0;

	_cleanup_free_ char *marker = home_marker(node);

	if (!marker)
		return err_oom(err);
	return is_open(node, marker) ? 0 : open_under_lock(node, marker, err);
}

void home_close(const struct node *node)
{
	_cleanup_free_ char *marker = node->guests_unit ? home_marker(node) : NULL;

	if (marker)
		(void)!rmdir(marker);
}
