/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/save.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/journal.h"
#include "base/str.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/externals.h"
#include "runtime/checkpoint/images.h"
#include "runtime/checkpoint/nursery.h"
#include "runtime/checkpoint/preflight.h"
#include "runtime/checkpoint/repaired.h"
#include "runtime/container/cgroup_tree.h"
#include "runtime/container/container.h"
#include "runtime/container/monitor_fds.h"
#include "runtime/guest_priv.h"
#include "runtime/network.h"

/* For the processes of a guest to stand, those that wait for a slow disk included. */
#define FREEZE_TIMEOUT_MS 30000
/* How often it is tried to catch them all outside of a vfork(2). */
#define FREEZE_TRIES 20
#define VFORK_MS     5 /* to run on for in between: a vfork(2) takes less than one, and nothing tells of its end */
/* CRIU's own, for all of its dump: 500 processes on a busy host. */
#define DUMP_TIMEOUT_S 600

static int check_features(const struct guest *guest, uint64_t features, struct err *err)
{
	static const struct {
		enum guest_feature feature;
		const char *why;
	} unsaved[] = {
		{ FEATURE_NESTING, "containers of its own" },
		{ FEATURE_IO_URING, "io_uring" },
		{ FEATURE_FUSE, "file systems of its own (fuse)" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(unsaved); i++) {
		if (features >> unsaved[i].feature & 1)
			return err_exit(
				err, EXIT_UNSUPPORTED, ENOTSUP,
				"guest '%s' may use %s, which no checkpoint can hold: ctctl set %s features=, then restart it",
				guest->name, unsaved[i].why, guest->name);
	}
	return 0;
}

/* What can be known without touching the guest. */
int save_check(const struct guest *guest, const struct guest_run *run, const struct net_plans *nets, struct err *err)
{
	int r = criu_check_program(err);

	if (r == 0)
		r = check_features(guest, run->features, err);
	for (size_t i = 0; r == 0 && i < nets->n; i++) {
		if (nets->list[i].mode == NET_MODE_MACVLAN)
			r = err_exit(
				err, EXIT_UNSUPPORTED, ENOTSUP,
				"guest '%s': its interface '%s' is a macvlan, which cannot be saved: bridge it, or remove it",
				guest->name, nets->list[i].guest_name);
	}
	return r;
}

/*
 * The terminal as CRIU knows it: "" if that was lost with its first monitor. Of a guest that an older ctctl started, by the end
 * that its monitor holds.
 */
static void name_console(const struct guest_run *run, char room[CONSOLE_ROOM])
{
	char path[48];
	struct stat st;

	room[0] = '\0';
	if (!proc_is_alive(&run->monitor))
		return;
	memcpy(room, run->console, CONSOLE_ROOM);
	if (room[0])
		return;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", run->monitor.pid, MONITOR_FD_SLAVE);
	if (stat(path, &st) == 0)
		snprintf(room, CONSOLE_ROOM, "tty[%llx:%llx]", (unsigned long long)st.st_rdev, (unsigned long long)st.st_dev);
}

static int fill_manifest(const struct guest *guest, const struct guest_run *run, struct checkpoint_manifest *ret, struct err *err)
{
	struct utsname host;
	int r = uname(&host) < 0 ? -errno : 0;

	*ret = (struct checkpoint_manifest){
		.taken_at = (uint64_t)time(NULL),
		.features = run->features,
		.ids_first = run->ids_first,
		.started_at = run->started_at,
	};
	name_console(run, ret->console);
	if (r == 0)
		r = str_copy(ret->boot, sizeof(ret->boot), run->boot);
	if (r == 0)
		r = str_copy(ret->uuid, sizeof(ret->uuid), guest->config.uuid);
	if (r == 0)
		r = str_copy(ret->template_ref, sizeof(ret->template_ref), guest->config.template_ref);
	if (r == 0)
		r = str_copy(ret->kernel, sizeof(ret->kernel), host.release);
	if (r == 0)
		r = str_copy(ret->cgroup, sizeof(ret->cgroup), run->cgroup);
	if (r < 0)
		return err_sys(err, -r, "describe the checkpoint of guest '%s'", guest->name);
	return cgroup_tree_read(run->cgroup, &ret->groups, err);
}

static int write_manifest(const struct saving *saving, char ret_console[CONSOLE_ROOM], struct err *err)
{
	_cleanup_(checkpoint_manifest_free) struct checkpoint_manifest manifest = { 0 };
	int r = fill_manifest(saving->guest, saving->run, &manifest, err);

	manifest.for_shutdown = saving->for_shutdown;
	memcpy(ret_console, manifest.console, sizeof(manifest.console));
	return r < 0 ? r : checkpoint_write_manifest(saving->images_fd, &manifest, err);
}

static int at_stage(void *context, enum criu_stage stage, pid_t pid _unused_, struct err *err)
{
	const struct saving *saving = context;

	return stage == CRIU_POST_DUMP ? saving->dumped(saving, err) : 0;
}

static int dump(const struct saving *saving, const char *console, struct err *err)
{
	const struct guest_run *run = saving->run;
	_cleanup_free_ char *folder = NULL;
	_cleanup_free_ char *group = str_printf("/%s", run->cgroup);
	_cleanup_(externals_free) struct externals externals = EXTERNALS_INIT;
	int r = group ? cgroup_v2_folder(run->cgroup, &folder, err) : err_oom(err);

	if (r == 0)
		r = externals_of_dump(&externals, run->features, console, err);
	if (r < 0)
		return r;

	struct criu_request request = {
		.images_fd = saving->images_fd,
		.log = "dump.log",
		.timeout_s = DUMP_TIMEOUT_S,
		.externals = (const char *const *)externals.list,
		.n_externals = externals.n,
		.pid = run->init.pid,
		.group = &saving->nursery,
		.leave_running = true,
		.notify = at_stage,
		.context = (void *)saving,
		.freeze_cgroup = folder,
		.cgroup_root = group,
	};

	return criu_dump(&request, err);
}

/* While it stands. */
static int save_frozen(const struct saving *saving, struct err *err)
{
	char console[CONSOLE_ROOM];
	int r = fault_point("suspend.frozen", err);

	if (r == 0)
		r = write_manifest(saving, console, err);
	if (r == 0)
		r = dump(saving, console, err);
	return r < 0 ? r : fault_point("suspend.dumped", err);
}

static int shut_all(const struct net_plans *nets, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < nets->n; i++)
		r = network_shut(&nets->list[i], err);
	return r;
}

/* Who restores itself reads the images as the guest's root; nobody else but the host's can get at them. */
static int admit_guest(int images_fd, const struct guest_run *run, struct err *err)
{
	if (fchown(images_fd, 0, (gid_t)run->ids_first) < 0 || fchmod(images_fd, 0710) < 0)
		return err_sys(err, errno, "give the images to the guest");
	return 0;
}

void saving_close(struct saving *saving)
{
	cgroup_join_close(&saving->nursery);
	watched_close(&saving->watched);
	cleanup_fd(&saving->images_fd);
	cleanup_fd(&saving->area_fd);
	pool_close(saving->pool);
}

int save_begin(struct saving *saving, const char *op, struct err *err)
{
	const struct guest *guest = saving->guest;
	int r = pool_open(guest->node->pools_dir, guest->config.pool, &saving->pool, err);

	if (r < 0)
		return r;
	saving->area_fd = area_open(saving->pool, guest->config.uuid, err);
	if (saving->area_fd < 0)
		return saving->area_fd;
	r = journal_begin(guest->run_fd, op, saving->run->boot, false, err);
	if (r == 0)
		r = fault_point("suspend.noted", err);
	if (r < 0)
		return r;
	saving->images_fd = checkpoint_begin(guest, err);
	return saving->images_fd < 0 ? saving->images_fd : 0;
}

/* Frozen, with nobody in it for whom CRIU would wait. */
static int make_stand(const struct guest *guest, const struct guest_run *run, struct err *err)
{
	int r = cgroup_freeze(run->cgroup, FREEZE_TIMEOUT_MS, err);

	for (int tries = 1; r == 0; tries++) {
		r = preflight_check_standing(guest, run, err);
		if (r != -EAGAIN || tries == FREEZE_TRIES)
			return r;
		*err = ERR_INIT;
		r = cgroup_thaw(run->cgroup, err);
		if (r == 0) {
			poll(NULL, 0, VFORK_MS);
			r = cgroup_freeze(run->cgroup, FREEZE_TIMEOUT_MS, err);
		}
	}
	return r;
}

/* What takes time is done before the guest stands. */
int save_run(struct saving *saving, struct err *err)
{
	_cleanup_free_ char *nursery = nursery_path(saving->guest);
	const struct guest_run *run = saving->run;
	int r = nursery ? ct_open_monitors(nursery, &saving->nursery, err) : err_oom(err);

	if (r == 0)
		r = admit_guest(saving->images_fd, run, err);
	if (r == 0)
		r = watched_hold(saving->guest, run, &saving->watched, err);
	if (r == 0)
		r = shut_all(saving->nets, err);
	if (r == 0)
		r = fault_point("suspend.shut", err);
	if (r == 0)
		r = make_stand(saving->guest, run, err);
	if (r == 0)
		r = save_frozen(saving, err);
	return r;
}

/*
 * As before the suspend, when CRIU, which leaves frozen what it found frozen, has ended. All of it is tried: a guest that runs
 * without one interface is better than one that stands.
 */
static int go_on(const struct guest *guest, const char *cgroup, const struct net_plans *nets, bool is_whole, struct err *err)
{
	struct err later = ERR_INIT, *e = err;
	int r = nursery_close(guest, e), next;

	if (r < 0)
		e = &later;
	next = is_whole ? 0 : checkpoint_end_repair(cgroup, e);
	if (next < 0 && r == 0) {
		r = next;
		e = &later;
	}
	for (size_t i = 0; i < nets->n; i++) {
		next = network_open(guest->node, &nets->list[i], e);
		if (next < 0 && r == 0) {
			r = next;
			e = &later;
		}
	}
	next = cgroup_thaw(cgroup, e);
	return r < 0 ? r : next;
}

int save_go_on(const struct guest *guest, const char *cgroup, bool is_whole, struct err *err)
{
	struct net_plans nets = NET_PLANS_INIT;
	int r = network_read_note(guest->run_fd, LINKS_FILE, &nets, err);

	if (r >= 0)
		r = go_on(guest, cgroup, &nets, is_whole, err);
	network_plans_free(&nets);
	return r;
}
