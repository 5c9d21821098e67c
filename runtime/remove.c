/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/journal.h"
#include "base/path.h"
#include "runtime/addresses.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/guest_priv.h"
#include "runtime/ids.h"
#include "runtime/operations.h"
#include "storage/pool.h"

static int remove_area(const struct guest *guest, const char *uuid, const char *pool_name, struct err *err)
{
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	int r = pool_open(guest->node->pools_dir, pool_name, &pool, err);

	/* A pool that was removed took the area along. */
	if (r < 0 && err->exit == EXIT_NO_POOL)
		return 0;
	/* Those of its checkpoints are there only with that folder, which goes after them. */
	if (r == 0 && path_exists_at(guest->dir_fd, CHECKPOINTS_DIR))
		r = archive_destroy_areas(pool, uuid, err);
	if (r == 0)
		r = fault_point("destroy.checkpoints", err);
	return r < 0 ? r : area_destroy(pool, uuid, err);
}

/* The journal is the last file of the folder: as long as there is something to do, it says so. */
static int remove_folder(struct guest *guest, struct err *err)
{
	_cleanup_fd_ int guests = path_open_dir(AT_FDCWD, guest->node->guests_dir, O_RDONLY);

	if (guests < 0)
		return err_sys(err, -guests, "open '%s'", guest->node->guests_dir);

	/* What else somebody put there goes with it. */
	int r = path_empty_but(guest->dir_fd, JOURNAL_FILE);

	if (r < 0)
		return err_sys(err, -r, "remove the files of guest '%s'", guest->name);
	if (unlinkat(guest->dir_fd, JOURNAL_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(err, errno, "remove the journal of guest '%s'", guest->name);
	r = fault_point("destroy.journal", err);
	if (r < 0)
		return r;
	r = path_remove_tree_at(guests, guest->name);
	if (r == 0 && fsync(guests) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, -r, "remove the folder of guest '%s'", guest->name) : 0;
}

int guest_finish_destroy(struct guest *guest, const char *uuid, const char *pool, struct err *err)
{
	int r = 0;

	if (uuid && pool && *pool)
		r = remove_area(guest, uuid, pool, err);
	if (r == 0)
		r = fault_point("destroy.area", err);
	if (r == 0 && uuid)
		r = ids_release_all_of(guest->node, uuid, err);
	if (r == 0)
		r = fault_point("destroy.ids", err);
	if (r == 0 && uuid)
		r = address_release_all_of(guest->node, uuid, err);
	if (r == 0)
		r = fault_point("destroy.addresses", err);
	if (r == 0)
		r = remove_folder(guest, err);
	if (r == 0)
		r = fault_point("destroy.folder", err);
	return r < 0 ? r : guest_remove_run(guest, err);
}
