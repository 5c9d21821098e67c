/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/identity_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/entries.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/str.h"
#include "runtime/checkpoint/identity.h"
#include "runtime/checkpoint/identity_network.h"
#include "runtime/checkpoint/manifest.h"
#include "runtime/guest_priv.h"
#include "runtime/inside.h"

/* Not the description of the guest that was saved, nor what CRIU said and counted then, which it writes anew when it restores. */
static bool is_image(const char *name)
{
	size_t len = strlen(name);

	return name[0] != '.' && !str_has_prefix(name, "stats-") && strcmp(name, CONF_FILE) != 0 &&
	       strcmp(name, CHECKPOINT_MANIFEST) != 0 && !(len > 4 && strcmp(name + len - 4, ".log") == 0);
}

/* Another name for each: what is different in the copy takes its place by a rename, and nothing is written into one. */
static int link_images(int from_fd, int to_fd)
{
	_cleanup_dir_ DIR *dir = entries_open(from_fd);
	const struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = entries_next(dir))) {
		if (is_image(e->d_name) && linkat(from_fd, e->d_name, to_fd, e->d_name, 0) < 0)
			return -errno;
	}
	return -errno;
}

static int write_manifest(const struct checkpoint_copy *copy, const struct guest *guest, uint64_t ids_first, int images_fd,
			  struct err *err)
{
	const struct cgroup_tree *groups = &copy->manifest->groups;
	_cleanup_free_ struct cgroup_tree_node *nodes = reallocarray(NULL, groups->n + 1, sizeof(*nodes));
	struct checkpoint_manifest manifest = *copy->manifest;

	if (!nodes)
		return err_oom(err);
	if (str_copy(manifest.uuid, sizeof(manifest.uuid), guest->config.uuid) < 0)
		return err_set(err, EINVAL, "uuid '%s' is too long", guest->config.uuid);
	for (size_t i = 0; i < groups->n; i++) {
		uint64_t uid = groups->list[i].uid - manifest.ids_first, gid = groups->list[i].gid - manifest.ids_first;

		nodes[i] = groups->list[i];
		/* Of the host's own, or of nobody that the guest knows: they stay. */
		if (groups->list[i].uid >= manifest.ids_first && uid < NODE_IDS_PER_GUEST)
			nodes[i].uid = (uid_t)(ids_first + uid);
		if (groups->list[i].gid >= manifest.ids_first && gid < NODE_IDS_PER_GUEST)
			nodes[i].gid = (gid_t)(ids_first + gid);
	}
	manifest.groups = (struct cgroup_tree){ .list = nodes, .n = groups->n };
	manifest.ids_first = ids_first;
	manifest.for_shutdown = 0;
	return checkpoint_write_manifest(images_fd, &manifest, err);
}

/* For its first run. As a guest that is booted for the first time makes it: of container_uuid (machine-id(5)). */
static int note_machine_id(const struct guest *guest, struct err *err)
{
	char line[34];
	size_t n = 0;

	for (const char *c = guest->config.uuid; *c && n < sizeof(line) - 2; c++) {
		if (*c != '-')
			line[n++] = *c;
	}
	line[n++] = '\n';
	return fd_replace_file_at(guest->dir_fd, PENDING_MACHINE_ID, line, n, true, err);
}

static int change_images(const struct checkpoint_copy *copy, const struct guest *guest, uint64_t ids_first, int images_fd,
			 struct err *err)
{
	const struct guest_config *c = &guest->config;
	const struct checkpoint_identity identity = {
		.ids_from = copy->manifest->ids_first,
		.ids_to = ids_first,
		.hostname = c->hostname ? c->hostname : guest->name,
		.nets = copy->to,
	};
	int r = checkpoint_change_identity(images_fd, &identity, err);

	if (r == 0)
		r = network_note(images_fd, CHECKPOINT_LINKS, copy->from, err);
	return r < 0 ? r : write_manifest(copy, guest, ids_first, images_fd, err);
}

int checkpoint_copy(const struct checkpoint_copy *copy, const struct guest *guest, struct err *err)
{
	uint64_t ids_first;

	if (str_to_u64(guest->config.ids, UINT32_MAX, &ids_first) < 0)
		return err_set(err, EINVAL, "ids '%s' are no number", guest->config.ids);

	_cleanup_fd_ int images = checkpoint_begin(guest, err);

	if (images < 0)
		return images;

	int r = link_images(copy->images_fd, images);

	if (r < 0)
		return err_sys(err, -r, "link the images of the checkpoint");
	/* Who restores itself reads them as the guest's root. */
	if (fchown(images, 0, (gid_t)ids_first) < 0 || fchmod(images, 0710) < 0)
		return err_sys(err, errno, "give the images to the guest");
	r = change_images(copy, guest, ids_first, images, err);
	if (r == 0)
		r = fault_point("warm.images", err);
	if (r == 0)
		r = note_machine_id(guest, err);
	return r < 0 ? r : checkpoint_commit(guest, images, err);
}
