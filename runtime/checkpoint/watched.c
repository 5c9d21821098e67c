/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/watched.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/preflight_priv.h"

/* A Debian guest has some 15000; a guest may make as many as it likes. */
#define NAMES_MAX 200000
/* Each level of the walk holds two descriptors. */
#define DEPTH_MAX 64
/* That are held at a time: a guest's init and its bus watch some twenty. */
#define HELD_MAX 256

/* The walk through a guest's root. */
struct search {
	uint64_t device; /* of the root: nothing is looked up beyond its mounts */
	uint64_t wanted[HELD_MAX];
	size_t n_wanted;
	size_t n_names;
	struct watched *held;
};

static void want(struct search *s, const struct inotify_line *watch)
{
	if (watch->device != s->device || watch->handle_len > 0 || s->n_wanted == HELD_MAX)
		return;
	for (size_t i = 0; i < s->n_wanted; i++) {
		if (s->wanted[i] == watch->inode)
			return;
	}
	s->wanted[s->n_wanted++] = watch->inode;
}

static void read_watches(struct search *s, pid_t pid, const char *fd)
{
	_cleanup_free_ char *name = str_printf("fdinfo/%s", fd);
	_cleanup_free_ char *text = name ? preflight_read(pid, name) : NULL;
	struct inotify_line watch;
	char *rest = text, *line;

	while ((line = proc_next_line(&rest))) {
		if (proc_parse_inotify(line, &watch))
			want(s, &watch);
	}
}

static void read_process(struct search *s, pid_t pid)
{
	char path[32], link[32];

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);

	_cleanup_dir_ DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = entries_next(dir))) {
		ssize_t n = readlinkat(dirfd(dir), e->d_name, link, sizeof(link) - 1);

		link[n > 0 ? n : 0] = '\0';
		if (strcmp(link, "anon_inode:inotify") == 0)
			read_watches(s, pid, e->d_name);
	}
}

static int find_wanted(struct search *s, const struct guest *guest, const struct guest_run *run, struct err *err)
{
	struct findings none = FINDINGS_INIT;
	struct preflight p = { .guest = guest, .run = *run, .findings = &none };
	int r = preflight_list_processes(&p, err);
	const struct process *list = p.processes.data;

	for (size_t i = 0; r == 0 && i < p.processes.n; i++) {
		if (!list[i].is_outside)
			read_process(s, list[i].status.pid);
	}
	free(p.processes.data);
	return r;
}

/* What is looked for is taken off its list, and its descriptor is ours. */
static bool hold(struct search *s, int fd, uint64_t inode)
{
	for (size_t i = 0; i < s->n_wanted; i++) {
		if (s->wanted[i] != inode)
			continue;
		s->wanted[i] = s->wanted[--s->n_wanted];
		s->held->fds[s->held->n++] = fd;
		return true;
	}
	return false;
}

static void walk(struct search *s, int folder, int depth);

/* To look it up is what gives it back its name. */
static void visit(struct search *s, int folder, const char *name, int depth)
{
	_cleanup_fd_ int fd = path_open_beneath(folder, name, O_PATH | O_NOFOLLOW, 0);
	struct stat st;

	s->n_names++;
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_dev != s->device)
		return;
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
		walk(s, fd, depth + 1);
	if (hold(s, fd, st.st_ino))
		(void)TAKE_FD(fd);
}

static void walk(struct search *s, int folder, int depth)
{
	_cleanup_dir_ DIR *dir = entries_open(folder);
	const struct dirent *e;

	while (dir && s->n_wanted > 0 && s->n_names < NAMES_MAX && (e = entries_next(dir)))
		visit(s, folder, e->d_name, depth);
}

int watched_hold(const struct guest *guest, const struct guest_run *run, struct watched *ret, struct err *err)
{
	struct search search = { .held = ret };
	char path[32];
	struct stat st;

	*ret = WATCHED_INIT;
	snprintf(path, sizeof(path), "/proc/%d/root", run->init.pid);

	_cleanup_fd_ int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (root < 0 || fstat(root, &st) < 0)
		return err_sys(err, errno, "look into the root of guest '%s'", guest->name);
	search.device = st.st_dev;

	int r = find_wanted(&search, guest, run, err);

	if (r < 0 || search.n_wanted == 0)
		return r;
	ret->fds = calloc(search.n_wanted, sizeof(*ret->fds));
	if (!ret->fds)
		return err_oom(err);
	walk(&search, root, 0);
	return 0;
}

void watched_close(struct watched *watched)
{
	for (size_t i = 0; i < watched->n; i++)
		close(watched->fds[i]);
	free(watched->fds);
	*watched = WATCHED_INIT;
}
