/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/archive.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/lifecycle.h"

int guest_checkpoint_remove(const struct node *node, const char *name, const char *label, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	struct err why = ERR_INIT;
	int r = archive_check_label(label, err);

	if (r == 0)
		r = guest_open_locked(node, name, "checkpoint-remove", false, &guest, err);
	if (r < 0)
		return r;
	if (!archive_has(guest, label))
		return err_exit(err, EXIT_NO_CHECKPOINT, ENOENT,
				"guest '%s' has no checkpoint '%s': see ctctl checkpoint list %s", name, label, name);
	r = archive_remove(guest, label, err);
	if (r < 0 && archive_settle(guest, &why) < 0)
		log_warning(node->log, "guest '%s': not all of its checkpoint '%s' could be removed: %s", name, label, why.msg);
	return r;
}

struct walk {
	const struct guest *guest;
	struct pool *pool; /* NULL: it cannot be opened */
	int (*each)(void *context, const struct guest_checkpoint *checkpoint);
	void *context;
};

/* That its manifest is damaged is said by who restores it. */
static void read_images(const struct guest *guest, struct guest_checkpoint *checkpoint)
{
	_cleanup_(checkpoint_manifest_free) struct checkpoint_manifest manifest = { 0 };
	_cleanup_free_ char *path = str_printf(CHECKPOINTS_DIR "/%s", checkpoint->label);
	_cleanup_fd_ int fd = path ? path_open_beneath(guest->dir_fd, path, O_RDONLY | O_DIRECTORY, 0) : -ENOMEM;
	struct err ignored = ERR_INIT;

	if (fd < 0)
		return;
	(void)!checkpoint_get_size(fd, &checkpoint->image_bytes);
	if (checkpoint_read_manifest(fd, &manifest, &ignored) == 0)
		checkpoint->taken_at = manifest.taken_at;
}

static int read_one(void *context, const char *label)
{
	const struct walk *w = context;
	struct guest_checkpoint checkpoint = { 0 };
	_cleanup_free_ char *id = archive_area(w->guest, label);
	struct err ignored = ERR_INIT;
	struct area_stat area = { 0 };
	int r = str_copy(checkpoint.label, sizeof(checkpoint.label), label);

	if (r < 0)
		return r;
	read_images(w->guest, &checkpoint);
	if (id && w->pool && area_get_stat(w->pool, id, &area, &ignored) == 0) {
		checkpoint.has_disk = area.is_exact;
		checkpoint.disk_bytes = area.used_bytes;
	}
	return w->each(w->context, &checkpoint);
}

int guest_checkpoint_each(const struct node *node, const char *name,
			  int (*each)(void *context, const struct guest_checkpoint *checkpoint), void *context, struct err *err)
{
	_cleanup_guest_ struct guest *guest = NULL;
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	struct err ignored = ERR_INIT;
	int r = guest_open(node, name, &guest, err);

	if (r < 0)
		return r;
	if (pool_open(node->pools_dir, guest->config.pool, &pool, &ignored) < 0)
		pool = NULL;

	struct walk walk = { .guest = guest, .pool = pool, .each = each, .context = context };

	return archive_each(guest, read_one, &walk, err);
}
