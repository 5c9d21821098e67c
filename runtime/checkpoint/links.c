/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/links.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/str.h"
#include "runtime/checkpoint/remaps.h"

#define LINKS "links"
#define UPPER "upper"

/* The folder that link_remap.N is in, as the area has it, and its name there, which is in `room`. */
static int open_place(int upper_fd, const struct remap *remap, char **room, const char **ret_name)
{
	_cleanup_(strbuf_free) struct strbuf path = { 0 };

	strbuf_add_bytes(&path, (const char *)remap->path, remap->path_len);
	*room = strbuf_take(&path);
	if (!*room)
		return -ENOMEM;

	char *slash = strrchr(*room, '/');

	*ret_name = slash ? slash + 1 : *room;
	if (slash)
		*slash = '\0';
	return path_open_beneath(upper_fd, slash ? *room : ".", O_PATH | O_DIRECTORY, 0);
}

static int fail(struct err *err, int code, const struct remap *remap, const char *what)
{
	/* Its name is the guest's choice, which does not go into messages. */
	return err_sys(err, code, "%s the deleted file %x of the guest, which it has open", what, remap->id);
}

/* What is not in the area is on another file system of the guest's. */
static bool is_elsewhere(int r)
{
	return r == -ENOENT || r == -ENOTDIR || r == -ELOOP || r == -EXDEV;
}

static int keep(int upper_fd, int links_fd, const struct remap *remap, struct err *err)
{
	_cleanup_free_ char *room = NULL;
	const char *name = NULL;
	char kept[16];
	_cleanup_fd_ int place = open_place(upper_fd, remap, &room, &name);

	if (place < 0)
		return is_elsewhere(place) ? 0 : fail(err, -place, remap, "find");
	snprintf(kept, sizeof(kept), "%x", remap->id);
	if (linkat(place, name, links_fd, kept, 0) < 0 && errno != ENOENT && errno != EEXIST)
		return fail(err, errno, remap, "keep");
	return 0;
}

static int put_back(int upper_fd, int links_fd, const struct remap *remap, struct err *err)
{
	_cleanup_free_ char *room = NULL;
	const char *name = NULL;
	char kept[16];
	_cleanup_fd_ int place = open_place(upper_fd, remap, &room, &name);

	if (place < 0)
		return is_elsewhere(place) ? 0 : fail(err, -place, remap, "find");
	snprintf(kept, sizeof(kept), "%x", remap->id);
	if (renameat(links_fd, kept, place, name) < 0 && errno != ENOENT)
		return fail(err, errno, remap, "put back");
	return 0;
}

typedef int (*link_fn)(int upper_fd, int links_fd, const struct remap *remap, struct err *err);

static int for_each_link(int images_fd, int area_fd, int links_fd, link_fn act, struct err *err)
{
	_cleanup_(cleanup_remaps) struct remaps remaps = { 0 };
	_cleanup_fd_ int upper = path_open_dir(area_fd, UPPER, O_PATH | O_NOFOLLOW);
	int r = upper < 0 ? err_sys(err, -upper, "open '" UPPER "' of the guest's area")
			  : remaps_read(images_fd, REMAP_LINKED, &remaps, err);

	for (size_t i = 0; r == 0 && i < remaps.n; i++) {
		if (remaps.list[i].path)
			r = act(upper, links_fd, &remaps.list[i], err);
	}
	return r;
}

int checkpoint_keep_links(int images_fd, int area_fd, struct err *err)
{
	_cleanup_fd_ int links = -EBADF;
	int r = checkpoint_forget_links(area_fd, err);

	if (r < 0)
		return r;
	links = path_make_dir_at(area_fd, LINKS, 0700);
	r = links < 0 ? err_sys(err, -links, "make a folder in the guest's area")
		      : for_each_link(images_fd, area_fd, links, keep, err);
	if (r == 0 && fsync(links) < 0)
		r = err_sys(err, errno, "write the deleted files of the guest to the disk");
	return r;
}

int checkpoint_put_links_back(int images_fd, int area_fd, struct err *err)
{
	_cleanup_fd_ int links = path_open_dir(area_fd, LINKS, O_RDONLY | O_NOFOLLOW);
	int r;

	if (links == -ENOENT)
		return 0;
	if (links < 0)
		return err_sys(err, -links, "open '" LINKS "' of the guest's area");
	r = for_each_link(images_fd, area_fd, links, put_back, err);
	return r < 0 ? r : checkpoint_forget_links(area_fd, err);
}

int checkpoint_forget_links(int area_fd, struct err *err)
{
	int r = path_remove_tree_at(area_fd, LINKS);

	return r < 0 ? err_sys(err, -r, "remove '" LINKS "' of the guest's area") : 0;
}
