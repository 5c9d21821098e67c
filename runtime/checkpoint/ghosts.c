/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/ghosts.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/image_file.h"
#include "runtime/checkpoint/mend_priv.h"
#include "runtime/checkpoint/protobuf.h"
#include "runtime/checkpoint/remaps.h"

/* criu/include/magic.h. */
#define MAGIC_COMMON 0x54564319
#define MAGIC_GHOST  0x52583605

/* images/ghost-file.proto. */
#define GHOST_MODE 3

/* Of a ghost's entry, whose largest part is a symlink's target; the file's data follows it. */
#define GHOST_ENTRY_LIMIT (2 * PATH_MAX)

struct ghost {
	const struct remap *remap;
	bool is_dir;
};

/* Only the entry is read: up to gigabytes of the file follow. */
static int read_mode(int images_fd, const char *name, uint32_t *ret)
{
	_cleanup_fd_ int fd = path_open_beneath(images_fd, name, O_RDONLY, 0);
	_cleanup_free_ unsigned char *entry = NULL;
	struct pb_field mode;
	uint32_t head[3];
	int r = fd < 0 ? fd : fd_read_exact(fd, head, sizeof(head));

	if (r < 0)
		return r;

	size_t len = le32toh(head[2]);

	if (le32toh(head[0]) != MAGIC_COMMON || le32toh(head[1]) != MAGIC_GHOST || len == 0 || len > GHOST_ENTRY_LIMIT)
		return -EBADMSG;
	entry = malloc(len);
	if (!entry)
		return -ENOMEM;
	r = fd_read_exact(fd, entry, len);
	if (r < 0)
		return r;
	if (mend_find_field((struct pb_in){ .data = entry, .len = len }, GHOST_MODE, PB_VARINT, &mode) <= 0 ||
	    mode.value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)mode.value;
	return 0;
}

static int look_at(int images_fd, struct ghost *ghost, struct err *err)
{
	char name[32];
	uint32_t mode = 0;

	snprintf(name, sizeof(name), "ghost-file-%x.img", ghost->remap->id);

	int r = read_mode(images_fd, name, &mode);

	if (r == -EBADMSG || r == -ENODATA)
		return image_file_damaged(&(struct image_file){ .name = name }, err);
	if (r < 0)
		return err_sys(err, -r, "read CRIU's image '%s'", name);
	ghost->is_dir = S_ISDIR(mode);
	return 0;
}

static bool is_younger(const struct stat *st, const struct timespec *saved)
{
	if (st->st_ctim.tv_sec != saved->tv_sec)
		return st->st_ctim.tv_sec > saved->tv_sec;
	return st->st_ctim.tv_nsec >= saved->tv_nsec;
}

/* What CRIU cannot have made: nothing is there, or something that the guest itself has put into the way. */
static bool is_absence(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -EISDIR || r == -ELOOP || r == -EXDEV || r == -ENAMETOOLONG ||
	       r == -ENOTEMPTY;
}

static int remove_at(int dir_fd, const char *name, bool is_dir, const struct timespec *saved)
{
	struct stat st;

	if (!is_dir)
		return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
	/* rmdir(2) does not know these, and says so with errors of their own. */
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return -ENOENT;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode) || !is_younger(&st, saved))
		return -ENOENT;
	return unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/*
 * In the folder of `path`, and in each above it: which of them were there when CRIU looked depends on which deleted folders it
 * had made by then. Changes `path`.
 */
static int remove_upwards(int root_fd, char *path, bool is_dir, const struct timespec *saved)
{
	char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	char *above = slash ? path : strchr(path, '\0');

	if (slash)
		*slash = '\0';
	for (;;) {
		_cleanup_fd_ int fd = path_open_beneath(root_fd, *above ? above : ".", O_PATH | O_DIRECTORY, 0);
		int r = fd < 0 ? fd : remove_at(fd, name, is_dir, saved);

		if (r < 0 && !is_absence(r))
			return r;
		if (!*above)
			return 0;
		slash = strrchr(above, '/');
		*(slash ? slash : above) = '\0';
	}
}

static int sweep(int root_fd, const struct ghost *ghost, const struct timespec *saved, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf name = { 0 };

	strbuf_add_bytes(&name, (const char *)ghost->remap->path, ghost->remap->path_len);
	if (!ghost->is_dir)
		strbuf_addf(&name, ".cr.%x.ghost", ghost->remap->id);

	_cleanup_free_ char *path = strbuf_take(&name);
	int r = path ? remove_upwards(root_fd, path, ghost->is_dir, saved) : -ENOMEM;

	/* Its name is the guest's choice, which does not go into messages. */
	return r < 0 ? err_sys(err, -r, "remove CRIU's ghost file %x, which an interrupted resume has left in the guest",
			       ghost->remap->id)
		     : 0;
}

/* Folders after what is in them, and the lower ones first. */
static int by_depth(const void *a, const void *b)
{
	const struct ghost *x = a, *y = b;

	if (x->is_dir != y->is_dir)
		return x->is_dir ? 1 : -1;
	return (x->remap->path_len < y->remap->path_len) - (x->remap->path_len > y->remap->path_len);
}

static int sweep_all(int images_fd, int root_fd, const struct remaps *remaps, struct ghost *ghosts, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < remaps->n; i++) {
		ghosts[i].remap = &remaps->list[i];
		r = look_at(images_fd, &ghosts[i], err);
	}
	if (r < 0)
		return r;
	qsort(ghosts, remaps->n, sizeof(*ghosts), by_depth);
	for (size_t i = 0; r == 0 && i < remaps->n; i++) {
		if (ghosts[i].remap->path)
			r = sweep(root_fd, &ghosts[i], &remaps->saved, err);
	}
	return r;
}

int checkpoint_sweep_ghosts(int images_fd, int root_fd, struct err *err)
{
	_cleanup_(cleanup_remaps) struct remaps remaps = { 0 };
	_cleanup_free_ struct ghost *ghosts = NULL;
	int r = remaps_read(images_fd, REMAP_GHOST, &remaps, err);

	if (r < 0 || remaps.n == 0)
		return r;
	ghosts = calloc(remaps.n, sizeof(*ghosts));
	return ghosts ? sweep_all(images_fd, root_fd, &remaps, ghosts, err) : err_oom(err);
}
