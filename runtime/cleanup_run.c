/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/journal.h"
#include "base/path.h"
#include "base/proc.h"
#include "runtime/container/cgroup.h"
#include "runtime/container/container.h"
#include "runtime/guest_priv.h"
#include "runtime/network.h"
#include "runtime/operations.h"

/* For what is killed to be gone. */
#define KILL_TIMEOUT_MS 30000

static int end_process(const struct proc_id *id)
{
	/* The monitor of a start whose journal stayed open may be us, as `ctctl __exited`. */
	if (id->pid == getpid())
		return 0;

	_cleanup_fd_ int pidfd = proc_open(id);

	if (pidfd < 0)
		return pidfd == -ESRCH ? 0 : pidfd;

	int r = proc_kill_pidfd(pidfd, SIGKILL);

	return r < 0 && r != -ESRCH ? r : proc_wait_pidfd(pidfd, KILL_TIMEOUT_MS);
}

/* The monitor that an interrupted start noted; the init-to-be dies with it. */
static int end_noted_monitor(const struct guest *guest, struct err *err)
{
	struct journal_entry entry;
	int r = journal_read(guest->run_fd, &entry, err);

	if (r <= 0)
		return r;
	for (int i = 0; i < entry.n_steps; i++) {
		struct proc_id id;

		if (sscanf(entry.steps[i], "monitor %d %" SCNu64, &id.pid, &id.start_ticks) != 2)
			continue;
		r = end_process(&id);
		if (r < 0)
			return err_sys(err, -r, "end the monitor of guest '%s', process %d", guest->name, id.pid);
	}
	return 0;
}

static int remove_file(const struct guest *guest, const char *name, struct err *err)
{
	if (unlinkat(guest->run_fd, name, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove '%s' of guest '%s'", name, guest->name);
	return 0;
}

/*
 * What was protected for it, asked of the kernel: its guest.conf may have been edited since, or cannot be read. guest.conf counts
 * where the kernel says nothing: a cleanup that was killed may have removed the group already.
 */
static uint64_t protected_memory(const struct guest *guest, const char *cgroup)
{
	struct err ignored = ERR_INIT;
	uint64_t low = 0, sum;

	if (cgroup_get_low(cgroup, &low, &sum, &ignored) < 0 || low == 0)
		return guest->config.memory_low;
	return low;
}

int guest_cleanup_run(struct guest *guest, struct err *err)
{
	static const char *const files[] = { CT_CONSOLE_SOCKET, LINKS_FILE_NEW, LINKS_FILE_NEXT_NEW, STATE_FILE_NEW };
	_cleanup_free_ char *cgroup = guest_run_cgroup(guest);
	uint64_t low;
	int r;

	if (!cgroup)
		return err_oom(err);
	low = protected_memory(guest, cgroup);
	r = end_noted_monitor(guest, err);
	if (r == 0)
		r = cgroup_kill(cgroup, KILL_TIMEOUT_MS, err);
	if (r == 0)
		r = cgroup_destroy(cgroup, err);
	if (r == 0)
		guest_protect_or_warn(guest, low);
	if (r == 0)
		r = network_cleanup(guest, err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(files); i++)
		r = remove_file(guest, files[i], err);
	/* Last: while it is there, the next ctctl cleans up. */
	return r < 0 ? r : remove_file(guest, STATE_FILE, err);
}

int guest_cleanup_ended(struct guest *guest, struct err *err)
{
	return path_exists_at(guest->run_fd, STATE_FILE) ? guest_cleanup_run(guest, err) : 0;
}
