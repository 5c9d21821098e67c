/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/preflight_priv.h"

/* Of one descriptor: a guest may have millions. */
#define ENTRIES_MAX 4096

static char *read_info(const struct process *process, int fd)
{
	char name[32];

	snprintf(name, sizeof(name), "fdinfo/%d", fd);
	return preflight_read(process->status.pid, name);
}

/* Their files have no numbers by which they could be opened (name_to_handle_at(2)); sysfs has, but CRIU does not get at them. */
static bool is_without_handles(const char *type)
{
	return strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0 || strcmp(type, "devpts") == 0 ||
	       strcmp(type, "mqueue") == 0;
}

/* 1 if the file has no name any more, 0 if it has, or a negative errno. The place of the mount is in the guest, and hostile. */
static int is_deleted(const struct process *process, const struct mount_line *mount, const struct inotify_line *watch)
{
	_cleanup_free_ struct file_handle *handle = calloc(1, sizeof(*handle) + watch->handle_len);
	char root[48];
	struct stat st;

	if (!handle)
		return -ENOMEM;
	snprintf(root, sizeof(root), "/proc/%d/root", process->status.pid);
	handle->handle_bytes = watch->handle_len;
	handle->handle_type = (int)watch->handle_type;
	memcpy(handle->f_handle, watch->handle, watch->handle_len);

	_cleanup_fd_ int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fs = root_fd < 0 ? -errno : path_open_in(root_fd, mount->path, O_RDONLY | O_DIRECTORY, 0);

	if (fs < 0 || fstat(fs, &st) < 0 || st.st_dev != mount->device)
		return -ENOENT;

	_cleanup_fd_ int file = open_by_handle_at(fs, handle, O_PATH | O_CLOEXEC);

	if (file < 0)
		return errno == ESTALE ? 1 : -errno;
	return fstat(file, &st) == 0 && st.st_nlink == 0;
}

/* What CRIU does is check_open_handle() in its sources: only of a tmpfs it insists on a name. */
static void check_watch(struct preflight *p, const struct process *process, int fd, const struct inotify_line *watch)
{
	bool is_whole;
	const struct mount_line *mount = preflight_find_device(p, watch->device, &is_whole);
	bool is_tmpfs = mount && strcmp(mount->type, "tmpfs") == 0;

	if (!mount)
		return;
	if (is_without_handles(mount->type) || (!is_whole && (is_tmpfs || strcmp(mount->type, "devtmpfs") == 0)))
		preflight_found(p, PREFLIGHT_INOTIFY, process, fd, "a file of %s, in %s", mount->type, mount->path);
	else if (is_tmpfs && watch->handle_len > 0 && is_deleted(process, mount, watch) == 1)
		preflight_found(p, PREFLIGHT_INOTIFY, process, fd, "a deleted file, in %s", mount->path);
}

void preflight_inotify(struct preflight *p, const struct process *process, int fd)
{
	_cleanup_free_ char *text = read_info(process, fd);
	struct inotify_line watch;
	char *rest = text, *line;

	for (int n = 0; n < ENTRIES_MAX && (line = proc_next_line(&rest)); n++) {
		if (proc_parse_inotify(line, &watch))
			check_watch(p, process, fd, &watch);
	}
}

/* Is the file that the queue knows as slot->tfd open as `fd`? */
static bool is_target(pid_t pid, int fd, const struct kcmp_epoll_slot *slot)
{
	return syscall(SYS_kcmp, pid, pid, KCMP_EPOLL_TFD, fd, slot) == 0;
}

static bool is_open_elsewhere(pid_t pid, const struct kcmp_epoll_slot *slot)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);

	_cleanup_dir_ DIR *dir = opendir(path);

	for (struct dirent *e; dir && (e = readdir(dir));) {
		uint64_t fd;

		if (str_to_u64(e->d_name, INT32_MAX, &fd) == 0 && is_target(pid, (int)fd, slot))
			return true;
	}
	return !dir;
}

/*
 * A file stays in the queue until its last descriptor is closed, in whatever process: one that a child still has is there, under
 * a number that may be another file's by now.
 */
void preflight_epoll(struct preflight *p, const struct process *process, int fd)
{
	_cleanup_free_ char *text = read_info(process, fd);
	struct kcmp_epoll_slot slot = { .efd = (uint32_t)fd };
	struct epoll_line target;
	char *rest = text, *line;

	for (int n = 0; n < ENTRIES_MAX && (line = proc_next_line(&rest)); n++) {
		if (!proc_parse_epoll(line, &target))
			continue;
		slot.tfd = (uint32_t)target.fd;
		if (is_target(process->status.pid, target.fd, &slot) || is_open_elsewhere(process->status.pid, &slot))
			continue;
		preflight_found(p, PREFLIGHT_EPOLL, process, fd, "a file that was descriptor %d", target.fd);
		break;
	}
}
