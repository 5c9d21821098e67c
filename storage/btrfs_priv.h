/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * btrfs by its ioctls (linux/btrfs.h), without the program and without libbtrfsutil. All functions are called by the host's root
 * and return 0 or a negative errno, bare: the caller knows which pool and area it was.
 */

/* statfs(2), f_type (linux/magic.h). */
#define BTRFS_MAGIC 0x9123683EL

/* Makes the subvolume `name` in the folder `dir_fd`. Its quota group 0/N comes with it, in the same transaction. */
int btrfs_subvolume_create(int dir_fd, const char *name) _must_check_;

/*
 * Makes `name` in the folder `dir_fd` a snapshot of the subvolume that `subvolume_fd` is the top folder of, writable, as it is at
 * one instant: with what was written to it and is not on the disk yet, which is written out first. Its quota group is new and
 * has no limit.
 */
int btrfs_snapshot_create(int dir_fd, const char *name, int subvolume_fd) _must_check_;

/* Removes it with all its files; their space is given back in the background. */
int btrfs_subvolume_destroy(int dir_fd, const char *name) _must_check_;

/*
 * Waits until it is on the disk that the subvolume `name` of the folder `dir_fd` was made, with the folders in it, or removed.
 * Does not write out what guests have in memory, so that it takes one commit (2 to 10 ms on an idle disk) and not as long as they
 * have data.
 *
 * The kernel commits when a folder is synced that a subvolume was made in or removed from (btrfs_record_new_subvolume(),
 * btrfs_record_snapshot_destroy(); before Linux 6.6, making one commits by itself); the folders in it may already belong to the
 * next commit. Not by BTRFS_IOC_START_SYNC: it wakes a kernel thread that may just be about to sleep, and then waits for the next
 * commit by the clock, 30 s later; seen when guests were created at the same time.
 */
int btrfs_commit(int dir_fd, const char *name) _must_check_;

/* The id of the file system that `fd` is on (not O_PATH), as /sys/fs/btrfs has it: 36 characters and a zero. */
#define BTRFS_FSID_ROOM 37
int btrfs_fsid(int fd, char ret[BTRFS_FSID_ROOM]) _must_check_;

/* The number of the subvolume in which the folder `fd` is; fd may not be O_PATH. */
int btrfs_subvolume_id(int fd, uint64_t *ret) _must_check_;

/*
 * Switches quotas on: simple ones (Linux 6.7), which charge an extent to the subvolume that wrote it and cost next to nothing;
 * before, full ones, which walk all references at every commit. On already: they stay as they are.
 */
int btrfs_quota_enable(int fd) _must_check_;

/*
 * Limits a subvolume, live; 0: none. `fd` is a folder in another subvolume of the same file system: the call needs room for its
 * transaction in that one, so a full subvolume's own descriptor gives EDQUOT when its limit is to be raised. -ENOTCONN: quotas
 * are off.
 */
int btrfs_quota_limit(int fd, uint64_t subvolume_id, uint64_t limit_bytes) _must_check_;

struct btrfs_quota {
	uint64_t used_bytes;  /* as of the last commit: at most 30 s old */
	uint64_t limit_bytes; /* 0: none */
};
/* -ENOENT: quotas are off, or the group is missing. */
int btrfs_quota_read(int fd, uint64_t subvolume_id, struct btrfs_quota *ret) _must_check_;

/*
 * Removes the quota group of a subvolume that is gone. A missing one is a success; -EBUSY while the kernel still gives back its
 * space.
 */
int btrfs_quota_forget(int fd, uint64_t subvolume_id) _must_check_;

/* Removes the groups of all subvolumes that are gone: what was left by a kill, or was busy. */
int btrfs_quota_sweep(int fd) _must_check_;
