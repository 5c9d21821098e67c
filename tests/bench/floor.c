/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * The kernel's floor: the least that any container runtime has to ask of the kernel, and nothing else. All namespaces (user and
 * time included), id maps, an overlay as the root, /proc, /sys and a tmpfs on /dev, pivot_root, exec. No cgroup, filter, network,
 * state or log.
 *
 *   floor start LOWER UPPER WORK PIDFILE   returns when busybox's sleep, as init, has been executed; prints the microseconds from
 *                                          the clone to the exec
 *   floor run LOWER UPPER WORK             the same with busybox's true; prints the microseconds from the clone to its end
 *   floor kill PIDFILE                     kills that init and waits for its end
 *
 * UPPER and WORK belong to the id 100000. UPPER serves as the mount point too.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define FLOOR_ID_MAP "0 100000 65536\n"
#define NAMESPACES                                                                                                   \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | \
	 CLONE_NEWTIME)

struct floor {
	const char *lower;
	const char *upper;
	const char *work;
	char *const *init;
};

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static int write_file(const char *path, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int mount_all(const struct floor *f)
{
	_cleanup_free_ char *options = NULL;

	if (asprintf(&options, "lowerdir=%s,upperdir=%s,workdir=%s", f->lower, f->upper, f->work) < 0)
		return -ENOMEM;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount("overlay", f->upper, "overlay", 0, options) < 0 ||
	    chdir(f->upper) < 0 || mount("proc", "proc", "proc", 0, NULL) < 0 || mount("sysfs", "sys", "sysfs", 0, NULL) < 0 ||
	    mount("tmpfs", "dev", "tmpfs", 0, NULL) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0)
		return -errno;
	return 0;
}

/*
 * The child: waits until its ids are mapped, then becomes init. `done` is close-on-exec: its end of file says that the exec
 * happened.
 */
static _Noreturn void child(const struct floor *f, int go, int done)
{
	char byte;
	int r = read(go, &byte, 1) == 1 ? 0 : -EPIPE;

	if (r == 0 && (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0))
		r = -errno;
	if (r == 0)
		r = mount_all(f);
	if (r == 0) {
		execv(f->init[0], f->init);
		r = -errno;
	}
	r = write(done, &r, sizeof(r)) == sizeof(r) ? 1 : 2;
	_exit(r);
}

static int map_ids(pid_t pid)
{
	char path[64];
	static const char *const maps[] = { "uid_map", "gid_map" };

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, maps[i]);

		int r = write_file(path, FLOOR_ID_MAP);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Returns when the exec has happened. */
static int launch(const struct floor *f, pid_t *ret_pid)
{
	int go[2], done[2], failed = 0;
	struct clone_args args = { .flags = NAMESPACES, .exit_signal = SIGCHLD };

	if (pipe2(go, O_CLOEXEC) < 0 || pipe2(done, O_CLOEXEC) < 0)
		return -errno;

	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return -errno;
	if (pid == 0)
		child(f, go[0], done[1]);
	close(done[1]);

	int r = map_ids(pid);

	if (r < 0)
		return r;
	if (write(go[1], "g", 1) != 1)
		return -errno;
	if (read(done[0], &failed, sizeof(failed)) != 0)
		return failed < 0 ? failed : -EPIPE;
	close(done[0]);
	close(go[0]);
	close(go[1]);
	*ret_pid = pid;
	return 0;
}

static int floor_start(struct floor *f, const char *pidfile)
{
	static char *const init[] = { "/bin/busybox", "sleep", "100000", NULL };
	char text[16];
	pid_t pid = -1;
	int64_t start = now_us();

	f->init = init;

	int r = launch(f, &pid);

	if (r < 0)
		return r;
	printf("%lld\n", (long long)(now_us() - start));
	snprintf(text, sizeof(text), "%d\n", pid);
	return write_file(pidfile, text);
}

static int floor_run(struct floor *f)
{
	static char *const init[] = { "/bin/busybox", "true", NULL };
	int64_t start = now_us();
	siginfo_t end;
	pid_t pid = -1;

	f->init = init;

	int r = launch(f, &pid);

	if (r < 0)
		return r;
	if (waitid(P_PID, (id_t)pid, &end, WEXITED) < 0)
		return -errno;
	printf("%lld\n", (long long)(now_us() - start));
	return end.si_code == CLD_EXITED && end.si_status == 0 ? 0 : -ECHILD;
}

static int floor_kill(const char *pidfile)
{
	_cleanup_file_ FILE *file = fopen(pidfile, "re");
	int pid;

	if (!file || fscanf(file, "%d", &pid) != 1)
		return -ESRCH;

	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (pidfd < 0)
		return -errno;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) < 0)
		return -errno;

	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	return poll(&end, 1, 10000) == 1 ? 0 : -ETIMEDOUT;
}

int main(int argc, char **argv)
{
	int r = -EINVAL;

	if (argc == 6 && strcmp(argv[1], "start") == 0)
		r = floor_start(&(struct floor){ .lower = argv[2], .upper = argv[3], .work = argv[4] }, argv[5]);
	else if (argc == 5 && strcmp(argv[1], "run") == 0)
		r = floor_run(&(struct floor){ .lower = argv[2], .upper = argv[3], .work = argv[4] });
	else if (argc == 3 && strcmp(argv[1], "kill") == 0)
		r = floor_kill(argv[2]);
	if (r < 0)
		fprintf(stderr, "floor: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
