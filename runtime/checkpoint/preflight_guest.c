/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/kcmp.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/checkpoint/criu.h"
#include "runtime/checkpoint/preflight_priv.h"
#include "runtime/container/cgroup.h"
#include "runtime/network.h"
#include "runtime/params.h"

static void check_features(struct preflight *p)
{
	static const struct {
		enum guest_feature feature;
		const char *what;
	} unsaved[] = {
		{ FEATURE_NESTING, "nesting: containers of its own" },
		{ FEATURE_IO_URING, "io_uring" },
		{ FEATURE_FUSE, "fuse: file systems of its own" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(unsaved); i++) {
		if (p->run.features >> unsaved[i].feature & 1)
			preflight_found(p, PREFLIGHT_FEATURE, NULL, -1, "%s", unsaved[i].what);
	}
}

static int check_interfaces(struct preflight *p, struct err *err)
{
	struct net_plans nets = NET_PLANS_INIT;
	int r = network_read_note(p->guest->run_fd, LINKS_FILE, &nets, err);

	for (size_t i = 0; r >= 0 && i < nets.n; i++) {
		if (nets.list[i].mode == NET_MODE_MACVLAN)
			preflight_found(p, PREFLIGHT_MACVLAN, NULL, -1, "%s", nets.list[i].guest_name);
	}
	network_plans_free(&nets);
	return r < 0 ? r : 0;
}

int preflight_node(struct preflight *p, struct err *err)
{
	struct err why = ERR_INIT;

	if (criu_check_program(&why) < 0)
		preflight_found(p, PREFLIGHT_CRIU, NULL, -1, "%s", why.msg);
	/* Of all that CONFIG_CHECKPOINT_RESTORE brings, what can be asked for without a process to ask about. */
	if (syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, 0, 0) < 0 && errno == ENOSYS)
		preflight_found(p, PREFLIGHT_KERNEL, NULL, -1, "kcmp(2)");
	check_features(p);
	return check_interfaces(p, err);
}

/* What the processes have and what is charged to them are both more than what is written: pages that several share, files. */
int preflight_space(struct preflight *p, struct err *err)
{
	struct cgroup_usage usage;
	uint64_t need = p->memory_bytes, room;
	char has[STR_NUMBER_ROOM], needs[STR_NUMBER_ROOM];
	struct statvfs fs;
	int r = cgroup_get_usage(p->run.cgroup, &usage, err);

	if (r < 0)
		return r;
	if (fstatvfs(p->guest->dir_fd, &fs) < 0)
		return err_sys(err, errno, "look for room in the folder of guest '%s'", p->guest->name);
	if (usage.memory_bytes > 0 && usage.memory_bytes < need)
		need = usage.memory_bytes;
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (need <= room)
		return 0;
	str_from_size(need >> 20 << 20, needs);
	str_from_size(room >> 20 << 20, has);
	preflight_found(p, PREFLIGHT_SPACE, NULL, -1, "up to %s of memory, %s are free", needs, has);
	return 0;
}
