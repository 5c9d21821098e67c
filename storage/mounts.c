/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/mounts.h"

#include <errno.h>
#include <libmount/libmount.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/library.h"
#include "base/str.h"

/* The functions that are used, with the types of the library's own header: a change of one does not compile. */
struct libmount {
	void *handle;
	__typeof__(mnt_new_table) *new_table;
	__typeof__(mnt_unref_table) *unref_table;
	__typeof__(mnt_table_parse_file) *parse_file;
	__typeof__(mnt_table_find_target) *find_target;
	__typeof__(mnt_fs_get_target) *get_target;
	__typeof__(mnt_fs_get_source) *get_source;
	__typeof__(mnt_fs_get_fstype) *get_fstype;
	__typeof__(mnt_fs_get_options) *get_options;
};

static void libmount_close(struct libmount *lib)
{
	library_close(lib->handle);
}

static int libmount_open(struct libmount *lib, struct err *err)
{
	const struct library_symbol functions[] = {
		{ "mnt_new_table", &lib->new_table },	      { "mnt_unref_table", &lib->unref_table },
		{ "mnt_table_parse_file", &lib->parse_file }, { "mnt_table_find_target", &lib->find_target },
		{ "mnt_fs_get_target", &lib->get_target },    { "mnt_fs_get_source", &lib->get_source },
		{ "mnt_fs_get_fstype", &lib->get_fstype },    { "mnt_fs_get_options", &lib->get_options },
	};

	return library_open("libmount.so.1", "libmount1", functions, ARRAY_SIZE(functions), &lib->handle, err);
}

void mount_entry_clear(struct mount_entry *entry)
{
	free(entry->target);
	free(entry->source);
	free(entry->type);
	free(entry->options);
	*entry = (struct mount_entry){ 0 };
}

static char *copy(const char *s)
{
	return s ? strdup(s) : NULL;
}

static int fill_entry(const struct libmount *lib, struct libmnt_fs *fs, struct mount_entry *ret, struct err *err)
{
	*ret = (struct mount_entry){
		.target = copy(lib->get_target(fs)),
		.source = copy(lib->get_source(fs)),
		.type = copy(lib->get_fstype(fs)),
		.options = copy(lib->get_options(fs)),
	};

	if (ret->target && ret->type && ret->options)
		return 0;
	mount_entry_clear(ret);
	return err_oom(err);
}

/* Climbs from the path to the root; the newest mount on a folder hides the older ones. */
static struct libmnt_fs *find_above(const struct libmount *lib, struct libmnt_table *table, char *path)
{
	for (;;) {
		struct libmnt_fs *fs = lib->find_target(table, path, MNT_ITER_BACKWARD);
		char *slash = strrchr(path, '/');

		if (fs || !slash || !path[1])
			return fs;
		slash[slash == path] = '\0';
	}
}

static int find(const struct libmount *lib, struct libmnt_table *table, const char *path, struct mount_entry *ret,
		struct err *err)
{
	_cleanup_free_ char *above = strdup(path);

	if (!above)
		return err_oom(err);
	if (lib->parse_file(table, "/proc/self/mountinfo") != 0)
		return err_set(err, EIO, "the mount table /proc/self/mountinfo cannot be read");

	struct libmnt_fs *fs = find_above(lib, table, above);

	if (!fs)
		return err_set(err, ENOENT, "'%s' is on no mount of the table /proc/self/mountinfo", path);

	int r = fill_entry(lib, fs, ret, err);

	return r < 0 ? r : strcmp(above, path) == 0;
}

int mounts_find(const char *path, struct mount_entry *ret, struct err *err)
{
	_cleanup_(libmount_close) struct libmount lib = { 0 };
	int r = libmount_open(&lib, err);

	if (r < 0)
		return r;

	struct libmnt_table *table = lib.new_table();

	if (!table)
		return err_oom(err);
	r = find(&lib, table, path, ret, err);
	lib.unref_table(table);
	return r;
}
