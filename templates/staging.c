/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/str.h"
#include "templates/version.h"
#include "templates/manifest.h"

#define LOCK_FILE   "lock"
#define TREE_DIR    "tree"
#define VERSION_DIR "version"

int catalog_lock(int dir_fd, const char *verb, struct err *err)
{
	return lock_take(dir_fd, ".lock", "the template catalogue", verb, true, err);
}

int catalog_random_name(const char *prefix, char room[STAGING_NAME_ROOM])
{
	uint32_t number;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return -EIO;
	snprintf(room, STAGING_NAME_ROOM, "%s%08x", prefix, number);
	return 0;
}

/*
 * Scratch outside belongs to the staging folder of that name. Whoever may have made another thing under that name: no link is
 * followed.
 */
static void remove_scratch(const char *name)
{
	_cleanup_free_ char *path = str_printf("%s%s", STAGING_SCRATCH_PREFIX, name);

	if (path && path_remove_tree_at(AT_FDCWD, path) < 0)
		return; /* the system's own cleaning of /var/tmp will have it */
}

/* Is the builder of this folder gone? Called under the catalogue's lock, so that a folder is never seen without its lock held. */
static bool is_abandoned(int dir_fd, const char *name)
{
	struct err ignored = ERR_INIT;
	_cleanup_fd_ int fd = path_open_dir(dir_fd, name, O_RDONLY | O_NOFOLLOW);

	if (fd < 0)
		return false;

	_cleanup_fd_ int lock = lock_take(fd, LOCK_FILE, name, "cleanup", false, &ignored);

	return lock >= 0;
}

static void sweep_one(int dir_fd, const char *name, const struct log *log)
{
	if (str_has_prefix(name, STAGING_PREFIX)) {
		if (!is_abandoned(dir_fd, name))
			return;
		remove_scratch(name);
	} else if (!str_has_prefix(name, REMOVED_PREFIX)) {
		return;
	}

	int r = path_remove_tree_at(dir_fd, name);

	if (r < 0)
		log_warning(log, "'%s', left by an interrupted command, could not be removed: %s", name, strerror(-r));
	else
		log_notice(log, "removed '%s', left by an interrupted command", name);
}

static void sweep(int dir_fd, const struct log *log)
{
	_cleanup_dir_ DIR *dir = entries_open(dir_fd);
	const struct dirent *e;

	while (dir && (e = entries_next(dir)))
		sweep_one(dir_fd, e->d_name, log);
}

int template_sweep(const char *dir, const struct log *log, struct err *err)
{
	_cleanup_fd_ int dir_fd = path_open_dir(AT_FDCWD, dir, O_RDONLY);

	if (dir_fd < 0)
		return dir_fd == -ENOENT ? 0 : err_sys(err, -dir_fd, "open the template catalogue '%s'", dir);

	_cleanup_fd_ int lock = catalog_lock(dir_fd, "cleanup", err);

	if (lock < 0)
		return lock;
	sweep(dir_fd, log);
	return 0;
}

static int make_folders(struct staging *st, struct err *err)
{
	int r = catalog_random_name(STAGING_PREFIX, st->name);

	if (r == 0 && mkdirat(st->dir_fd, st->name, 0700) < 0) {
		r = -errno;
		st->name[0] = '\0'; /* it is not ours */
	}
	if (r < 0)
		return err_sys(err, -r, "make a folder to build in below '%s'", st->dir);
	st->fd = path_open_dir(st->dir_fd, st->name, O_RDONLY | O_NOFOLLOW);
	if (st->fd < 0)
		return err_sys(err, -st->fd, "open '%s/%s'", st->dir, st->name);
	st->lock_fd = lock_take(st->fd, LOCK_FILE, st->name, "build", false, err);
	if (st->lock_fd < 0)
		return st->lock_fd;
	st->tree_fd = path_make_dir_at(st->fd, TREE_DIR, 0755);
	if (st->tree_fd < 0 || mkdirat(st->fd, VERSION_DIR, 0755) < 0)
		return err_sys(err, st->tree_fd < 0 ? -st->tree_fd : errno, "make folders in '%s/%s'", st->dir, st->name);
	return fchmod(st->tree_fd, 0755) < 0 ? err_sys(err, errno, "set the mode of '%s/%s'", st->dir, st->name) : 0;
}

int staging_open(struct staging *ret, const char *dir, const struct log *log, struct err *err)
{
	struct staging st = STAGING_INIT;
	int r = path_make_dirs(dir, 0755);

	if (r < 0)
		return err_sys(err, -r, "make the template catalogue '%s'", dir);
	st.dir = dir;
	st.dir_fd = path_open_dir(AT_FDCWD, dir, O_RDONLY);
	if (st.dir_fd < 0)
		return err_sys(err, -st.dir_fd, "open the template catalogue '%s'", dir);

	_cleanup_fd_ int lock = catalog_lock(st.dir_fd, "build", err);

	r = lock;
	if (r >= 0) {
		sweep(st.dir_fd, log);
		r = make_folders(&st, err);
	}
	if (r < 0)
		staging_close(&st);
	else
		*ret = st;
	return r;
}

void staging_close(struct staging *st)
{
	int saved_errno = errno;

	if (st->dir_fd >= 0 && st->name[0]) {
		remove_scratch(st->name);
		/* What cannot be removed now is a leftover for the next build, because the lock goes below. */
		if (path_remove_tree_at(st->dir_fd, st->name) < 0)
			st->name[0] = '\0';
	}
	fd_close(&st->tree_fd);
	fd_close(&st->lock_fd);
	fd_close(&st->fd);
	fd_close(&st->dir_fd);
	*st = STAGING_INIT;
	errno = saved_errno;
}

char *staging_path(const struct staging *st, const char *file)
{
	return str_printf("%s/%s/%s", st->dir, st->name, file);
}

int staging_open_version(const struct staging *st, struct err *err)
{
	int fd = path_open_dir(st->fd, VERSION_DIR, O_RDONLY | O_NOFOLLOW);

	return fd < 0 ? err_sys(err, -fd, "open '%s/%s/" VERSION_DIR "'", st->dir, st->name) : fd;
}

static int move_into_place(const struct staging *st, int name_fd, const struct template_manifest *m, struct err *err)
{
	int r = fault_point("template.publish", err);

	if (r < 0)
		return r;
	if (renameat(st->fd, VERSION_DIR, name_fd, m->version) < 0)
		return err_sys(err, errno, "publish template '%s@%s'", m->name, m->version);
	if (fsync(name_fd) < 0 || fsync(st->dir_fd) < 0)
		return err_sys(err, errno, "sync the catalogue '%s' after publishing '%s@%s'", st->dir, m->name, m->version);
	return 0;
}

int staging_publish(const struct staging *st, struct template_manifest *m, struct err *err)
{
	_cleanup_fd_ int lock = catalog_lock(st->dir_fd, "publish", err);

	if (lock < 0)
		return lock;

	_cleanup_fd_ int name_fd = path_make_dir_at(st->dir_fd, m->name, 0755);
	_cleanup_fd_ int version_fd = staging_open_version(st, err);
	struct version newest, next;

	if (name_fd < 0)
		return err_sys(err, -name_fd, "make the folder '%s/%s'", st->dir, m->name);
	if (version_fd < 0)
		return version_fd;

	int found = version_newest_in(name_fd, &newest);

	next = version_next(found > 0 ? &newest : NULL, time(NULL));
	version_format(&next, m->version);

	int r = fault_point("template.manifest", err);

	if (r == 0)
		r = manifest_write(version_fd, m, err);
	if (r == 0)
		r = move_into_place(st, name_fd, m, err);
	/* A name whose first version failed is not a template; with versions in it the folder stays. */
	if (r < 0)
		(void)unlinkat(st->dir_fd, m->name, AT_REMOVEDIR);
	return r;
}
