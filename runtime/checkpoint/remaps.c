/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/remaps.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "runtime/checkpoint/mend_priv.h"
#include "runtime/checkpoint/protobuf.h"

/* criu/include/magic.h. */
#define MAGIC_REMAP 0x59133954

/* Fields: images/remap-file-path.proto, fdinfo.proto, regfile.proto. */
#define REMAP_ORIG_ID  1
#define REMAP_ID       2
#define REMAP_TYPE     3
#define FILE_ENTRY_ID  2
#define FILE_ENTRY_REG 3
#define REG_FILE_NAME  6

#define REMAPS "remap-fpath.img"

void remaps_free(struct remaps *remaps)
{
	free(remaps->list);
	image_file_free(&remaps->files);
	*remaps = (struct remaps){ 0 };
}

static int find_number(struct pb_in message, unsigned int number, uint32_t *ret)
{
	struct pb_field field;

	if (mend_find_field(message, number, PB_VARINT, &field) <= 0 || field.value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)field.value;
	return 0;
}

static int add(struct remaps *remaps, const struct remap *remap)
{
	if (remaps->n == remaps->room) {
		size_t room = remaps->room > 0 ? 2 * remaps->room : 16;
		struct remap *list = reallocarray(remaps->list, room, sizeof(*list));

		if (!list)
			return -ENOMEM;
		remaps->list = list;
		remaps->room = room;
	}
	remaps->list[remaps->n++] = *remap;
	return 0;
}

static int by_file(const void *a, const void *b)
{
	uint32_t x = ((const struct remap *)a)->at, y = ((const struct remap *)b)->at;

	return (x > y) - (x < y);
}

static int collect(struct image_file *image, enum remap_type wanted, struct remaps *ret, struct err *err)
{
	struct pb_in message;
	int r;

	while ((r = image_file_next(image, &message, err)) > 0) {
		struct remap remap = { 0 };
		uint32_t type, file;

		if (find_number(message, REMAP_ORIG_ID, &file) < 0 || find_number(message, REMAP_ID, &remap.id) < 0 ||
		    find_number(message, REMAP_TYPE, &type) < 0)
			return image_file_damaged(image, err);
		remap.at = wanted == REMAP_LINKED ? remap.id : file;
		if (type == wanted && add(ret, &remap) < 0)
			return err_oom(err);
	}
	if (r == 0 && ret->n > 0)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_file);
	return r;
}

/* The name is an absolute path as the guest sees it. */
static int take_path(struct pb_in entry, struct remap *remap)
{
	struct pb_field reg, name;

	if (mend_find_field(entry, FILE_ENTRY_REG, PB_BYTES, &reg) <= 0)
		return -EBADMSG;
	if (mend_find_field((struct pb_in){ .data = reg.data, .len = reg.len }, REG_FILE_NAME, PB_BYTES, &name) <= 0)
		return -EBADMSG;
	if (name.len < 2 || name.len >= PATH_MAX || name.data[0] != '/' || memchr(name.data, '\0', name.len))
		return -EBADMSG;
	remap->path = name.data + 1;
	remap->path_len = name.len - 1;
	return 0;
}

static int find_paths(struct remaps *remaps, struct err *err)
{
	const struct remap *end = remaps->list + remaps->n;
	struct pb_in message;
	int r;

	while ((r = image_file_next(&remaps->files, &message, err)) > 0) {
		struct remap key = { 0 }, *remap;

		if (find_number(message, FILE_ENTRY_ID, &key.at) < 0)
			return image_file_damaged(&remaps->files, err);
		remap = bsearch(&key, remaps->list, remaps->n, sizeof(key), by_file);
		/* bsearch() finds any of several. */
		while (remap && remap > remaps->list && remap[-1].at == key.at)
			remap--;
		for (; remap && remap < end && remap->at == key.at; remap++) {
			if (take_path(message, remap) < 0)
				return image_file_damaged(&remaps->files, err);
		}
	}
	return r;
}

int remaps_read(int images_fd, enum remap_type type, struct remaps *ret, struct err *err)
{
	_cleanup_(image_file_free) struct image_file image = { 0 };
	struct stat st;
	int r = image_file_read(images_fd, REMAPS, MAGIC_REMAP, &image, err);

	*ret = (struct remaps){ 0 };
	if (r == -ENOENT) {
		*err = ERR_INIT;
		return 0;
	}
	if (r == 0)
		r = collect(&image, type, ret, err);
	if (r < 0 || ret->n == 0)
		return r;
	if (fstatat(images_fd, REMAPS, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at CRIU's image '%s'", REMAPS);
	ret->saved = st.st_mtim;
	r = image_file_read(images_fd, "files.img", MEND_MAGIC_FILES, &ret->files, err);
	return r < 0 ? r : find_paths(ret, err);
}
