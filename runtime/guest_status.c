/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/lock.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/checkpoint/back.h"
#include "runtime/checkpoint/images.h"
#include "runtime/container/cgroup.h"
#include "runtime/guest_priv.h"
#include "storage/pool.h"

static const char *const state_words[] = {
#define X(name, word) [GUEST_##name] = word,
	GUEST_STATES(X)
#undef X
};

const char *guest_state_word(enum guest_state state)
{
	return state_words[state];
}

int guest_get_run(const struct guest *guest, struct guest_run *ret, struct err *err)
{
	if (guest->run_fd < 0)
		return 0;

	int r = state_read(guest->run_fd, ret, err);

	if (r <= 0)
		return r;
	return proc_is_alive(&ret->init);
}

int guest_check_not_suspended(const struct guest *guest, struct err *err)
{
	struct guest_run run;

	if (!checkpoint_exists(guest))
		return 0;

	/* While it is resumed, both are there for a moment. */
	int r = guest_get_run(guest, &run, err);

	if (r != 0)
		return r < 0 ? r : 0;
	return err_exit(err, EXIT_SUSPENDED, EBUSY,
			"guest '%s' is suspended: ctctl resume %s, or ctctl start %s --discard-checkpoint to boot it anew and "
			"lose what it had in memory",
			guest->name, guest->name, guest->name);
}

int guest_need_running(const struct guest *guest, struct guest_run *ret, struct err *err)
{
	int r = guest_get_run(guest, ret, err);

	if (r == 0)
		r = guest_check_not_suspended(guest, err);
	if (r == 0)
		return err_exit(err, EXIT_NOT_RUNNING, ESRCH, "guest '%s' is not running: ctctl start %s", guest->name,
				guest->name);
	return r < 0 ? r : 0;
}

static void get_busy(const struct guest *guest, char *room, size_t size)
{
	char note[64], verb[32];
	int pid;

	room[0] = '\0';
	if (guest->run_fd < 0 || !lock_is_held(guest->run_fd, GUEST_LOCK_FILE, note, sizeof(note)))
		return;
	if (sscanf(note, "%d %31s", &pid, verb) == 2)
		snprintf(room, size, "%s by %d", verb, pid);
	else
		snprintf(room, size, "yes");
}

int guest_get_state(const struct guest *guest, struct guest_status *ret, struct err *err)
{
	struct guest_run run;
	int alive = guest_get_run(guest, &run, err);

	if (alive < 0)
		return alive;
	*ret = (struct guest_status){ .state = GUEST_STOPPED };
	if (checkpoint_exists(guest))
		ret->state = GUEST_SUSPENDED;
	if (path_exists_at(guest->dir_fd, JOURNAL_FILE) && !back_is_open(guest))
		ret->state = GUEST_BROKEN;
	if (alive) {
		ret->init_pid = run.init.pid;
		ret->monitor_pid = run.monitor.pid;
		ret->started_at = run.started_at;
		ret->state = proc_is_alive(&run.monitor) ? GUEST_RUNNING : GUEST_UNMONITORED;
	}
	get_busy(guest, ret->busy, sizeof(ret->busy));
	return 0;
}

static int count(void *context, const char *label _unused_)
{
	++*(uint64_t *)context;
	return 0;
}

int guest_get_usage(const struct guest *guest, struct guest_status *io, struct err *err)
{
	_cleanup_free_ char *cgroup = guest_run_cgroup(guest);
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	struct cgroup_usage usage = { 0 };
	struct area_stat area = { 0 };
	int r;

	if (!cgroup)
		return err_oom(err);
	if (io->state == GUEST_RUNNING || io->state == GUEST_UNMONITORED) {
		r = cgroup_get_usage(cgroup, &usage, err);
		if (r < 0)
			return r;
	}
	/* That it is damaged is said by who resumes it. */
	if (io->state == GUEST_SUSPENDED)
		(void)!checkpoint_stat(guest, &io->checkpoint_bytes, &io->suspended_at);
	io->n_checkpoints = 0;
	r = archive_each(guest, count, &io->n_checkpoints, err);
	if (r < 0)
		return r;
	io->memory_bytes = usage.memory_bytes;
	io->cpu_usec = usage.cpu_usec;
	io->n_pids = usage.n_pids;
	r = pool_open(guest->node->pools_dir, guest->config.pool, &pool, err);
	if (r == 0)
		r = area_get_stat(pool, guest->config.uuid, &area, err);
	if (r < 0)
		return r;
	io->has_disk = area.is_exact;
	io->disk_bytes = area.used_bytes;
	return 0;
}
