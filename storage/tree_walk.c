/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "storage/tree_priv.h"

/* The names of the folders of a folder that are still to be walked over: one after the other, each with its zero. */
struct names {
	struct strbuf text;
	size_t next;
};

struct walk {
	struct tree_place place;
	struct tree_inodes *inodes;
	const struct tree_visitor *visitor;
	void *context;
	struct names *levels; /* place.depth of them are in use */
	size_t n_levels, room;
};

static int walk_err(struct err *err, int code, const char *name)
{
	return err_sys(err, code, "read '%s' of a private area", name);
}

static int visit_file(struct walk *w, const char *name, const struct stat *was, struct err *err)
{
	int flags = S_ISREG(was->st_mode) ? O_RDONLY | O_NOATIME | O_NONBLOCK : O_PATH;
	_cleanup_fd_ int fd = openat(w->place.fd, name, flags | O_NOFOLLOW | O_CLOEXEC);
	uint64_t number = 0;
	bool is_new = true;
	struct stat st;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) < 0)
		return walk_err(err, errno, name);
	if (st.st_dev != w->place.dev || st.st_ino != was->st_ino || (st.st_mode & S_IFMT) != (was->st_mode & S_IFMT))
		return walk_err(err, ESTALE, name);
	if (st.st_nlink > 1)
		r = tree_inodes_find(w->inodes, st.st_ino, &number, &is_new);
	if (r < 0)
		return walk_err(err, -r, name);
	return is_new ? w->visitor->file(w->context, name, fd, &st, number, err)
		      : w->visitor->again(w->context, name, number, err);
}

/* Of one entry; a folder is only noted. */
static int visit_entry(struct walk *w, struct names *folders, const char *name, struct err *err)
{
	struct stat st;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (fstatat(w->place.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return walk_err(err, errno, name);
	if (!S_ISDIR(st.st_mode))
		return visit_file(w, name, &st, err);
	strbuf_add_bytes(&folders->text, name, strlen(name) + 1);
	return folders->text.failed ? err_oom(err) : 0;
}

static int visit_entries(struct walk *w, struct names *folders, struct err *err)
{
	_cleanup_fd_ int fd = openat(w->place.fd, ".", O_RDONLY | O_DIRECTORY | O_NOATIME | O_CLOEXEC);
	_cleanup_dir_ DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	if (!dir)
		return walk_err(err, errno, ".");
	TAKE_FD(fd);
	for (;;) {
		errno = 0;

		const struct dirent *e = readdir(dir);

		if (!e)
			return errno ? walk_err(err, errno, ".") : 0;

		int r = visit_entry(w, folders, e->d_name, err);

		if (r < 0)
			return r;
	}
}

static int push_level(struct walk *w, struct err *err)
{
	if (w->n_levels == w->room) {
		size_t room = w->room ? w->room * 2 : 16;
		struct names *bigger = reallocarray(w->levels, room, sizeof(*bigger));

		if (!bigger)
			return err_oom(err);
		w->levels = bigger;
		w->room = room;
	}
	w->levels[w->n_levels++] = (struct names){ 0 };
	return 0;
}

static int enter(struct walk *w, const char *name, struct err *err)
{
	int r = push_level(w, err);

	if (r < 0)
		return r;
	r = tree_place_enter(&w->place, name);
	if (r < 0)
		return walk_err(err, -r, name);
	r = w->visitor->begin(w->context, name, err);
	return r < 0 ? r : visit_entries(w, &w->levels[w->n_levels - 1], err);
}

static int leave(struct walk *w, struct err *err)
{
	struct stat st;
	int r;

	if (fstat(w->place.fd, &st) < 0)
		return walk_err(err, errno, ".");
	r = w->visitor->end(w->context, w->place.fd, &st, err);
	if (r < 0)
		return r;
	strbuf_free(&w->levels[--w->n_levels].text);
	r = tree_place_leave(&w->place);
	return r < 0 ? walk_err(err, -r, "..") : 0;
}

static int walk_all(struct walk *w, const char *name, struct err *err)
{
	int r = enter(w, name, err);

	while (r == 0 && w->n_levels > 0) {
		struct names *level = &w->levels[w->n_levels - 1];

		if (level->next == level->text.len) {
			r = leave(w, err);
			continue;
		}

		const char *next = level->text.data + level->next;

		level->next += strlen(next) + 1;
		r = enter(w, next, err);
	}
	return r;
}

int tree_walk(int dir_fd, const char *name, struct tree_inodes *inodes, const struct tree_visitor *visitor, void *context,
	      struct err *err)
{
	struct walk w = { .inodes = inodes, .visitor = visitor, .context = context };
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return walk_err(err, errno, name);
	r = tree_place_begin(&w.place, fd);
	r = r < 0 ? walk_err(err, -r, name) : walk_all(&w, name, err);
	while (w.n_levels > 0)
		strbuf_free(&w.levels[--w.n_levels].text);
	free(w.levels);
	tree_place_end(&w.place);
	return r;
}
