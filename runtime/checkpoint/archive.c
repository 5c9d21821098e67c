/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/manifest.h"

#define BUSY	".busy"
#define REMOVED ".removed" /* a checkpoint of which not all is gone yet */

int archive_check_label(const char *label, struct err *err)
{
	if (str_check_name("label", label, err) == 0 && strlen(label) <= CHECKPOINT_LABEL_MAX)
		return 0;
	return err_exit(err, EXIT_INVALID, EINVAL,
			"the label '%s': expected at most %d of a-z, 0-9 and '-', the first a letter or a digit", label,
			CHECKPOINT_LABEL_MAX);
}

static int open_existing(const struct guest *guest)
{
	return path_open_dir(guest->dir_fd, CHECKPOINTS_DIR, O_RDONLY | O_NOFOLLOW);
}

static bool is_in(int all_fd, const char *label)
{
	struct err ignored = ERR_INIT;

	return archive_check_label(label, &ignored) == 0 && path_exists_at(all_fd, label);
}

bool archive_has(const struct guest *guest, const char *label)
{
	_cleanup_fd_ int all = open_existing(guest);

	return all >= 0 && is_in(all, label);
}

char *archive_area(const struct guest *guest, const char *label)
{
	return str_printf("%s-%s", guest->config.uuid, label);
}

int archive_open(const struct guest *guest, const char *label, struct checkpoint_manifest *ret, struct err *err)
{
	int r = archive_check_label(label, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int all = open_existing(guest);
	_cleanup_fd_ int fd = all < 0 ? all : path_open_beneath(all, label, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -ENOENT)
		return err_exit(err, EXIT_NO_CHECKPOINT, ENOENT,
				"guest '%s' has no checkpoint '%s': see ctctl checkpoint list %s", guest->name, label,
				guest->name);
	if (fd < 0)
		return err_sys(err, -fd, "open the checkpoint '%s' of guest '%s'", label, guest->name);
	r = checkpoint_read_manifest(fd, ret, err);
	return r < 0 ? err_wrap(err, "checkpoint '%s' of guest '%s'", label, guest->name) : TAKE_FD(fd);
}

int archive_open_all(const struct guest *guest, struct err *err)
{
	_cleanup_fd_ int all = path_make_dir_at(guest->dir_fd, CHECKPOINTS_DIR, 0700);

	if (all < 0)
		return err_sys(err, -all, "make the folder '" CHECKPOINTS_DIR "' of guest '%s'", guest->name);
	return TAKE_FD(all);
}

int archive_begin(const struct guest *guest, struct err *err)
{
	_cleanup_fd_ int all = archive_open_all(guest, err);

	if (all < 0)
		return all;

	_cleanup_fd_ int busy = openat(all, BUSY, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (busy < 0 || fsync(busy) < 0 || fsync(all) < 0 || fsync(guest->dir_fd) < 0)
		return err_sys(err, errno, "note a change of the checkpoints of guest '%s'", guest->name);
	return 0;
}

/* Looks for an area that is a guest's own or a checkpoint's, and is nobody's. */
struct search {
	const char *uuid;
	int all_fd; /* of the checkpoints that are there; negative: none */
	char found[128];
};

static int look_at(void *context, const char *id)
{
	struct search *s = context;
	size_t len = strlen(s->uuid);

	if (s->found[0] || strncmp(id, s->uuid, len) != 0 || id[len] != '-')
		return 0;
	return s->all_fd >= 0 && is_in(s->all_fd, id + len + 1) ? 0 : str_copy(s->found, sizeof(s->found), id);
}

static int remove_areas(struct pool *pool, const char *uuid, int all_fd, struct err *err)
{
	for (;;) {
		struct search search = { .uuid = uuid, .all_fd = all_fd };
		int r = area_each(pool, look_at, &search, err);

		if (r < 0 || !search.found[0])
			return r;
		r = area_destroy(pool, search.found, err);
		if (r < 0)
			return r;
	}
}

int archive_destroy_areas(struct pool *pool, const char *uuid, struct err *err)
{
	return remove_areas(pool, uuid, -EBADF, err);
}

static int remove_waste(const struct guest *guest, int all_fd, struct err *err)
{
	static const char *const waste[] = { REMOVED, CHECKPOINTS_RESTORE };
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = pool_open(guest->node->pools_dir, guest->config.pool, &pool, err);

	if (r == 0)
		r = remove_areas(pool, guest->config.uuid, all_fd, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(waste); i++) {
		r = path_remove_tree_at(all_fd, waste[i]);
		if (r < 0)
			r = err_sys(err, -r, "remove '%s'", waste[i]);
	}
	return r;
}

int archive_settle(const struct guest *guest, struct err *err)
{
	_cleanup_fd_ int all = open_existing(guest);

	if (all < 0 || !path_exists_at(all, BUSY))
		return 0;

	int r = remove_waste(guest, all, err);

	if (r == 0 && unlinkat(all, BUSY, 0) < 0 && errno != ENOENT)
		r = err_sys(err, errno, "remove '" BUSY "'");
	/* Without any, there is no folder. */
	if (r == 0 && unlinkat(guest->dir_fd, CHECKPOINTS_DIR, AT_REMOVEDIR) < 0 && errno != ENOTEMPTY && errno != EEXIST)
		r = err_sys(err, errno, "remove the folder '" CHECKPOINTS_DIR "'");
	return r < 0 ? err_wrap(err, "clean up after a change of the checkpoints of guest '%s'", guest->name) : 0;
}

int archive_commit(const struct guest *guest, int images_fd, const char *label, struct err *err)
{
	_cleanup_fd_ int all = archive_open_all(guest, err);
	int r = all < 0 ? all : checkpoint_sync(guest, images_fd, err);

	if (r == 0)
		r = fault_point("checkpoint.synced", err);
	if (r < 0)
		return r;
	if (renameat2(guest->dir_fd, CHECKPOINT_DIR_NEW, all, label, RENAME_NOREPLACE) < 0)
		return err_sys(err, errno, "name the checkpoint '%s' of guest '%s'", label, guest->name);
	if (fsync(all) < 0 || fsync(guest->dir_fd) < 0)
		return err_sys(err, errno, "write the checkpoint '%s' of guest '%s' to the disk", label, guest->name);
	return fault_point("checkpoint.named", err);
}

int archive_remove(const struct guest *guest, const char *label, struct err *err)
{
	_cleanup_fd_ int all = -EBADF;
	int r = archive_begin(guest, err);

	if (r < 0)
		return r;
	all = archive_open_all(guest, err);
	if (all < 0)
		return all;
	if (renameat2(all, label, all, REMOVED, RENAME_NOREPLACE) < 0)
		return err_sys(err, errno, "remove the checkpoint '%s' of guest '%s'", label, guest->name);
	if (fsync(all) < 0)
		return err_sys(err, errno, "write the removal of the checkpoint '%s' to the disk", label);
	r = fault_point("checkpoint.removed", err);
	return r < 0 ? r : archive_settle(guest, err);
}

int archive_each(const struct guest *guest, int (*each)(void *context, const char *label), void *context, struct err *err)
{
	_cleanup_fd_ int all = open_existing(guest);
	_cleanup_dir_ DIR *dir = all < 0 ? NULL : entries_open(all);
	struct err ignored = ERR_INIT;
	const struct dirent *e;

	if (all == -ENOENT)
		return 0;
	if (!dir)
		return err_sys(err, all < 0 ? -all : errno, "list the checkpoints of guest '%s'", guest->name);
	while ((e = entries_next(dir))) {
		int r = archive_check_label(e->d_name, &ignored) < 0 ? 0 : each(context, e->d_name);

		if (r < 0)
			return r;
	}
	return errno ? err_sys(err, errno, "list the checkpoints of guest '%s'", guest->name) : 0;
}
