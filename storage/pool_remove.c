/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/mounted_priv.h"
#include "storage/pool_priv.h"

/* What an interrupted creation or removal left: whatever is mounted on `data`, and every file. */
int pool_remove_folder(int pools_fd, const char *name, struct err *err)
{
	_cleanup_fd_ int dir = path_open_dir(pools_fd, name, O_RDONLY | O_NOFOLLOW);
	int r = dir;

	if (dir >= 0)
		r = mounted_undo(dir, POOL_DATA);
	if (r >= 0 || r == -ENOTEMPTY)
		r = path_remove_tree_at(pools_fd, name);
	if (r < 0 && r != -ENOENT)
		return err_sys(err, -r, "remove the folder of pool '%s'", name);
	return 0;
}

/* Is there a folder of that name that is no pool? */
bool pool_is_leftover(int pools_fd, const char *name)
{
	_cleanup_fd_ int dir = path_open_dir(pools_fd, name, O_PATH | O_NOFOLLOW);

	return dir >= 0 && !path_exists_at(dir, POOL_CONF);
}

static int count(void *context, const char *id)
{
	(void)id;
	++*(int *)context;
	return 0;
}

static int check_is_empty(const char *pools_dir, const char *name, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int n_areas = 0;
	int r = pool_open_folder(pools_dir, name, &pool, err);

	if (r == 0)
		r = pool_attach(pool, err);
	if (r == 0)
		r = area_each(pool, count, &n_areas, err);
	if (r < 0 || n_areas == 0)
		return r;
	return err_exit(err, EXIT_FAILED, EBUSY, "pool '%s' holds the areas of %d guests: destroy or move them first", name,
			n_areas);
}

/*
 * Unmounted first, which fails while another ctctl uses it: nobody can put an area into it any more. Then the configuration goes:
 * what is left after a kill is no pool, and is removed by whoever comes next.
 */
static int retire(int dir, const char *name, struct err *err)
{
	int r = mounted_clear(dir, POOL_DATA);

	if (r < 0)
		return err_sys(err, -r, "unmount pool '%s'", name);
	if (unlinkat(dir, POOL_CONF, 0) < 0 || fsync(dir) < 0)
		return err_sys(err, errno, "remove the " POOL_CONF " of pool '%s'", name);
	return 0;
}

/* Areas that are being made are waited for, and counted; none is made any more. */
static int retire_if_empty(const char *pools_dir, int pools_fd, const char *name, struct err *err)
{
	_cleanup_fd_ int dir = path_open_dir(pools_fd, name, O_RDONLY | O_NOFOLLOW);

	if (dir == -ENOENT)
		return check_is_empty(pools_dir, name, err);
	if (dir < 0)
		return err_sys(err, -dir, "open the folder of pool '%s'", name);
	while (flock(dir, LOCK_EX) < 0) {
		if (errno != EINTR)
			return err_sys(err, errno, "lock the folder of pool '%s'", name);
	}

	int r = check_is_empty(pools_dir, name, err);

	return r < 0 ? r : retire(dir, name, err);
}

int pool_remove(const char *pools_dir, const char *name, struct err *err)
{
	int r = str_check_name("pool", name, err);

	if (r < 0)
		return r;

	_cleanup_fd_ int pools = -EBADF;
	_cleanup_fd_ int lock = pool_lock(pools_dir, name, "remove", &pools, err);

	if (lock < 0)
		return lock;
	if (!pool_is_leftover(pools, name))
		r = retire_if_empty(pools_dir, pools, name, err);
	return r < 0 ? r : pool_remove_folder(pools, name, err);
}
