/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/suspend.h"

#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/path.h"
#include "runtime/checkpoint/images.h"
#include "runtime/checkpoint/links.h"
#include "runtime/checkpoint/mend_images.h"
#include "runtime/checkpoint/nursery.h"
#include "runtime/checkpoint/save.h"
#include "runtime/guest_priv.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"

static int keep_links(const struct saving *saving, struct err *err)
{
	return checkpoint_keep_links(saving->images_fd, saving->area_fd, err);
}

static int open_area(const struct guest *guest, struct pool **ret_pool, struct err *err)
{
	int r = pool_open(guest->node->pools_dir, guest->config.pool, ret_pool, err);

	return r < 0 ? r : area_open(*ret_pool, guest->config.uuid, err);
}

static int forget_links(const struct guest *guest, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	_cleanup_fd_ int area = open_area(guest, &pool, err);

	return area < 0 ? area : checkpoint_forget_links(area, err);
}

static int put_links_back(const struct guest *guest, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	_cleanup_fd_ int area = open_area(guest, &pool, err);
	_cleanup_fd_ int images = area < 0 ? area : path_open_dir(guest->dir_fd, CHECKPOINT_DIR, O_RDONLY);

	if (area < 0)
		return area;
	return images < 0 ? err_sys(err, -images, "open the checkpoint of guest '%s'", guest->name)
			  : checkpoint_put_links_back(images, area, err);
}

/* All of it is tried. */
static int undo(const struct guest *guest, const char *cgroup, struct err *err)
{
	struct err later = ERR_INIT;
	int r = save_go_on(guest, cgroup, false, err);
	int next = forget_links(guest, r < 0 ? &later : err);

	if (r == 0)
		r = next;
	next = checkpoint_abandon(guest, r < 0 ? &later : err);
	if (r == 0)
		r = next;
	return r < 0 ? r : journal_done(guest->run_fd, false, err);
}

/* The guest is suspended: what stands is ended. */
static int end_saved(struct guest *guest, struct err *err)
{
	int r = nursery_close(guest, err);

	if (r == 0)
		r = guest_cleanup_run(guest, err);
	if (r == 0)
		r = put_links_back(guest, err);
	return r < 0 ? r : journal_done(guest->run_fd, false, err);
}

int suspend_settle(struct guest *guest, struct err *err)
{
	struct guest_run run;
	int r;

	if (checkpoint_exists(guest)) {
		r = end_saved(guest, err);
		if (r == 0)
			log_notice(guest->node->log, "guest '%s': an interrupted suspend was finished", guest->name);
		return r;
	}
	r = guest_get_run(guest, &run, err);
	if (r < 0)
		return r;
	r = r == 0 ? checkpoint_abandon(guest, err) : undo(guest, run.cgroup, err);
	if (r < 0)
		return err_wrap(err, "undo an interrupted suspend of guest '%s'", guest->name);
	log_notice(guest->node->log, "guest '%s': an interrupted suspend was undone", guest->name);
	return journal_done(guest->run_fd, false, err);
}

/* Up to the point of no return. */
static int save(struct saving *saving, struct err *err)
{
	int r = save_begin(saving, OP_SUSPEND, err);

	if (r == 0)
		r = save_run(saving, err);
	if (r == 0)
		r = checkpoint_mend_images(saving->images_fd, err);
	return r < 0 ? r : checkpoint_commit(saving->guest, saving->images_fd, err);
}

static int suspend(struct guest *guest, const struct guest_run *run, const struct net_plans *nets, bool for_shutdown,
		   struct err *err)
{
	_cleanup_(saving_close) struct saving saving = {
		SAVING_INIT, .guest = guest, .run = run, .nets = nets, .for_shutdown = for_shutdown, .dumped = keep_links,
	};
	struct err why = ERR_INIT;
	int r = save_check(guest, run, nets, err);

	if (r < 0)
		return r;
	r = save(&saving, err);
	if (checkpoint_exists(guest)) {
		int ended = end_saved(guest, r < 0 ? &why : err);

		/* Past the point of no return an error is one of the disk. */
		return r < 0 ? err_wrap(err, "guest '%s' is suspended, but", guest->name) : ended;
	}
	if (undo(guest, run->cgroup, &why) < 0)
		log_warning(guest->node->log, "guest '%s': not all of the failed suspend could be undone: %s", guest->name,
			    why.msg);
	return err_wrap(err, "guest '%s' was not suspended and goes on", guest->name);
}

static int open_and_suspend(const struct node *node, const char *name, bool for_shutdown, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct net_plans nets = NET_PLANS_INIT;
	struct guest_run run;
	int r = guest_open_locked(node, name, OP_SUSPEND, false, &guest, err);

	if (r == 0)
		r = guest_get_run(guest, &run, err);
	if (r < 0)
		return r;
	if (r == 0 && checkpoint_exists(guest))
		return err_exit(err, EXIT_SUSPENDED, EALREADY, "guest '%s' is suspended already: ctctl resume %s", name, name);
	if (r == 0)
		return err_exit(err, EXIT_NOT_RUNNING, ESRCH, "guest '%s' is not running", name);

	_cleanup_fd_ int monitor = guest_open_monitor(guest);

	r = network_read_note(guest->run_fd, LINKS_FILE, &nets, err);
	if (r >= 0)
		r = suspend(guest, &run, &nets, for_shutdown, err);
	network_plans_free(&nets);
	if (r == 0)
		guest_release_to_monitor(guest, monitor);
	return r;
}

int guest_suspend(const struct node *node, const char *name, struct err *err)
{
	return open_and_suspend(node, name, false, err);
}

int guest_suspend_for_shutdown(const struct node *node, const char *name, struct err *err)
{
	return open_and_suspend(node, name, true, err);
}
