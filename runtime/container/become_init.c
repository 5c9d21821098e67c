/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/sync.h"
#include "netns/link.h"
#include "runtime/container/confine.h"
#include "runtime/container/launch_priv.h"
#include "runtime/network.h"

/* Where the two descriptors that it keeps are moved to, so that all above can be closed. */
enum {
	FD_SYNC = 3,
	FD_CONSOLE = 4,
	FD_KEEP_END,
};

static int keep_only(int sync_fd, int console_fd, struct err *err)
{
	int a = fcntl(sync_fd, F_DUPFD_CLOEXEC, FD_KEEP_END);
	int b = fcntl(console_fd, F_DUPFD_CLOEXEC, FD_KEEP_END);

	if (a < 0 || b < 0 || dup3(a, FD_SYNC, O_CLOEXEC) < 0 || dup3(b, FD_CONSOLE, O_CLOEXEC) < 0 ||
	    syscall(SYS_close_range, FD_KEEP_END, ~0U, 0) < 0)
		return err_sys(err, errno, "close the monitor's descriptors");
	return 0;
}

static int become_guest_root(struct err *err)
{
	if (setresgid(0, 0, 0) < 0 || setgroups(0, NULL) < 0 || setresuid(0, 0, 0) < 0)
		return err_sys(err, errno, "become the guest's root");
	/* A change of credentials clears it (prctl(2)). If the monitor died in between, the next stage sees its end of file. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(err, errno, "die with the monitor");
	return 0;
}

/* "-SECONDS NANOSECONDS": what takes a clock from `t` to zero. */
static void clock_offset(const struct timespec *t, char *room, size_t size)
{
	if (t->tv_nsec > 0)
		snprintf(room, size, "%lld %ld", -(long long)t->tv_sec - 1, 1000000000L - t->tv_nsec);
	else
		snprintf(room, size, "%lld 0", -(long long)t->tv_sec);
}

/*
 * The guest's uptime begins just before its first process was made (time_namespaces(7)); a later zero would give that a negative
 * start time. The offsets can be written only before somebody is in the namespace; then a single thread may join it. A kernel
 * without time namespaces shows the host's uptime, which harms nothing.
 */
static int enter_time_namespace(const struct ct_birth *birth, struct err *err)
{
	char boot[48], mono[48];

	if (unshare(CLONE_NEWTIME) < 0)
		return errno == EINVAL ? 0 : err_sys(err, errno, "make a time namespace");
	clock_offset(&birth->boottime, boot, sizeof(boot));
	clock_offset(&birth->monotonic, mono, sizeof(mono));

	_cleanup_free_ char *text = str_printf("boottime %s\nmonotonic %s\n", boot, mono);

	if (!text)
		return err_oom(err);
	/* Not dumpable, its files in /proc belong to the host's root. Nobody else is in the guest yet. */
	prctl(PR_SET_DUMPABLE, 1);

	int r = fd_write_file_at(AT_FDCWD, "/proc/self/timens_offsets", text);
	_cleanup_fd_ int ns = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_DUMPABLE, 0);
	if (r < 0)
		return err_sys(err, -r, "set the guest's clocks");
	if (ns < 0 || setns(ns, CLONE_NEWTIME) < 0)
		return err_sys(err, errno, "enter the time namespace");
	return 0;
}

/*
 * From here on the guest's group is the root that it sees. First of all: v1 lets a thread move itself without a wait only while
 * it is the only one.
 */
static int join_cgroup(const struct cgroup_join *group, struct err *err)
{
	int r = cgroup_join_self(group);

	if (r < 0)
		return err_sys(err, -r, "join the guest's control groups");
	return unshare(CLONE_NEWCGROUP) < 0 ? err_sys(err, errno, "make a cgroup namespace") : 0;
}

static int join_network(const struct ct_spec *spec, struct err *err)
{
	int r = net_setup_loopback(err);

	for (size_t i = 0; r == 0 && i < spec->nets->n; i++) {
		struct net_setup_spec setup = network_setup_of(&spec->nets->list[i]);

		r = net_setup_guest(&setup, err);
	}
	return r;
}

static int take_console(struct err *err)
{
	setsid();
	for (int i = 0; i < 3; i++) {
		if (dup2(FD_CONSOLE, i) < 0)
			return err_sys(err, errno, "connect the console");
	}
	close(FD_CONSOLE);
	return 0;
}

static int prepare(const struct ct_spec *spec, const struct ct_birth *birth, struct err *err)
{
	struct ct_devices devices;
	_cleanup_fd_ int root = -EBADF;
	int r = ct_devices_collect(spec, birth->console_path, &devices, err);

	if (r == 0)
		r = sync_expect(FD_SYNC, CT_ROOT, "the monitor", "root", NULL, &root, err);
	if (r == 0)
		r = become_guest_root(err);
	if (r == 0)
		r = ct_enter_root(root, &devices, err);
	if (r == 0)
		r = fault_point("start.init-root", err);
	if (r == 0)
		r = enter_time_namespace(birth, err);
	if (r == 0)
		r = ct_write_guest_files(spec, err);
	if (r == 0)
		r = sync_expect(FD_SYNC, CT_GO, "the monitor", "go", NULL, NULL, err);
	if (r == 0)
		r = fault_point("start.init-go", err);
	if (r == 0)
		r = join_network(spec, err);
	if (r == 0)
		r = take_console(err);
	return r < 0 ? r : confine_process(spec->features, err);
}

static int run_init(const struct ct_spec *spec, struct err *err)
{
	_cleanup_free_ char *uuid = str_printf("container_uuid=%s", spec->uuid);
	char *argv[] = { (char *)spec->init_path, NULL };
	char *env[] = {
		(char *)"PATH=" PROC_PATH,
		(char *)"container=ctctl",
		uuid,
		(char *)"TERM=linux",
		/* systemd: do not watch memory pressure (see guest_files.c). */
		(char *)"MEMORY_PRESSURE_WATCH=/dev/null",
		NULL,
	};

	if (!uuid)
		return err_oom(err);
	umask(0022);

	int r = sync_send(FD_SYNC, CT_READY, 0, -1);

	if (r < 0)
		return err_sys(err, -r, "tell the monitor");
	r = fault_point("start.init-exec", err);
	if (r < 0)
		return r;
	prctl(PR_SET_PDEATHSIG, 0);
	/*
	 * The descriptors of the mounts that are attached now, and whatever a library opened. The socket closes itself: that
	 * tells the monitor.
	 */
	syscall(SYS_close_range, FD_SYNC + 1, ~0U, 0);
	execve(spec->init_path, argv, env);
	return err_exit(err, EXIT_BAD_TEMPLATE, errno, "run '%s' in the guest: %s", spec->init_path, strerror(errno));
}

void ct_become_init(const struct ct_spec *spec, const struct ct_birth *birth)
{
	struct err err = ERR_INIT;
	int r = prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? err_sys(&err, errno, "die with the monitor") : 0;

	if (r == 0)
		r = join_cgroup(birth->group, &err);
	if (r == 0)
		r = keep_only(birth->sync_fd, birth->console_fd, &err);
	if (r < 0)
		sync_send_error(birth->sync_fd, CT_READY, &err);
	if (r == 0)
		r = prepare(spec, birth, &err);
	if (r == 0)
		(void)!run_init(spec, &err);
	sync_send_error(FD_SYNC, CT_READY, &err);
	_exit(EXIT_FAILED);
}
