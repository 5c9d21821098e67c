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

/* criu/include/magic.h. */
#define MAGIC_COMMON 0x54564319
#define MAGIC_REMAP  0x59133954
#define MAGIC_GHOST  0x52583605

/* Fields: images/remap-file-path.proto, fdinfo.proto, regfile.proto, ghost-file.proto. */
#define REMAP_ORIG_ID  1
#define REMAP_ID       2
#define REMAP_TYPE     3
#define FILE_ENTRY_ID  2
#define FILE_ENTRY_REG 3
#define REG_FILE_NAME  6
#define GHOST_MODE     3

#define REMAP_TYPE_GHOST 1

#define REMAPS "remap-fpath.img"

/* Of a ghost's entry, whose largest part is a symlink's target; the file's data follows it. */
#define GHOST_ENTRY_LIMIT (2 * PATH_MAX)

struct ghost {
	uint32_t file_id; /* in files.img */
	uint32_t id;
	const unsigned char *path; /* below the root, in files.img; NULL if that has none */
	size_t path_len;
	bool is_dir;
};

struct ghosts {
	struct ghost *list;
	size_t n;
	size_t room;
	struct timespec saved; /* when the images were: the guest has stood still since */
};
DEFINE_CLEANUP(struct ghosts, cleanup_ghosts, free(p->list))

static int find_number(struct pb_in message, unsigned int number, uint32_t *ret)
{
	struct pb_field field;

	if (mend_find_field(message, number, PB_VARINT, &field) <= 0 || field.value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)field.value;
	return 0;
}

static int add_ghost(struct ghosts *ghosts, const struct ghost *ghost)
{
	if (ghosts->n == ghosts->room) {
		size_t room = ghosts->room > 0 ? 2 * ghosts->room : 16;
		struct ghost *list = reallocarray(ghosts->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		ghosts->list = list;
		ghosts->room = room;
	}
	ghosts->list[ghosts->n++] = *ghost;
	return 0;
}

static int by_file_id(const void *a, const void *b)
{
	uint32_t x = ((const struct ghost *)a)->file_id, y = ((const struct ghost *)b)->file_id;

	return (x > y) - (x < y);
}

/* Sorted by files' ids. */
static int collect_ghosts(struct image_file *remaps, struct ghosts *ret, struct err *err)
{
	struct pb_in message;
	int r;

	while ((r = image_file_next(remaps, &message, err)) > 0) {
		struct ghost ghost = { 0 };
		uint32_t type;

		if (find_number(message, REMAP_ORIG_ID, &ghost.file_id) < 0 || find_number(message, REMAP_ID, &ghost.id) < 0 ||
		    find_number(message, REMAP_TYPE, &type) < 0)
			return image_file_damaged(remaps, err);
		if (type == REMAP_TYPE_GHOST && add_ghost(ret, &ghost) < 0)
			return err_oom(err);
	}
	if (r == 0 && ret->n > 0)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_file_id);
	return r;
}

/* The name is an absolute path as the guest sees it. */
static int take_path(struct pb_in entry, struct ghost *ghost)
{
	struct pb_field reg, name;

	if (mend_find_field(entry, FILE_ENTRY_REG, PB_BYTES, &reg) <= 0)
		return -EBADMSG;
	if (mend_find_field((struct pb_in){ .data = reg.data, .len = reg.len }, REG_FILE_NAME, PB_BYTES, &name) <= 0)
		return -EBADMSG;
	if (name.len < 2 || name.len >= PATH_MAX || name.data[0] != '/' || memchr(name.data, '\0', name.len))
		return -EBADMSG;
	ghost->path = name.data + 1;
	ghost->path_len = name.len - 1;
	return 0;
}

static int find_paths(struct image_file *files, const struct ghosts *ghosts, struct err *err)
{
	const struct ghost *end = ghosts->list + ghosts->n;
	struct pb_in message;
	int r;

	while ((r = image_file_next(files, &message, err)) > 0) {
		struct ghost key = { 0 }, *ghost;

		if (find_number(message, FILE_ENTRY_ID, &key.file_id) < 0)
			return image_file_damaged(files, err);
		ghost = bsearch(&key, ghosts->list, ghosts->n, sizeof(key), by_file_id);
		/* bsearch() finds any of several. */
		while (ghost && ghost > ghosts->list && ghost[-1].file_id == key.file_id)
			ghost--;
		for (; ghost && ghost < end && ghost->file_id == key.file_id; ghost++) {
			if (take_path(message, ghost) < 0)
				return image_file_damaged(files, err);
		}
	}
	return r;
}

/* Only the entry is read: up to gigabytes of the file follow. */
static int read_mode(int images_fd, const char *name, uint32_t *ret)
{
	_cleanup_fd_ int fd = path_open_beneath(images_fd, name, O_RDONLY, 0);
	_cleanup_free_ unsigned char *entry = NULL;
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
	return r < 0 ? r : find_number((struct pb_in){ .data = entry, .len = len }, GHOST_MODE, ret);
}

static int look_at(int images_fd, struct ghost *ghost, struct err *err)
{
	char name[32];
	uint32_t mode = 0;

	snprintf(name, sizeof(name), "ghost-file-%x.img", ghost->id);

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

	strbuf_add_bytes(&name, (const char *)ghost->path, ghost->path_len);
	if (!ghost->is_dir)
		strbuf_addf(&name, ".cr.%x.ghost", ghost->id);

	_cleanup_free_ char *path = strbuf_take(&name);
	int r = path ? remove_upwards(root_fd, path, ghost->is_dir, saved) : -ENOMEM;

	/* Its name is the guest's choice, which does not go into messages. */
	return r < 0 ? err_sys(err, -r, "remove CRIU's ghost file %x, which an interrupted resume has left in the guest",
			       ghost->id)
		     : 0;
}

/* Folders after what is in them, and the lower ones first. */
static int by_depth(const void *a, const void *b)
{
	const struct ghost *x = a, *y = b;

	if (x->is_dir != y->is_dir)
		return x->is_dir ? 1 : -1;
	return (x->path_len < y->path_len) - (x->path_len > y->path_len);
}

static int sweep_all(int images_fd, int root_fd, struct ghosts *ghosts, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ghosts->n; i++)
		r = look_at(images_fd, &ghosts->list[i], err);
	if (r < 0)
		return r;
	qsort(ghosts->list, ghosts->n, sizeof(*ghosts->list), by_depth);
	for (size_t i = 0; r == 0 && i < ghosts->n; i++) {
		if (ghosts->list[i].path)
			r = sweep(root_fd, &ghosts->list[i], &ghosts->saved, err);
	}
	return r;
}

int checkpoint_sweep_ghosts(int images_fd, int root_fd, struct err *err)
{
	_cleanup_(image_file_free) struct image_file remaps = { 0 }, files = { 0 };
	_cleanup_(cleanup_ghosts) struct ghosts ghosts = { 0 };
	struct stat st;
	int r = image_file_read(images_fd, REMAPS, MAGIC_REMAP, &remaps, err);

	if (r == -ENOENT) {
		*err = ERR_INIT;
		return 0;
	}
	if (r == 0)
		r = collect_ghosts(&remaps, &ghosts, err);
	if (r < 0 || ghosts.n == 0)
		return r;
	if (fstatat(images_fd, REMAPS, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at CRIU's image '%s'", REMAPS);
	ghosts.saved = st.st_mtim;
	r = image_file_read(images_fd, "files.img", MEND_MAGIC_FILES, &files, err);
	if (r == 0)
		r = find_paths(&files, &ghosts, err);
	return r < 0 ? r : sweep_all(images_fd, root_fd, &ghosts, err);
}
