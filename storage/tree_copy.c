/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/tree_copy_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "storage/overlay_index_priv.h"
#include "storage/pool_priv.h"
#include "storage/tree_priv.h"

struct copy {
	const struct pool *pool;
	int area_fd; /* of the new one */
	struct tree_target target;
};

static int copy_err(const struct copy *c, struct err *err, int code, const char *name)
{
	return pool_err(c->pool, err, code, "copy '%s' of a private area", name);
}

struct attrs {
	const struct copy *copy;
	int to;
	bool is_folder;
};

static int copy_attr(void *context, const char *name, const void *value, size_t len)
{
	const struct attrs *a = context;

	if (a->is_folder && strcmp(name, "trusted.overlay.origin") == 0) {
		int r = overlay_index_point(a->copy->area_fd, a->to, value, len);

		if (r < 0)
			return r;
	}
	return tree_set_attr(a->to, name, value, len);
}

/* All but the contents. */
static int copy_rest(const struct copy *c, int from, int to, const struct stat *st)
{
	struct attrs attrs = { .copy = c, .to = to, .is_folder = S_ISDIR(st->st_mode) };
	struct tree_meta meta = tree_meta_of(st);
	int r = tree_set_owner(to, &meta);

	if (r == 0)
		r = tree_each_attr(from, copy_attr, &attrs);
	return r < 0 ? r : tree_set_rest(to, &meta);
}

static int begin(void *context, const char *name, struct err *err)
{
	struct copy *c = context;
	int r = tree_target_enter(&c->target, name);

	return r < 0 ? copy_err(c, err, -r, name) : 0;
}

static int end(void *context, int fd, const struct stat *st, struct err *err)
{
	struct copy *c = context;
	int r = copy_rest(c, fd, c->target.place.fd, st);

	if (r == 0)
		r = tree_place_leave(&c->target.place);
	return r < 0 ? copy_err(c, err, -r, ".") : 0;
}

static int make_like(struct copy *c, const char *name, int fd, const struct stat *st)
{
	_cleanup_free_ char *link_to = NULL;
	int r = S_ISLNK(st->st_mode) ? tree_read_link(fd, st, &link_to) : 0;

	return r < 0 ? r : tree_target_make(&c->target, name, st->st_mode, st->st_rdev, link_to);
}

static int file(void *context, const char *name, int fd, const struct stat *st, uint64_t number, struct err *err)
{
	struct copy *c = context;
	_cleanup_fd_ int to = make_like(c, name, fd, st);
	int r = to < 0 ? to : 0;

	if (r == 0 && S_ISREG(st->st_mode))
		r = tree_copy_data(fd, to, (uint64_t)st->st_size);
	if (r == 0)
		r = copy_rest(c, fd, to, st);
	if (r == 0 && number > 0)
		r = tree_target_keep(&c->target, name, number);
	return r < 0 ? copy_err(c, err, -r, name) : 0;
}

static int again(void *context, const char *name, uint64_t number, struct err *err)
{
	struct copy *c = context;
	int r = tree_target_again(&c->target, name, number);

	return r < 0 ? copy_err(c, err, -r, name) : 0;
}

/* `work` first: its index is set right while the folders of `upper` are made. */
static int copy_both(struct copy *c, int from_fd, struct err *err)
{
	static const struct tree_visitor visitor = { .begin = begin, .end = end, .file = file, .again = again };
	struct tree_inodes inodes = { 0 };
	int r = tree_walk(from_fd, AREA_WORK, &inodes, &visitor, c, err);

	if (r == 0)
		r = fault_point("copy.begun", err);
	if (r == 0)
		r = tree_walk(from_fd, AREA_UPPER, &inodes, &visitor, c, err);
	tree_inodes_free(&inodes);
	return r;
}

int tree_copy_area(const struct pool *pool, int from_fd, int to_fd, struct err *err)
{
	struct copy c = { .pool = pool, .area_fd = to_fd };
	int r = tree_target_begin(&c.target, to_fd, err);

	if (r == 0)
		r = copy_both(&c, from_fd, err);
	if (r == 0)
		r = tree_target_finish(&c.target, to_fd, err);
	tree_target_free(&c.target);
	if (r < 0)
		return r;
	r = overlay_index_claim(to_fd);
	if (r == 0 && syncfs(to_fd) < 0)
		r = -errno;
	return r < 0 ? pool_err(pool, err, -r, "finish the copy of a private area") : 0;
}
