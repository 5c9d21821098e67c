/* SPDX-License-Identifier: GPL-2.0-or-later */

/*
 * probe: tries what a guest must not be able to do and prints a line "open NAME" for each thing that works, "shut NAME: why" for
 * the others. As root of a host, where most of it works, nothing is changed: files are opened and not written, what is set is
 * what is set already, mounts are in a namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <linux/fs.h>

#define FOLDER "/tmp/probe"

/* Each returns 0 if it worked, else a negative errno. */
struct attempt {
	const char *name;
	int (*try)(const char *arg);
	const char *arg;
};

static int result(long r)
{
	return r < 0 ? -errno : 0;
}

static int open_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int open_read(const char *path)
{
	char byte;
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? -errno : result(read(fd, &byte, 1));

	close(fd);
	return r == -EAGAIN ? 0 : r;
}

static int mount_fs(const char *type)
{
	int r = result(mount("none", FOLDER, type, 0, NULL));

	if (r == 0)
		umount2(FOLDER, MNT_DETACH);
	return r;
}

/* A v1 hierarchy shows a guest its own group; the limits in it must stay the host's. "CONTROLLER FILE". */
static int write_v1(const char *arg)
{
	char controller[32], file[64], path[128];
	int r;

	sscanf(arg, "%31s %63s", controller, file);
	r = result(mount("none", FOLDER, "cgroup", 0, controller));
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), FOLDER "/%s", file);
	r = open_write(path);
	umount2(FOLDER, MNT_DETACH);
	return r;
}

static int new_hierarchy(const char *options)
{
	int r = result(mount("none", FOLDER, "cgroup", 0, options));

	if (r == 0)
		umount2(FOLDER, MNT_DETACH);
	return r;
}

/* "FAMILY TYPE PROTOCOL" */
static int make_socket(const char *arg)
{
	int family, type, protocol;

	sscanf(arg, "%d %d %d", &family, &type, &protocol);

	int fd = socket(family, type, protocol);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Arguments that mean nothing: a call that gets as far as to look at them counts as open. */
static int call(const char *number)
{
	syscall(strtol(number, NULL, 0), -1L, -1L, -1L, -1L, -1L, -1L);
	return errno == EPERM || errno == ENOSYS || errno == EACCES ? -errno : 0;
}

/* The same by the 32-bit entry, whose numbers differ. */
static int call_ia32(const char *number)
{
	long r = strtol(number, NULL, 0);

	__asm__ volatile("int $0x80"
			 : "+a"(r)
			 : "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1)
			 : "memory", "r8", "r9", "r10", "r11");
	r = (int)r;
	return r == -EPERM || r == -ENOSYS || r == -EACCES ? (int)r : 0;
}

static int tty_ioctl(const char *request)
{
	int zero = 0, fd = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int r = fd < 0 ? -errno : result(ioctl(fd, strtoul(request, NULL, 0), &zero));

	close(fd);
	return r == -EPERM ? r : 0;
}

static int kernel_log(const char *arg)
{
	(void)arg;
	return result(syscall(SYS_syslog, 10 /* SYSLOG_ACTION_SIZE_BUFFER */, NULL, 0));
}

static int same_mode(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -errno : result(chmod(path, st.st_mode & 07777));
}

static int same_owner(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -errno : result(chown(path, st.st_uid, st.st_gid));
}

static int same_times(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;

	struct timespec times[2] = { st.st_atim, st.st_mtim };

	return result(utimensat(AT_FDCWD, path, times, 0));
}

static int make_device(const char *numbers)
{
	int major, minor, r;

	sscanf(numbers, "%d %d", &major, &minor);
	unlink(FOLDER "/device");
	r = result(mknod(FOLDER "/device", S_IFBLK | 0600, makedev(major, minor)));
	unlink(FOLDER "/device");
	return r;
}

static int set_attribute(const char *name)
{
	int r = result(setxattr(FOLDER, name, "y", 1, 0));

	removexattr(FOLDER, name);
	return r;
}

static int make_immutable(const char *arg)
{
	int flags = FS_IMMUTABLE_FL, none = 0, fd = open(FOLDER "/file", O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	int r = result(ioctl(fd, FS_IOC_SETFLAGS, &flags));

	(void)arg;
	ioctl(fd, FS_IOC_SETFLAGS, &none);
	close(fd);
	unlink(FOLDER "/file");
	return r;
}

static int lower_oom(const char *value)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	int r = result(write(fd, value, strlen(value)));

	close(fd);
	return r;
}

static int raise_priority(const char *arg)
{
	(void)arg;
	return result(setpriority(PRIO_PROCESS, 0, -20));
}

static const struct attempt attempts[] = {
	{ "core_pattern", open_write, "/proc/sys/kernel/core_pattern" },
	{ "drop_caches", open_write, "/proc/sys/vm/drop_caches" },
	{ "file-max", open_write, "/proc/sys/fs/file-max" },
	{ "hugepages", open_write, "/sys/kernel/mm/transparent_hugepage/enabled" },
	{ "power", open_write, "/sys/power/state" },
	{ "irq-affinity", open_write, "/proc/irq/default_smp_affinity" },
	{ "slabinfo", open_read, "/proc/slabinfo" },
	{ "vmallocinfo", open_read, "/proc/vmallocinfo" },
	{ "timer_list", open_read, "/proc/timer_list" },
	{ "kmsg", open_read, "/proc/kmsg" },
	{ "kcore", open_read, "/proc/kcore" },
	{ "sysrq", open_write, "/proc/sysrq-trigger" },
	{ "mount-debugfs", mount_fs, "debugfs" },
	{ "mount-tracefs", mount_fs, "tracefs" },
	{ "mount-securityfs", mount_fs, "securityfs" },
	{ "mount-pstore", mount_fs, "pstore" },
	{ "mount-devtmpfs", mount_fs, "devtmpfs" },
	{ "mount-bpf", mount_fs, "bpf" },
	{ "v1-memory-limit", write_v1, "memory memory.limit_in_bytes" },
	{ "v1-pids-limit", write_v1, "pids pids.max" },
	{ "v1-device-list", write_v1, "devices devices.allow" },
	{ "v1-memory-tasks", write_v1, "memory tasks" },
	{ "v1-pids-procs", write_v1, "pids cgroup.procs" },
	{ "v1-release-agent", write_v1, "memory release_agent" },
	{ "v1-notify", write_v1, "memory notify_on_release" },
	{ "v1-new-hierarchy", new_hierarchy, "none,name=probe" },
	{ "group-descendants", open_write, "/sys/fs/cgroup/cgroup.max.descendants" },
	{ "group-depth", open_write, "/sys/fs/cgroup/cgroup.max.depth" },
	{ "AF_ALG", make_socket, "38 5 0" },
	{ "AF_VSOCK", make_socket, "40 1 0" },
	{ "AF_KEY", make_socket, "15 3 2" },
	{ "AF_XDP", make_socket, "44 3 0" },
	{ "netlink-crypto", make_socket, "16 3 21" },
	{ "bpf", call, "321" },
	{ "perf_event_open", call, "298" },
	{ "userfaultfd", call, "323" },
	{ "init_module", call, "175" },
	{ "kexec_load", call, "246" },
	{ "open_by_handle_at", call, "304" },
	{ "io_uring_setup", call, "425" },
	{ "keyctl", call, "250" },
	{ "request_key", call, "249" },
	{ "fanotify_init", call, "300" },
	{ "x32-read", call, "0x40000000" },
	{ "ia32-bpf", call_ia32, "357" },
	{ "ia32-init_module", call_ia32, "128" },
	{ "ia32-open_by_handle_at", call_ia32, "342" },
	{ "ia32-perf_event_open", call_ia32, "336" },
	{ "ia32-keyctl", call_ia32, "288" },
	{ "TIOCSTI", tty_ioctl, "0x5412" },
	{ "TIOCLINUX", tty_ioctl, "0x541C" },
	{ "TIOCSETD", tty_ioctl, "0x5423" },
	{ "TIOCSTI-high-bits", tty_ioctl, "0x100005412" },
	{ "kernel-log", kernel_log, NULL },
	{ "chmod-null", same_mode, "/dev/null" },
	{ "chown-null", same_owner, "/dev/null" },
	{ "utimes-null", same_times, "/dev/null" },
	{ "block-device", make_device, "8 0" },
	{ "trusted-overlay", set_attribute, "trusted.overlay.opaque" },
	{ "immutable", make_immutable, NULL },
	{ "oom-score", lower_oom, "-1" },
	{ "priority", raise_priority, NULL },
};

int main(void)
{
	mkdir("/tmp", 01777);
	mkdir(FOLDER, 0700);
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("probe: a mount namespace of its own");
		return 1;
	}
	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		int r = attempts[i].try(attempts[i].arg);

		if (r == 0)
			printf("open %s\n", attempts[i].name);
		else
			printf("shut %s: %s\n", attempts[i].name, strerror(-r));
	}
	rmdir(FOLDER);
	return 0;
}
