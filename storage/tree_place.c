/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "storage/tree_priv.h"

/* To look at a folder is no access of its guest's. */
static int open_folder(int dir_fd, const char *name)
{
	return openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NOATIME | O_CLOEXEC);
}

int tree_place_begin(struct tree_place *place, int fd)
{
	struct stat st;

	*place = (struct tree_place){ .fd = fd };
	if (fstat(fd, &st) < 0)
		return -errno;
	place->dev = st.st_dev;
	return 0;
}

void tree_place_end(struct tree_place *place)
{
	cleanup_fd(&place->fd);
	place->fd = -EBADF;
	free(place->above);
	place->above = NULL;
}

static int make_room(struct tree_place *place)
{
	size_t room = place->room ? place->room * 2 : 16;
	ino_t *bigger;

	if (place->depth < place->room)
		return 0;
	bigger = reallocarray(place->above, room, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	place->above = bigger;
	place->room = room;
	return 0;
}

int tree_place_enter(struct tree_place *place, const char *name)
{
	_cleanup_fd_ int fd = open_folder(place->fd, name);
	struct stat here, below;
	int r;

	if (fd < 0 || fstat(place->fd, &here) < 0 || fstat(fd, &below) < 0)
		return -errno;
	if (below.st_dev != place->dev)
		return -EXDEV;
	r = make_room(place);
	if (r < 0)
		return r;
	place->above[place->depth++] = here.st_ino;
	close(place->fd);
	place->fd = TAKE_FD(fd);
	return 0;
}

int tree_place_leave(struct tree_place *place)
{
	_cleanup_fd_ int fd = -EBADF;
	struct stat st;

	if (place->depth == 0)
		return -EINVAL;
	fd = open_folder(place->fd, "..");
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != place->dev || st.st_ino != place->above[place->depth - 1])
		return -ESTALE;
	place->depth--;
	close(place->fd);
	place->fd = TAKE_FD(fd);
	return 0;
}
