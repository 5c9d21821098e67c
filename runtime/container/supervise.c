/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sync.h"
#include "runtime/container/caps.h"
#include "runtime/container/container.h"
#include "runtime/container/launch_priv.h"
#include "runtime/container/monitor_start.h"
#include "runtime/container/rlimits.h"
#include "runtime/network.h"
#include "runtime/node.h"
#include "storage/rootfs.h"

struct supervisor {
	const struct ct_spec *spec;
	const struct cgroup_join *group;
	int ctctl_fd;
	int init_fd; /* sync socket to the init-to-be */
	int pidfd;
	pid_t init;
	int master_fd;
	int slave_fd;
	int netns_fd; /* the guest's */
	char slave_path[32];
};

static int open_console(struct supervisor *sv, struct err *err)
{
	uid_t root = (uid_t)sv->spec->ids_first;

	sv->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (sv->master_fd < 0 || unlockpt(sv->master_fd) < 0 ||
	    ptsname_r(sv->master_fd, sv->slave_path, sizeof(sv->slave_path)) != 0)
		return err_sys(err, errno, "open a pseudo terminal for the console");
	sv->slave_fd = ioctl(sv->master_fd, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (sv->slave_fd < 0 || fchown(sv->slave_fd, root, root + CT_TTY_GID) < 0 || fchmod(sv->slave_fd, 0620) < 0)
		return err_sys(err, errno, "give the console to the guest");
	return 0;
}

/*
 * The kernel counts what a user namespace holds (inotify instances and watches, pending signals, message queues, locked memory,
 * namespaces) against its owner in the parent namespace, too, and it is owned by the effective user that makes it
 * (user_namespaces(7); kernel/ucount.c). Made by the host's root, all guests would share root's limits, 128 inotify instances at
 * that; made by its own root's id on the host, each guest has its own. The capabilities stay for the time of the clone.
 *
 * A host's root without CAP_SYS_RESOURCE stays the owner: only as such it has that capability over the guest
 * (user_namespaces(7)), and a checkpoint asks for the limits of processes (prlimit(2)).
 */
static int clone_as_owner(struct supervisor *sv, pid_t *ret_pid)
{
	const uint64_t flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC;
	uid_t root = caps_has_sys_resource() ? (uid_t)sv->spec->ids_first : 0;
	int bits = prctl(PR_GET_SECUREBITS);

	if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0)
		return -errno;

	int r = syscall(SYS_setresuid, -1, root, -1) < 0 ? -errno : 0;

	if (r == 0)
		*ret_pid = proc_clone(flags, sv->group->v2_fd, &sv->pidfd);
	if (r == 0 && *ret_pid == 0)
		return 0;
	/* Not to be the host's root again would leave a monitor that can be signalled by the guest's. */
	if (syscall(SYS_setresuid, -1, 0, -1) < 0 || prctl(PR_SET_SECUREBITS, bits) < 0)
		_exit(EXIT_FAILED);
	return r;
}

static int clone_init(struct supervisor *sv, struct err *err)
{
	int fds[2];
	int r = sync_pair(fds);

	if (r < 0)
		return err_sys(err, -r, "make a socket pair");
	struct ct_birth birth = {
		.sync_fd = fds[1],
		.console_fd = sv->slave_fd,
		.console_path = sv->slave_path,
		.group = sv->group,
	};

	clock_gettime(CLOCK_BOOTTIME, &birth.boottime);
	clock_gettime(CLOCK_MONOTONIC, &birth.monotonic);
	/* The cgroup namespace comes when it is in its group in every hierarchy, the time namespace when its clocks are set. */
	r = clone_as_owner(sv, &sv->init);
	if (r == 0 && sv->init == 0)
		ct_become_init(sv->spec, &birth);
	close(fds[1]);
	sv->init_fd = fds[0];
	if (r == 0 && sv->init < 0)
		r = sv->init;
	if (r < 0)
		return err_sys(err, -r, "clone the guest into its namespaces");
	return fault_point("start.monitor-cloned", err);
}

static int write_map(pid_t pid, const char *which, uint64_t first, struct err *err)
{
	char path[48], map[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, which);
	snprintf(map, sizeof(map), "0 %" PRIu64 " %u\n", first, NODE_IDS_PER_GUEST);

	int r = fd_write_file_at(AT_FDCWD, path, map);

	return r < 0 ? err_sys(err, -r, "write the guest's %s", which) : 0;
}

static int open_ns(pid_t pid, const char *which, struct err *err)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, which);

	int fd = open(path, O_RDONLY | O_CLOEXEC);

	return fd < 0 ? err_sys(err, errno, "open the guest's %s namespace", which) : fd;
}

int ct_assemble_root(const struct ct_spec *spec, int userns_fd, struct err *err)
{
	struct rootfs_spec root = {
		.layer_fds = { spec->layer_fd },
		.n_layers = 1,
		.area_fd = spec->area_fd,
		.pool = spec->pool,
		.area_id = spec->uuid,
		.userns_fd = userns_fd,
		.root_uid = (uid_t)spec->ids_first,
	};
	_cleanup_fd_ int tree = rootfs_assemble(&root, err);

	if (tree < 0)
		return err_wrap(err, "assemble the guest's root");

	int r = fault_point("start.root", err);

	return r < 0 ? r : TAKE_FD(tree);
}

static int give_root(struct supervisor *sv, struct err *err)
{
	const struct ct_spec *spec = sv->spec;
	int r = write_map(sv->init, "uid_map", spec->ids_first, err);

	if (r == 0)
		r = write_map(sv->init, "gid_map", spec->ids_first, err);
	if (r < 0)
		return r;

	_cleanup_fd_ int userns = open_ns(sv->init, "user", err);

	if (userns < 0)
		return userns;

	_cleanup_fd_ int tree = ct_assemble_root(spec, userns, err);

	if (tree < 0)
		return tree;
	r = sync_send(sv->init_fd, CT_ROOT, 0, tree);
	return r < 0 ? err_sys(err, -r, "hand the root to the guest") : 0;
}

static int plug_network(struct supervisor *sv, struct err *err)
{
	const struct net_plans *nets = sv->spec->nets;
	int r = 0;

	if (nets->n == 0)
		return 0;
	sv->netns_fd = open_ns(sv->init, "net", err);
	if (sv->netns_fd < 0)
		return sv->netns_fd;
	for (size_t i = 0; r == 0 && i < nets->n; i++)
		r = network_plug(sv->spec->node, &nets->list[i], sv->netns_fd, err);
	return r;
}

/*
 * Was the end of file an exec, or the end of the process? One that ends lets go of its memory, and so of its program, before its
 * descriptors (do_exit() in kernel/exit.c); until it executes another one, its program is ours.
 */
static int check_exec(const struct supervisor *sv, struct err *err)
{
	struct stat ours, its;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/exe", sv->init);
	if (stat("/proc/self/exe", &ours) < 0)
		return err_sys(err, errno, "look at our own program");
	if (stat(path, &its) < 0 || (its.st_dev == ours.st_dev && its.st_ino == ours.st_ino))
		return err_exit(err, EXIT_FAILED, ECHILD, "the guest ended as its init was run: see ctctl console --log");
	return 0;
}

/* From READY on the sync socket can only say one more thing: that exec failed. Its end of file is the exec itself. */
static int wait_for_exec(struct supervisor *sv, struct err *err)
{
	int r = sync_expect(sv->init_fd, CT_READY, "the guest", "ready", NULL, NULL, err);

	/* While its init is loaded. */
	if (r == 0)
		network_wait_ready(sv->spec->nets);
	if (r == 0)
		r = sync_expect_end(sv->init_fd, "the guest's init", err);
	return r < 0 ? r : check_exec(sv, err);
}

/*
 * What the init-to-be needs of us. It may have failed meanwhile: without it, its namespaces are gone and nobody hears us; but its
 * reason is there to be read.
 */
static int equip_init(struct supervisor *sv, struct err *err)
{
	int r = give_root(sv, err);

	if (r == 0)
		r = plug_network(sv, err);
	if (r == 0) {
		r = sync_send(sv->init_fd, CT_GO, 0, -1);
		if (r < 0)
			r = err_sys(err, -r, "talk to the guest");
	}
	return r < 0 ? sync_prefer_peer(sv->init_fd, "the guest", err) : 0;
}

static int boot(struct supervisor *sv, struct err *err)
{
	int r = clone_init(sv, err);

	if (r == 0)
		r = equip_init(sv, err);
	return r < 0 ? r : wait_for_exec(sv, err);
}

/* The monitor has been where all of a failed restore can be ended; from here on it lives with the others. */
static int leave_nursery(const struct ct_spec *spec, struct err *err)
{
	_cleanup_(cgroup_join_close) struct cgroup_join monitors = CGROUP_JOIN_INIT;
	/* Made, if this is the host's first guest. */
	int r = ct_open_monitors(spec->monitors_cgroup, &monitors, err);

	if (r == 0)
		r = cgroup_attach(spec->monitors_cgroup, getpid(), err);
	return r < 0 ? r : cgroup_destroy(spec->nursery_cgroup, err);
}

static int restore(struct supervisor *sv, struct err *err)
{
	const struct ct_restore *from = sv->spec->restore;
	int r;

	sv->init = from->run(from->context, sv->spec, sv->slave_fd, sv->slave_path, err);
	if (sv->init < 0)
		return sv->init;
	sv->pidfd = (int)syscall(SYS_pidfd_open, sv->init, 0);
	if (sv->pidfd < 0)
		return err_sys(err, errno, "open the restored guest");
	if (sv->spec->nets->n > 0)
		sv->netns_fd = open_ns(sv->init, "net", err);
	r = sv->spec->nets->n > 0 && sv->netns_fd < 0 ? sv->netns_fd : leave_nursery(sv->spec, err);
	return r < 0 ? r : fault_point("resume.restored", err);
}

static int supervise(struct supervisor *sv, struct err *err)
{
	int r = sync_expect(sv->ctctl_fd, CT_PROCEED, "ctctl", "proceed", NULL, NULL, err);

	if (r == 0)
		r = monitor_detach(err);
	if (r == 0)
		r = rlimits_lift_shared(err);
	if (r == 0)
		r = open_console(sv, err);
	if (r < 0)
		return r;
	return sv->spec->restore ? restore(sv, err) : boot(sv, err);
}

static struct monitor_start monitor_of(const struct supervisor *sv)
{
	const struct ct_spec *spec = sv->spec;

	return (struct monitor_start){
		.name = spec->name,
		.boot = spec->boot,
		.helper_dir = spec->helper_dir,
		.self = spec->self,
		.prefix = spec->prefix,
		.init = sv->init,
		.pidfd = sv->pidfd,
		.master_fd = sv->master_fd,
		.slave_fd = sv->slave_fd,
		.run_fd = spec->run_fd,
		.dir_fd = spec->dir_fd,
	};
}

/* What was started stays; only the program changes, to one that needs a tenth of the memory. Returns only on failure. */
static int hand_over(struct supervisor *sv, struct err *err)
{
	struct monitor_start start = monitor_of(sv);
	struct sync_msg gone;
	_cleanup_fd_ int socket_fd = monitor_listen(sv->spec->run_fd, err);
	int r = socket_fd < 0 ? socket_fd : monitor_check(&start, err);

	if (r == 0)
		r = ct_note_state(sv->spec, sv->init, sv->slave_fd, err);
	if (r < 0)
		return r;
	/*
	 * If ctctl was killed in the very last step, the guest runs all the same: the next ctctl finds that and closes the
	 * journal.
	 */
	r = sync_send(sv->ctctl_fd, CT_STARTED, sv->init, -1);
	if (r < 0 && r != -EPIPE)
		return err_sys(err, -r, "talk to ctctl");
	/*
	 * ctctl goes first: on a busy host it would otherwise wait for a processor until we have changed programs. Its end of
	 * file is what we wait for.
	 */
	(void)!fd_recv(sv->ctctl_fd, &gone, sizeof(gone), NULL, NULL);
	/* Now, because nobody waits for us any more: it takes its time. */
	r = network_announce_all(sv->spec->nets, sv->netns_fd, err);
	return r < 0 ? r : monitor_exec(&start, socket_fd, err);
}

void ct_supervise(const struct ct_spec *spec, int ctctl_fd, const struct cgroup_join *guest_group)
{
	struct supervisor sv = {
		.spec = spec,
		.group = guest_group,
		.ctctl_fd = ctctl_fd,
		.init_fd = -EBADF,
		.pidfd = -EBADF,
		.master_fd = -EBADF,
		.slave_fd = -EBADF,
		.netns_fd = -EBADF,
	};
	struct err err = ERR_INIT;
	int r = supervise(&sv, &err);

	if (r == 0)
		(void)!hand_over(&sv, &err);

	/* Only a failure comes by here. What was restored runs, and is not to be lost. */
	if (sv.init > 0 && !spec->restore) {
		kill(sv.init, SIGKILL);
		waitpid(sv.init, NULL, 0);
	}
	sync_send_error(ctctl_fd, CT_STARTED, &err);
	_exit(EXIT_FAILED);
}
