/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/take.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/str.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/checkpoint/mend_images.h"
#include "runtime/checkpoint/save.h"
#include "runtime/guest_priv.h"
#include "runtime/lifecycle.h"
#include "runtime/network.h"

#define CONF_MAX (1 << 20)

/* In CRIU's stage POST_DUMP, with its link_remap.N in the area. */
static int copy_area(const struct saving *saving, struct err *err)
{
	_cleanup_free_ char *copy = archive_area(saving->guest, saving->context);
	int r = copy ? area_copy(saving->pool, saving->guest->config.uuid, copy, 0, err) : err_oom(err);

	return r < 0 ? r : fault_point("checkpoint.copied", err);
}

/* With which it was restored, its parameters have to be the same (back.c). */
static int keep_conf(const struct saving *saving, struct err *err)
{
	_cleanup_free_ char *text = NULL;
	ssize_t n = fd_read_file_at(saving->guest->dir_fd, CONF_FILE, CONF_MAX, &text);

	if (n < 0)
		return err_sys(err, (int)-n, "read '" CONF_FILE "' of guest '%s'", saving->guest->name);
	return fd_replace_file_at(saving->images_fd, CONF_FILE, text, (size_t)n, false, err);
}

/* What is written now need not be while it stands. */
static void write_early(const struct saving *saving)
{
	_cleanup_fd_ int fd = openat(saving->area_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd >= 0 && pool_get_kind(saving->pool) == POOL_BTRFS)
		(void)!syncfs(fd);
}

static uint64_t now_usec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int save(struct saving *saving, uint64_t *ret_stood_usec, struct err *err)
{
	const char *cgroup = saving->run->cgroup;
	uint64_t start;
	int r = archive_begin(saving->guest, err);

	if (r == 0)
		r = save_begin(saving, OP_CHECKPOINT, err);
	if (r == 0)
		r = keep_conf(saving, err);
	if (r < 0)
		return r;
	write_early(saving);
	start = now_usec();
	r = save_run(saving, err);
	if (r == 0)
		r = save_go_on(saving->guest, cgroup, true, err);
	*ret_stood_usec = now_usec() - start;
	if (r == 0)
		r = fault_point("checkpoint.thawed", err);
	if (r == 0)
		r = checkpoint_mend_images(saving->images_fd, err);
	return r < 0 ? r : archive_commit(saving->guest, saving->images_fd, saving->context, err);
}

/* All of it is tried. What is there under its label stays. */
static int go_on(const struct guest *guest, const char *cgroup, struct err *err)
{
	struct err later = ERR_INIT;
	int r = cgroup ? save_go_on(guest, cgroup, false, err) : 0;
	int next = checkpoint_abandon(guest, r < 0 ? &later : err);

	if (r == 0)
		r = next;
	next = archive_settle(guest, r < 0 ? &later : err);
	if (r == 0)
		r = next;
	return r < 0 ? r : journal_done(guest->run_fd, false, err);
}

int take_settle(struct guest *guest, struct err *err)
{
	struct guest_run run;
	int r = guest_get_run(guest, &run, err);

	if (r >= 0)
		r = go_on(guest, r > 0 ? run.cgroup : NULL, err);
	if (r < 0)
		return err_wrap(err, "settle an interrupted checkpoint of guest '%s'", guest->name);
	log_notice(guest->node->log, "guest '%s': after an interrupted checkpoint, it goes on", guest->name);
	return 0;
}

static int take(struct guest *guest, const struct guest_run *run, const struct net_plans *nets,
		struct guest_checkpoint_made *made, struct err *err)
{
	_cleanup_(saving_close) struct saving saving = {
		SAVING_INIT, .guest = guest, .run = run, .nets = nets, .dumped = copy_area, .context = made->label,
	};
	struct err why = ERR_INIT;
	int r = save_check(guest, run, nets, err);

	if (r < 0)
		return r;
	r = save(&saving, &made->stood_usec, err);
	if (r == 0)
		r = archive_settle(guest, err);
	if (r == 0)
		return journal_done(guest->run_fd, false, err);
	if (go_on(guest, run->cgroup, &why) < 0)
		log_warning(guest->node->log, "guest '%s': not all of the failed checkpoint could be undone: %s", guest->name,
			    why.msg);
	return err_wrap(err,
			archive_has(guest, made->label) ? "the checkpoint of guest '%s' is made, but"
							: "no checkpoint of guest '%s' was made, and it goes on",
			guest->name);
}

static int make_label(const struct guest *guest, char room[CHECKPOINT_LABEL_ROOM], struct err *err)
{
	time_t now = time(NULL);
	struct tm local;
	size_t len;

	localtime_r(&now, &local);
	len = strftime(room, CHECKPOINT_LABEL_ROOM, "%Y%m%d-%H%M%S", &local);
	for (int i = 2; archive_has(guest, room) && i < 100; i++)
		snprintf(room + len, CHECKPOINT_LABEL_ROOM - len, "-%d", i);
	return archive_check_label(room, err);
}

static int choose_label(const struct guest *guest, const char *label, char room[CHECKPOINT_LABEL_ROOM], struct err *err)
{
	if (!label)
		return make_label(guest, room, err);
	if (archive_has(guest, label))
		return err_exit(err, EXIT_EXISTS, EEXIST,
				"guest '%s' has a checkpoint '%s': choose another label, or ctctl checkpoint remove %s %s",
				guest->name, label, guest->name, label);
	return str_copy(room, CHECKPOINT_LABEL_ROOM, label);
}

int guest_checkpoint_create(const struct node *node, const char *name, const char *label, struct guest_checkpoint_made *ret,
			    struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct net_plans nets = NET_PLANS_INIT;
	struct guest_run run;
	int r = label ? archive_check_label(label, err) : 0;

	if (r < 0)
		return r;
	r = guest_open_locked(node, name, OP_CHECKPOINT, false, &guest, err);
	if (r < 0)
		return r;
	r = guest_need_running(guest, &run, err);
	if (r < 0)
		return r;
	r = choose_label(guest, label, ret->label, err);
	if (r == 0)
		r = network_read_note(guest->run_fd, LINKS_FILE, &nets, err);
	if (r >= 0)
		r = take(guest, &run, &nets, ret, err);
	network_plans_free(&nets);
	return r;
}
