/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/ids.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/fault.h"
#include "base/path.h"
#include "base/str.h"

#define HINT_FILE  "next"
#define OWNER_ROOM 64

static int open_ids(const struct node *node, struct err *err)
{
	_cleanup_fd_ int state = path_open_dir(AT_FDCWD, node->state_dir, O_PATH);
	int fd = state < 0 ? state : path_make_dir_at(state, "ids", 0700);

	return fd < 0 ? err_sys(err, -fd, "open '%s/ids'", node->state_dir) : fd;
}

static uint64_t read_hint(int ids_fd, uint64_t n_slots)
{
	_cleanup_free_ char *text = NULL;
	uint64_t slot;

	if (fd_read_file_at(ids_fd, HINT_FILE, 32, &text) < 0 || str_to_u64(str_trim(text), n_slots - 1, &slot) < 0)
		return 0;
	return slot;
}

/* Only a hint: a wrong or a missing one makes the next search longer, not wrong. */
static void write_hint(int ids_fd, uint64_t slot)
{
	char text[STR_NUMBER_ROOM];
	struct err ignored = ERR_INIT;
	int n = snprintf(text, sizeof(text), "%" PRIu64 "\n", slot);

	if (fd_replace_file_at(ids_fd, HINT_FILE, text, (size_t)n, false, &ignored) < 0)
		return;
}

static void range_name(uint64_t first, char room[STR_NUMBER_ROOM])
{
	snprintf(room, STR_NUMBER_ROOM, "%" PRIu64, first);
}

/*
 * 0 if the slot is ours now, -EEXIST if somebody has it. A link, because it is made with its owner in one step: there is no
 * moment at which it is nobody's.
 */
static int take_slot(int ids_fd, uint64_t first, const char *uuid)
{
	char name[STR_NUMBER_ROOM];

	range_name(first, name);
	if (symlinkat(uuid, ids_fd, name) < 0)
		return -errno;
	/* On the disk before a guest has it: after a power cut, nobody else may get it. */
	if (fsync(ids_fd) < 0) {
		int r = -errno;

		unlinkat(ids_fd, name, 0);
		return r;
	}
	return 0;
}

int ids_take(const struct node *node, const char *uuid, uint64_t *ret_first, struct err *err)
{
	_cleanup_fd_ int ids_fd = open_ids(node, err);

	if (ids_fd < 0)
		return ids_fd;

	uint64_t hint = read_hint(ids_fd, node->ids_slots);

	for (uint64_t i = 0; i < node->ids_slots; i++) {
		uint64_t slot = (hint + i) % node->ids_slots;
		uint64_t first = node->ids_first + slot * NODE_IDS_PER_GUEST;
		int r = take_slot(ids_fd, first, uuid);

		if (r == -EEXIST)
			continue;
		if (r < 0)
			return err_sys(err, -r, "take the id range %" PRIu64, first);
		write_hint(ids_fd, (slot + 1) % node->ids_slots);
		*ret_first = first;
		return fault_point("create.ids", err);
	}
	return err_exit(err, EXIT_RESOURCES, EAGAIN, "all %" PRIu64 " id ranges are taken: raise ids-slots in ctctl.conf",
			node->ids_slots);
}

static bool is_owner(int ids_fd, const char *name, const char *uuid)
{
	char owner[OWNER_ROOM];
	ssize_t n = readlinkat(ids_fd, name, owner, sizeof(owner));

	return n >= 0 && (size_t)n == strlen(uuid) && memcmp(owner, uuid, (size_t)n) == 0;
}

int ids_check(const struct node *node, uint64_t first, const char *uuid, struct err *err)
{
	char name[STR_NUMBER_ROOM];
	_cleanup_fd_ int ids_fd = open_ids(node, err);

	if (ids_fd < 0)
		return ids_fd;
	range_name(first, name);
	if (is_owner(ids_fd, name, uuid))
		return 0;
	return err_exit(err, EXIT_BAD_CONFIG, EPERM, "ids '%s': this range was not given to the guest: put the right one back",
			name);
}

/* What is another's, or no link, is not ours. */
static int release_name(int ids_fd, const char *name, const char *uuid)
{
	if (!is_owner(ids_fd, name, uuid))
		return 0;
	return unlinkat(ids_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}

int ids_release(const struct node *node, uint64_t first, const char *uuid, struct err *err)
{
	char name[STR_NUMBER_ROOM];
	_cleanup_fd_ int ids_fd = open_ids(node, err);

	if (ids_fd < 0)
		return ids_fd;
	range_name(first, name);

	int r = release_name(ids_fd, name, uuid);

	return r < 0 ? err_sys(err, -r, "give back the id range %s", name) : 0;
}

int ids_release_all_of(const struct node *node, const char *uuid, struct err *err)
{
	int ids_fd = open_ids(node, err);

	if (ids_fd < 0)
		return ids_fd;

	_cleanup_dir_ DIR *dir = fdopendir(ids_fd);

	if (!dir)
		return err_sys(err, errno, "read '%s/ids'", node->state_dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir)) {
		if (e->d_name[0] < '0' || e->d_name[0] > '9')
			continue;

		int r = release_name(dirfd(dir), e->d_name, uuid);

		if (r < 0)
			return err_sys(err, -r, "give back the id range %s", e->d_name);
	}
	return 0;
}
