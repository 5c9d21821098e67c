/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/checkpoint/preflight_priv.h"

/* As CRIU gets it, images.c's GHOST_LIMIT_BYTES: blocks of 512 bytes. */
#define GHOST_BLOCKS_MAX ((UINT64_C(2) << 30) / 512)

/* linux/major.h, and linux/miscdevice.h */
#define MEM_MAJOR  1
#define TTY_FIRST  4
#define TTYAUX	   5
#define MISC_MAJOR 10
#define TUN_MINOR  200
#define PTY_FIRST  128
#define PTY_LAST   143

#define O_DIRECT_BIT 040000

#define MQUEUE_MAGIC 0x19800202 /* ipc/mqueue.c */

/* One descriptor as it is looked at. */
struct descriptor {
	const struct process *process;
	int fd;
	char link[200]; /* "socket:[12]", "/run/x"; cut if longer */
};

typedef void check_fn(struct preflight *p, const struct descriptor *d);

static char *read_info(const struct descriptor *d)
{
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", d->fd);
	return preflight_read(d->process->status.pid, name);
}

static bool stat_of(const struct descriptor *d, struct statx *ret)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", d->fd);
	return preflight_stat(d->process->status.pid, name, ret);
}

static void check_nothing(struct preflight *p _unused_, const struct descriptor *d _unused_)
{
}

static void check_inotify(struct preflight *p, const struct descriptor *d)
{
	preflight_inotify(p, d->process, d->fd);
}

static void check_epoll(struct preflight *p, const struct descriptor *d)
{
	preflight_epoll(p, d->process, d->fd);
}

/* "Pid:" is -1 when that process has ended, which is fine, and 0 if this namespace cannot see it. */
static void check_pidfd(struct preflight *p, const struct descriptor *d)
{
	_cleanup_free_ char *text = read_info(d);
	int64_t pid;

	if (!text || !proc_parse_field(text, "Pid:", 10, &pid) || pid < 0)
		return;

	const struct process *process = preflight_find_process(p, (pid_t)pid);

	/* One that is younger than our list is not found either; it is no reason to say anything if it is the guest's. */
	if (process ? process->is_outside : pid == 0)
		preflight_found(p, PREFLIGHT_PIDFD, d->process, d->fd, "of process %d (%s)", process ? process->status.inner : 0,
				process ? process->status.command : "of the host");
}

static void check_anonymous(struct preflight *p, const struct descriptor *d)
{
	preflight_found(p, PREFLIGHT_ANONYMOUS, d->process, d->fd, "%s", d->link);
}

static void check_pipe(struct preflight *p, const struct descriptor *d)
{
	_cleanup_free_ char *text = read_info(d);
	int64_t flags;

	if (text && proc_parse_field(text, "flags:", 8, &flags) && (flags & O_DIRECT_BIT))
		preflight_found(p, PREFLIGHT_PACKET_PIPE, d->process, d->fd, "%s", d->link);
}

static void note_socket(struct preflight *p, const struct descriptor *d)
{
	struct held_socket *held = preflight_add(p, &p->sockets, sizeof(*held));

	if (held)
		*held = (struct held_socket){ .inode = strtoull(strchr(d->link, '[') + 1, NULL, 10),
					      .process = d->process,
					      .fd = d->fd };
}

static void check_memory_file(struct preflight *p, const struct descriptor *d)
{
	char name[32];

	snprintf(name, sizeof(name), "fd/%d", d->fd);
	preflight_huge_pages(p, d->process, d->fd, name, d->link);
}

/* Every descriptor that is no path, by the beginning of its link; what only the row of all "anon_inode:" has is not saved. */
static const struct {
	const char *prefix;
	check_fn *check;
} links[] = {
	{ "socket:[", note_socket },
	{ "pipe:[", check_pipe },
	{ "/memfd:", check_memory_file },
	{ "anon_inode:[eventfd]", check_nothing },
	{ "anon_inode:[eventpoll]", check_epoll },
	{ "anon_inode:inotify", check_inotify },
	{ "anon_inode:[signalfd]", check_nothing },
	{ "anon_inode:[timerfd]", check_nothing },
	{ "anon_inode:[pidfd]", check_pidfd },
	{ "pidfd:", check_pidfd },
	{ "anon_inode:", check_anonymous },
	{ "/dmabuf:", check_anonymous },
};

static const struct {
	const char *prefix;
	enum space space;
} space_links[] = {
	{ "mnt:[", SPACE_MNT }, { "net:[", SPACE_NET }, { "pid:[", SPACE_PID },	      { "user:[", SPACE_USER },
	{ "ipc:[", SPACE_IPC }, { "uts:[", SPACE_UTS }, { "cgroup:[", SPACE_CGROUP }, { "time:[", SPACE_TIME },
};

/* True if it was one. */
static bool check_space(struct preflight *p, const struct descriptor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(space_links); i++) {
		size_t len = strlen(space_links[i].prefix);

		if (strncmp(d->link, space_links[i].prefix, len) != 0)
			continue;
		if (!preflight_is_inhabited(p, space_links[i].space, strtoull(d->link + len, NULL, 10)))
			preflight_found(p, PREFLIGHT_NAMESPACE_FD, d->process, d->fd, "%s", d->link);
		return true;
	}
	return false;
}

/* dump_chrdev() in CRIU's sources: memory devices, terminals, tun. */
static bool is_saved_device(uint32_t major, uint32_t minor)
{
	return major == MEM_MAJOR || major == TTY_FIRST || major == TTYAUX || (major >= PTY_FIRST && major <= PTY_LAST) ||
	       (major == MISC_MAJOR && minor == TUN_MINOR);
}

/* Opened by mq_open(3): the kernel has a mount of its own for them. */
static bool is_queue(const struct descriptor *d)
{
	char path[48];
	struct statfs fs;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", d->process->status.pid, d->fd);
	return statfs(path, &fs) == 0 && fs.f_type == MQUEUE_MAGIC;
}

static void check_path(struct preflight *p, const struct descriptor *d)
{
	struct statx st;

	if (!stat_of(d, &st))
		return;
	if (S_ISBLK(st.stx_mode) || (S_ISCHR(st.stx_mode) && !is_saved_device(st.stx_rdev_major, st.stx_rdev_minor)))
		preflight_found(p, PREFLIGHT_DEVICE, d->process, d->fd, "%s", d->link);
	else if (!S_ISCHR(st.stx_mode) && preflight_is_on_gone_mount(p, d->process, &st))
		preflight_found(p, is_queue(d) ? PREFLIGHT_MESSAGE_QUEUE : PREFLIGHT_GONE_MOUNT, d->process, d->fd, "%s",
				d->link);
	else if (S_ISREG(st.stx_mode) && st.stx_nlink == 0 && st.stx_blocks > GHOST_BLOCKS_MAX)
		preflight_found(p, PREFLIGHT_DELETED_FILE, d->process, d->fd, "%s", d->link);
}

static void check(struct preflight *p, const struct descriptor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (!str_has_prefix(d->link, links[i].prefix))
			continue;
		if (!d->process->is_outside || links[i].check == note_socket)
			links[i].check(p, d);
		return;
	}
	if (!d->process->is_outside && !check_space(p, d) && *d->link == '/')
		check_path(p, d);
}

void preflight_descriptors(struct preflight *p, const struct process *process)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/fd", process->status.pid);

	_cleanup_dir_ DIR *dir = opendir(path);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		struct descriptor d = { .process = process };
		uint64_t fd;
		ssize_t n = readlinkat(dirfd(dir), e->d_name, d.link, sizeof(d.link) - 1);

		if (n <= 0 || str_to_u64(e->d_name, INT32_MAX, &fd) < 0)
			continue;
		d.fd = (int)fd;
		d.link[n] = '\0';
		check(p, &d);
	}
}
