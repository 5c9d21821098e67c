/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/back.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/same_settings.h"
#include "runtime/guest_priv.h"
#include "runtime/lifecycle.h"
#include "runtime/operations.h"
#include "storage/pool.h"

/* In the area that is to be, or has become, the guest's. */
#define MARK   "restore"
#define PLACED "placed"

/* The guest's pool, and what the area that takes part is called. */
struct places {
	struct pool *pool;
	char *id;
};

static void places_close(struct places *places)
{
	pool_close(places->pool);
	free(places->id);
}

static int open_places(const struct guest *guest, struct places *ret, struct err *err)
{
	int r = pool_open(guest->node->pools_dir, guest->config.pool, &ret->pool, err);

	if (r < 0)
		return r;
	ret->id = archive_area(guest, LABEL_RESTORE);
	return ret->id ? 0 : err_oom(err);
}

/* On the disk when the call returns. */
static int set_mark(struct pool *pool, const char *id, bool is_set, struct err *err)
{
	_cleanup_fd_ int area = area_open(pool, id, err);
	_cleanup_fd_ int dir = area < 0 ? area : path_open_dir(area, ".", O_RDONLY);
	_cleanup_fd_ int mark = -EBADF;

	if (area < 0)
		return area;
	if (is_set)
		mark = openat(dir, MARK, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (dir < 0 || (is_set && (mark < 0 || fsync(mark) < 0)) || (!is_set && unlinkat(dir, MARK, 0) < 0 && errno != ENOENT) ||
	    fsync(dir) < 0)
		return err_sys(err, errno, "mark the area '%s'", id);
	return 0;
}

static int has_mark(struct pool *pool, const char *id, struct err *err)
{
	_cleanup_fd_ int area = area_open(pool, id, err);

	return area < 0 ? area : path_exists_at(area, MARK);
}

/* What a killed restore left there must not be taken for this one's. */
static int copy_area(const struct guest *guest, const char *label, struct err *err)
{
	_cleanup_(places_close) struct places places = { 0 };
	_cleanup_free_ char *from = archive_area(guest, label);
	int r = from ? open_places(guest, &places, err) : err_oom(err);

	if (r == 0)
		r = set_mark(places.pool, guest->config.uuid, false, err);
	if (r == 0)
		r = area_copy(places.pool, from, places.id, guest->config.disk, err);
	return r < 0 ? r : set_mark(places.pool, places.id, true, err);
}

static int share_images(const struct guest *guest, int images_fd, struct err *err)
{
	_cleanup_fd_ int all = archive_open_all(guest, err);
	_cleanup_fd_ int to = all < 0 ? all : path_make_dir_at(all, CHECKPOINTS_RESTORE, 0700);
	int r = to < 0 ? to : checkpoint_share_images(images_fd, to);

	if (all < 0)
		return all;
	if (r == 0 && (fsync(to) < 0 || fsync(all) < 0))
		r = -errno;
	return r < 0 ? err_sys(err, -r, "share the images of the checkpoint of guest '%s'", guest->name) : 0;
}

/* Up to the point of no return: the guest runs on, if it does. */
static int prepare(const struct guest *guest, const char *label, int images_fd, struct err *err)
{
	int r = archive_begin(guest, err);

	if (r == 0)
		r = copy_area(guest, label, err);
	if (r == 0)
		r = fault_point("restore.copied", err);
	if (r == 0)
		r = share_images(guest, images_fd, err);
	if (r == 0)
		r = fault_point("restore.prepared", err);
	return r < 0 ? r : journal_begin(guest->dir_fd, OP_RESTORE, label, true, err);
}

static int end_guest(struct guest *guest, struct err *err)
{
	struct guest_stop_spec kill = { .kill = true };

	return guest_stop_locked(guest, &kill, NULL, err);
}

static int exchange_areas(const struct guest *guest, struct err *err)
{
	_cleanup_(places_close) struct places places = { 0 };
	int r = open_places(guest, &places, err);

	if (r == 0)
		r = has_mark(places.pool, guest->config.uuid, err);
	if (r == 0)
		r = area_exchange(places.pool, guest->config.uuid, places.id, err);
	return r < 0 ? r : 0;
}

static int move_images(const struct guest *guest, struct err *err)
{
	_cleanup_fd_ int all = archive_open_all(guest, err);
	int r = all < 0 ? all : 0;

	if (r < 0 || !path_exists_at(all, CHECKPOINTS_RESTORE))
		return r;
	r = checkpoint_discard(guest, err);
	if (r < 0)
		return r;
	if (renameat(all, CHECKPOINTS_RESTORE, guest->dir_fd, CHECKPOINT_DIR) < 0 || fsync(guest->dir_fd) < 0 || fsync(all) < 0)
		return err_sys(err, errno, "make the checkpoint that of guest '%s'", guest->name);
	return 0;
}

/* Behind the point of no return; again, after any kill. */
static int place(struct guest *guest, struct err *err)
{
	int r = end_guest(guest, err);

	if (r == 0)
		r = fault_point("restore.ended", err);
	if (r == 0)
		r = exchange_areas(guest, err);
	if (r == 0)
		r = fault_point("restore.exchanged", err);
	if (r == 0)
		r = move_images(guest, err);
	if (r == 0)
		r = fault_point("restore.moved", err);
	return r < 0 ? r : journal_step(guest->dir_fd, PLACED, true, err);
}

static int clear_mark(const struct guest *guest, struct err *err)
{
	_cleanup_(places_close) struct places places = { 0 };
	int r = open_places(guest, &places, err);

	return r < 0 ? r : set_mark(places.pool, guest->config.uuid, false, err);
}

/* What it was before goes only now. */
static int try_finish(const struct guest *guest, struct err *err)
{
	int r = clear_mark(guest, err);

	if (r == 0)
		r = journal_done(guest->dir_fd, true, err);

	if (r == 0)
		r = fault_point("restore.done", err);
	return r < 0 ? r : archive_settle(guest, err);
}

static int finish(const struct guest *guest, struct err *err)
{
	struct err why = ERR_INIT;
	int r = try_finish(guest, err);

	/* The journal is closed in any case, if it can be: the guest runs. */
	if (r < 0 && try_finish(guest, &why) < 0)
		log_warning(guest->node->log, "guest '%s': not all of its restore could be cleaned up: %s", guest->name, why.msg);
	return r;
}

/* 1: it was going on already, when a restore was killed after its resume. */
static int go_on(struct guest *guest, struct err *err)
{
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	return r != 0 ? r : guest_start_locked(guest, err);
}

static int read_journal(const struct guest *guest, struct journal_entry *ret, struct err *err)
{
	int r = journal_read(guest->dir_fd, ret, err);

	return r > 0 && strcmp(ret->op, OP_RESTORE) != 0 ? 0 : r;
}

bool back_is_open(const struct guest *guest)
{
	struct err ignored = ERR_INIT;
	struct journal_entry entry;

	return read_journal(guest, &entry, &ignored) > 0;
}

int back_settle(struct guest *guest, struct err *err)
{
	struct err why = ERR_INIT;
	struct journal_entry entry;
	int r = read_journal(guest, &entry, err);

	if (r <= 0)
		return r;
	r = journal_has_step(&entry, PLACED) ? 0 : place(guest, err);
	if (r < 0)
		return err_wrap(err, "finish an interrupted restore of guest '%s'", guest->name);
	if (go_on(guest, &why) < 0) {
		log_warning(guest->node->log, "guest '%s' was restored from its checkpoint '%s', but it is suspended: %s",
			    guest->name, entry.arg, why.msg);
	} else {
		log_notice(guest->node->log, "guest '%s': an interrupted restore was finished", guest->name);
		guest->was_restarted = true;
	}
	return finish(guest, err);
}

/* A failure of a step is tried once more, as the next command would. */
static int place_and_go_on(struct guest *guest, struct err *err)
{
	struct err why = ERR_INIT;
	int r = place(guest, err);

	if (r < 0 && place(guest, &why) < 0)
		return err_wrap(err, "guest '%s' is not restored yet, the next command goes on with it", guest->name);

	int started = go_on(guest, r < 0 ? &why : err);
	int ended = finish(guest, r < 0 || started < 0 ? &why : err);

	if (r < 0)
		return err_wrap(err, started < 0 ? "guest '%s' is restored and suspended, but" : "guest '%s' is restored, but",
				guest->name);
	if (started < 0)
		return err_wrap(err, "guest '%s' is as it was then, but suspended", guest->name);
	return ended < 0 ? err_wrap(err, "guest '%s' is restored, but", guest->name) : 0;
}

static int back(struct guest *guest, const char *label, struct err *err)
{
	_cleanup_(checkpoint_manifest_free) struct checkpoint_manifest manifest = { 0 };
	_cleanup_fd_ int images = archive_open(guest, label, &manifest, err);
	struct err why = ERR_INIT;
	int r = images < 0 ? images : same_settings(guest, label, images, &manifest, err);

	if (r == 0)
		r = criu_check_program(err);
	if (r < 0)
		return r;
	r = prepare(guest, label, images, err);
	if (r == 0)
		r = fault_point("restore.noted", err);
	if (r == 0)
		return place_and_go_on(guest, err);
	if (journal_done(guest->dir_fd, true, &why) < 0 || archive_settle(guest, &why) < 0)
		log_warning(guest->node->log, "guest '%s': not all of the failed restore could be undone: %s", guest->name,
			    why.msg);
	return err_wrap(err, "guest '%s' is as it was", guest->name);
}

int guest_checkpoint_restore(const struct node *node, const char *name, const char *label, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	int r = guest_open_locked(node, name, OP_RESTORE, false, &guest, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int monitor = guest_open_monitor(guest);

	r = back(guest, label, err);
	if (r == 0)
		guest_release_to_monitor(guest, monitor);
	return r;
}
