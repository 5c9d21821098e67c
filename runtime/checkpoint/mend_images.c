/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/mend_images.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/image_file.h"
#include "runtime/checkpoint/mend_priv.h"
#include "runtime/checkpoint/protobuf.h"

/* criu/include/magic.h. */
#define MAGIC_MM    0x57492820
#define MAGIC_REMAP 0x59133954

/* Fields: images/fdinfo.proto, regfile.proto, mm.proto, remap-file-path.proto. */
#define FILE_ENTRY_ID  2
#define FILE_ENTRY_REG 3
#define REG_FILE_ID    1
#define REG_FILE_FLAGS 2
#define MM_EXE_FILE_ID 12
#define REMAP_ORIG_ID  1

DEFINE_CLEANUP(struct pb_out, cleanup_pb_out, free(p->data))

/* An open file's entry that has O_PATH. */
struct path_entry {
	uint32_t id;
	uint32_t exe_id; /* of the entry that takes its place for executables. 0: none needs it */
	struct pb_in message;
};

struct path_entries {
	struct path_entry *list; /* by id */
	size_t n;
	uint64_t last_id; /* of all files' */
	bool has_exe;
};
DEFINE_CLEANUP(struct path_entries, cleanup_path_entries, free(p->list))

int mend_find_field(struct pb_in message, unsigned int number, enum pb_wire wire, struct pb_field *ret)
{
	struct pb_field field;
	int found = 0, r;

	while ((r = pb_next(&message, &field)) > 0) {
		if (field.number != number)
			continue;
		if (field.wire != wire)
			return -EBADMSG;
		*ret = field;
		found = 1;
	}
	return r < 0 ? r : found;
}

static int find_id(struct pb_in message, unsigned int number, uint32_t *ret)
{
	struct pb_field field;

	if (mend_find_field(message, number, PB_VARINT, &field) <= 0 || field.value > UINT32_MAX)
		return -EBADMSG;
	*ret = (uint32_t)field.value;
	return 0;
}

int mend_copy_changed(struct pb_in message, const struct mend_change *changes, size_t n, struct pb_out *out)
{
	struct pb_field field;
	int r;

	while ((r = pb_next(&message, &field)) > 0) {
		const struct mend_change *change = changes;

		while (change < changes + n && change->number != field.number)
			change++;
		if (change == changes + n)
			pb_put_field(out, &field);
		else if (change->message)
			pb_put_message(out, field.number, change->message);
		else
			pb_put_varint(out, field.number, change->value);
	}
	return r;
}

static int by_id(const void *a, const void *b)
{
	uint32_t x = ((const struct path_entry *)a)->id, y = ((const struct path_entry *)b)->id;

	return (x > y) - (x < y);
}

static struct path_entry *find_entry(const struct path_entries *entries, uint32_t id)
{
	struct path_entry key = { .id = id };

	return bsearch(&key, entries->list, entries->n, sizeof(key), by_id);
}

/* 1 if it is of a file with a path that was opened with O_PATH. */
static int is_path_entry(struct pb_in message)
{
	struct pb_field reg, flags;
	int r = mend_find_field(message, FILE_ENTRY_REG, PB_BYTES, &reg);

	if (r <= 0)
		return r;
	r = mend_find_field((struct pb_in){ .data = reg.data, .len = reg.len }, REG_FILE_FLAGS, PB_VARINT, &flags);
	return r <= 0 ? -EBADMSG : (flags.value & O_PATH) != 0;
}

static int add_entry(struct path_entries *entries, size_t *room, const struct path_entry *entry)
{
	if (entries->n == *room) {
		size_t larger = *room > 0 ? 2 * *room : 64;
		struct path_entry *list = reallocarray(entries->list, larger, sizeof(*list));

		if (!list)
			return -ENOMEM;
		entries->list = list;
		*room = larger;
	}
	entries->list[entries->n++] = *entry;
	return 0;
}

static int collect_entries(struct image_file *files, struct path_entries *ret, struct err *err)
{
	struct path_entry entry = { 0 };
	size_t room = 0;
	int r;

	while ((r = image_file_next(files, &entry.message, err)) > 0) {
		if (find_id(entry.message, FILE_ENTRY_ID, &entry.id) < 0)
			return image_file_damaged(files, err);
		if (entry.id > ret->last_id)
			ret->last_id = entry.id;
		r = is_path_entry(entry.message);
		if (r < 0)
			return image_file_damaged(files, err);
		if (r > 0 && add_entry(ret, &room, &entry) < 0)
			return err_oom(err);
	}
	if (r == 0 && ret->n > 0)
		qsort(ret->list, ret->n, sizeof(*ret->list), by_id);
	return r;
}

/* The id of its executable's own entry; the same for all who run the file. */
static int take_exe_id(struct path_entries *entries, struct path_entry *entry)
{
	if (entry->exe_id == 0) {
		if (entries->last_id >= UINT32_MAX)
			return -EBADMSG;
		entry->exe_id = (uint32_t)++entries->last_id;
		entries->has_exe = true;
	}
	return 0;
}

static int rewrite_mm(int images_fd, const struct image_file *mm, struct pb_in message, uint32_t exe_id, struct err *err)
{
	_cleanup_(cleanup_pb_out) struct pb_out out = PB_OUT_INIT;
	_cleanup_(strbuf_free) struct strbuf image = { 0 };
	struct mend_change change = { .number = MM_EXE_FILE_ID, .value = exe_id };

	if (mend_copy_changed(message, &change, 1, &out) < 0)
		return image_file_damaged(mm, err);
	strbuf_add_bytes(&image, mm->data, IMAGE_FILE_HEAD);
	image_file_put(&image, &out);
	return image_file_replace(images_fd, mm->name, &image, err);
}

/* Of one process. */
static int mend_mm(int images_fd, const char *name, struct path_entries *entries, struct err *err)
{
	_cleanup_(image_file_free) struct image_file mm = { 0 };
	struct pb_in message;
	uint32_t id;
	int r = image_file_read(images_fd, name, MAGIC_MM, &mm, err);

	if (r == 0)
		r = image_file_next(&mm, &message, err);
	if (r < 0)
		return r;
	if (r == 0 || mm.rest.len > 0 || find_id(message, MM_EXE_FILE_ID, &id) < 0)
		return image_file_damaged(&mm, err);

	struct path_entry *entry = find_entry(entries, id);

	if (!entry)
		return 0;
	if (take_exe_id(entries, entry) < 0)
		return image_file_damaged(&mm, err);
	return rewrite_mm(images_fd, &mm, message, entry->exe_id, err);
}

static int mend_processes(int images_fd, struct path_entries *entries, struct err *err)
{
	_cleanup_dir_ DIR *dir = entries_open(images_fd);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return err_sys(err, errno, "list CRIU's images");
	/* An image that was replaced may be met once more: it names no entry with O_PATH then. */
	while (r == 0 && (entry = entries_next(dir))) {
		if (fnmatch("mm-*.img", entry->d_name, 0) == 0)
			r = mend_mm(images_fd, entry->d_name, entries, err);
	}
	if (r == 0 && errno != 0)
		r = err_sys(err, errno, "list CRIU's images");
	return r;
}

/* The file's entry once more, with the executable's id, opened for reading. */
static int copy_entry(const struct path_entry *entry, struct strbuf *image)
{
	_cleanup_(cleanup_pb_out) struct pb_out reg = PB_OUT_INIT, file = PB_OUT_INIT;
	struct mend_change in_reg[] = { { .number = REG_FILE_ID, .value = entry->exe_id },
					{ .number = REG_FILE_FLAGS, .value = O_RDONLY } };
	struct mend_change in_file[] = { { .number = FILE_ENTRY_ID, .value = entry->exe_id },
					 { .number = FILE_ENTRY_REG, .message = &reg } };
	struct pb_field field;
	int r = mend_find_field(entry->message, FILE_ENTRY_REG, PB_BYTES, &field);

	if (r > 0)
		r = mend_copy_changed((struct pb_in){ .data = field.data, .len = field.len }, in_reg, ARRAY_SIZE(in_reg), &reg);
	if (r == 0)
		r = mend_copy_changed(entry->message, in_file, ARRAY_SIZE(in_file), &file);
	image_file_put(image, &file);
	return r;
}

static int add_files(int images_fd, const struct image_file *files, const struct path_entries *entries, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf image = { 0 };

	strbuf_add_bytes(&image, files->data, files->len);
	for (size_t i = 0; i < entries->n; i++) {
		if (entries->list[i].exe_id != 0 && copy_entry(&entries->list[i], &image) < 0)
			return image_file_damaged(files, err);
	}
	return image_file_replace(images_fd, files->name, &image, err);
}

/* A deleted file, such as one of an upgraded package, is found by an entry's id: 1 if this one had to be doubled. */
static int copy_remap(struct pb_in message, const struct path_entries *entries, struct strbuf *image)
{
	_cleanup_(cleanup_pb_out) struct pb_out out = PB_OUT_INIT;
	uint32_t id;

	if (find_id(message, REMAP_ORIG_ID, &id) < 0)
		return -EBADMSG;

	const struct path_entry *entry = find_entry(entries, id);
	struct mend_change change = { .number = REMAP_ORIG_ID, .value = entry ? entry->exe_id : 0 };

	if (change.value == 0)
		return 0;
	if (mend_copy_changed(message, &change, 1, &out) < 0)
		return -EBADMSG;
	image_file_put(image, &out);
	return 1;
}

static int add_remaps(int images_fd, const struct path_entries *entries, struct err *err)
{
	_cleanup_(image_file_free) struct image_file remaps = { 0 };
	_cleanup_(strbuf_free) struct strbuf image = { 0 };
	struct pb_in message;
	bool is_changed = false;
	int r = image_file_read(images_fd, "remap-fpath.img", MAGIC_REMAP, &remaps, err);

	if (r == -ENOENT) {
		*err = ERR_INIT;
		return 0;
	}
	if (r < 0)
		return r;
	strbuf_add_bytes(&image, remaps.data, remaps.len);
	while ((r = image_file_next(&remaps, &message, err)) > 0) {
		r = copy_remap(message, entries, &image);
		if (r < 0)
			return image_file_damaged(&remaps, err);
		is_changed |= r > 0;
	}
	return r == 0 && is_changed ? image_file_replace(images_fd, remaps.name, &image, err) : r;
}

int checkpoint_mend_images(int images_fd, struct err *err)
{
	_cleanup_(image_file_free) struct image_file files = { 0 };
	_cleanup_(cleanup_path_entries) struct path_entries entries = { 0 };
	int r = mend_timers(images_fd, err);

	if (r == 0)
		r = image_file_read(images_fd, "files.img", MEND_MAGIC_FILES, &files, err);
	if (r == 0)
		r = collect_entries(&files, &entries, err);
	/* The guest stands still meanwhile: most have nothing to mend, and their processes' images are not read. */
	if (r == 0 && entries.n > 0)
		r = mend_processes(images_fd, &entries, err);
	if (r == 0 && entries.has_exe)
		r = add_files(images_fd, &files, &entries, err);
	if (r == 0 && entries.has_exe)
		r = add_remaps(images_fd, &entries, err);
	return r;
}
