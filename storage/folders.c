/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a folder of pools or of areas. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/pool_priv.h"

static bool is_name(const char *name)
{
	struct err ignored = ERR_INIT;

	return str_check_name("", name, &ignored) == 0;
}

#define NAME_ROOM 64

/* "ID" of ".ID.new" (area_hidden_name()), any other name as it is; false if it is none that a pool or an area can have. */
static bool name_of(const struct dirent *e, char ret[NAME_ROOM])
{
	const char *name = e->d_name;
	size_t len = strlen(name);

	if (name[0] == '.' && len > sizeof(".new") && strcmp(name + len - 4, ".new") == 0) {
		name++;
		len -= sizeof(".new");
	}
	if (len >= NAME_ROOM)
		return false;
	memcpy(ret, name, len);
	ret[len] = '\0';
	return is_name(ret);
}

/*
 * Not every file system says of what type an entry is (readdir(3)), and a pool whose areas nobody sees would be removed as empty.
 */
static bool is_folder(int dir_fd, const struct dirent *e)
{
	struct stat st;

	if (e->d_type != DT_UNKNOWN)
		return e->d_type == DT_DIR;
	return fstatat(dir_fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

int dir_each(int dir_fd, int (*each)(void *context, const char *name), void *context, struct err *err)
{
	_cleanup_dir_ DIR *dir = entries_open(dir_fd);
	const struct dirent *e;

	if (!dir)
		return err_sys(err, errno, "open a folder to list it");
	while ((e = entries_next(dir))) {
		char name[NAME_ROOM];

		if (!name_of(e, name) || !is_folder(dirfd(dir), e))
			continue;

		int r = each(context, name);

		if (r < 0)
			return r;
	}
	return errno ? err_sys(err, errno, "list a folder") : 0;
}

int dir_is_empty(int dir_fd)
{
	_cleanup_dir_ DIR *dir = entries_open(dir_fd);

	if (!dir)
		return -errno;
	if (entries_next(dir))
		return 0;
	return errno ? -errno : 1;
}

struct pools_walk {
	int pools_fd;
	int (*each)(void *context, const char *name);
	void *context;
};

static int each_pool(void *context, const char *name)
{
	struct pools_walk *walk = context;

	return pool_is_leftover(walk->pools_fd, name) ? 0 : walk->each(walk->context, name);
}

int pool_each(const char *pools_dir, int (*each)(void *context, const char *name), void *context, struct err *err)
{
	_cleanup_fd_ int pools = path_open_dir(AT_FDCWD, pools_dir, O_RDONLY);
	struct pools_walk walk = { .pools_fd = pools, .each = each, .context = context };

	if (pools == -ENOENT)
		return 0;
	if (pools < 0)
		return err_sys(err, -pools, "open the folder of pools '%s'", pools_dir);
	return dir_each(pools, each_pool, &walk, err);
}
