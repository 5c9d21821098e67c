/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"

/*
 * A pool keeps private areas: what guests write. An area has an id (a guest's UUID) and holds two folders on one file system,
 * `upper` and `work`, for the guest's overlay. A pool is a folder POOLS/NAME with the file pool.conf (kind, size, where it is)
 * and the mount point or folder `data`.
 *
 *   kind    area                   limit                     needs
 *   btrfs   a subvolume            a quota group, live       btrfs; on a loop file that we make, or a folder on an existing btrfs
 *   dir     a folder               none (-EOPNOTSUPP)        nothing
 *
 * btrfs has simple quotas where the kernel does (6.7), full ones before: those cost nothing for areas that share no data, but
 * with 20 snapshots twice the time to rewrite files and 13 s instead of 1 s to remove 10 of them (measured). Simple ones make a
 * file system that older kernels do not mount.
 *
 * Files in an area carry the ids that the guest sees, 0 for its root: `data` is therefore reachable by the host's root only (mode
 * 0700), and a guest's set-user-ID file is no way to root for a user of the host.
 *
 * All calls are made by root in the host's namespaces.
 */

/* X(NAME, name): every kind; storage/pool_NAME.c brings its struct pool_ops (pool_priv.h). */
#define POOL_KINDS(X)   \
	X(BTRFS, btrfs) \
	X(DIR, dir)

/* For messages. */
#define POOL_KINDS_EXPECTED "expected btrfs or dir"

enum pool_kind {
#define X(name, word) POOL_##name,
	POOL_KINDS(X)
#undef X
};

/* "btrfs". The NULL after the last kind's name ends a walk over all. */
const char *pool_kind_name(enum pool_kind kind);
int pool_kind_from_name(const char *name, enum pool_kind *ret) _must_check_; /* 0 or -EINVAL */

struct pool_spec {
	const char *name;
	enum pool_kind kind;
	const char *path;    /* btrfs: a folder on an existing btrfs. NULL: a loop file of our own */
	uint64_t size_bytes; /* of the loop file (sparse); 0: four fifths of what the file system under POOLS has free */
};

struct pool_stat {
	enum pool_kind kind;
	uint64_t total_bytes;
	uint64_t free_bytes;
	bool has_limits;
};

/* As of the file system's last commit: with btrfs at most 30 s old. */
struct area_stat {
	uint64_t used_bytes;  /* by this area alone; 0 and `is_exact` false where the pool cannot tell cheaply */
	uint64_t limit_bytes; /* 0: none */
	bool is_exact;
};

struct pool;

/*
 * Makes a pool, in steps that an interrupted call leaves removable: pool.conf is written last, and a folder without it is removed
 * by the next call of that name. Exit status EXISTS, NO_SPACE, UNSUPPORTED (no btrfs in the kernel, mkfs.btrfs missing).
 */
int pool_create(const char *pools_dir, const struct pool_spec *spec, const struct log *log, struct err *err) _must_check_;

/*
 * Opens a pool by name. The file system of a btrfs pool on a loop file is mounted (nosuid, nodev, private) if it is not yet: once
 * per host boot, two processes at a time are kept apart by a lock. Exit status NO_POOL. The caller ends with pool_close(), which
 * leaves it mounted.
 */
int pool_open(const char *pools_dir, const char *name, struct pool **ret, struct err *err) _must_check_;
void pool_close(struct pool *pool);
static inline void cleanup_pool(struct pool **p)
{
	pool_close(*p);
}

/* Unmounts and removes a pool without areas (-EBUSY, and says how many, if it has some). */
int pool_remove(const char *pools_dir, const char *name, struct err *err) _must_check_;

const char *pool_name(const struct pool *pool);
enum pool_kind pool_get_kind(const struct pool *pool);
int pool_get_stat(struct pool *pool, struct pool_stat *ret, struct err *err) _must_check_;

/* A whole disk, as limits on its use name it: never a partition of it. */
struct pool_disk {
	unsigned int major, minor;
	char name[32];	    /* "sda" */
	char scheduler[16]; /* "mq-deadline", "bfq", "none"; "" if it has none to choose */
};
#define POOL_DISKS_MAX 8

enum pool_disks {
	POOL_DISKS_OWN,	   /* of the pool's file system: the loop device of a pool on a loop file */
	POOL_DISKS_LOWEST, /* that carry the bytes in the end: those under a loop file, LVM, LUKS or a RAID */
};

/*
 * The disks that the pool's data lie on. What a guest writes to a loop device is limited there and, when the loop device writes
 * it to its file in the guest's name, a second time below: rates belong to one of the two and not to both (measured on 6.12: 6 MB
 * of direct writes at 2 MB/s took 3.3 s with the limit at the loop device or at the disk below it, 7.0 s with it at both;
 * buffered writes and reads 3.3 s at either). Ours are at the loop device: it has no other user, and it can be limited also where
 * its file lies on something that is no disk. Shares of a disk that is busy count on the lowest.
 *
 * Returns their number, at least 1. UNSUPPORTED where there is none, such as on tmpfs and overlayfs, or more than POOL_DISKS_MAX.
 */
int pool_get_disks(struct pool *pool, enum pool_disks which, struct pool_disk ret[POOL_DISKS_MAX], struct err *err) _must_check_;

/*
 * Makes an area with its limit in bytes (0: none). An area of that id is AREA_EXISTS. A limit on a pool without limits is
 * UNSUPPORTED. Interrupted anywhere it leaves what area_destroy() removes. On the disk when the call returns, as is its removal.
 */
int area_create(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err) _must_check_;

/* Removes an area and its quota group; a missing one, or half of one, is a success. */
int area_destroy(struct pool *pool, const char *id, struct err *err) _must_check_;

bool area_exists(struct pool *pool, const char *id);

/* The folder of an area (O_PATH), which holds `upper` and `work`. The caller closes it. */
int area_open(struct pool *pool, const char *id, struct err *err) _must_check_;

/*
 * Changes the limit of a live area, also of a full one; below what it uses already is allowed by the kernel and only stops it
 * from growing. What does not fit is EDQUOT for the guest. Its df shows the size of the pool, not the limit.
 */
int area_set_limit(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err) _must_check_;
int area_get_stat(struct pool *pool, const char *id, struct area_stat *ret, struct err *err) _must_check_;

/*
 * Makes the area `id` a copy of the area `from` of the same pool, with its limit in bytes (0: none). AREA_EXISTS if there is one.
 * Interrupted anywhere it leaves what area_destroy() of `id` removes. On the disk when the call returns. The copy can be mounted
 * over the same template as `from`, also at the same time, and shows the same files.
 *
 *   btrfs   a snapshot: one instant, whatever happens in `from` meanwhile. Its time does not depend on how much is in the area,
 *           only on what was written in the last seconds and is not on the disk, and on how many folders of the template were
 *           changed: their entries in the index of overlayfs are adapted (overlay_index_priv.h)
 *   dir     every file by itself, sharing blocks where the file system can (FICLONE): the caller sees to it that nobody writes.
 *           Owners, modes, times of change, attributes, names of one file, holes, whiteouts, fifos and sockets are the same.
 *           File flags (chattr) and the time of a change of the inode are not
 *
 * In both, handles (name_to_handle_at(2)) that were taken in `from` lead to the same in the copy if they are of files and folders
 * of the template, changed or not. Of others, that of a folder is not valid (ESTALE), and that of a file leads to the file in
 * `from` for as long as it is there: what is restored over a copy has to go by names, as CRIU does for what is watched.
 *
 * What a snapshot counts as on btrfs (measured on 6.18). Simple quotas charge an extent to the area that wrote it, for as long as
 * anybody has it: a snapshot of 100 MB counts as 16 KiB, and its limit is one on what is written to it. If `from` is removed,
 * its 100 MB are charged to a group without an area, until the last copy has removed them as well. A guest whose area is replaced
 * by a copy can therefore have up to its limit of data from before on top of what its limit says. Full quotas (before 6.7) count
 * in each area all that it has, shared or not: 100 MB in both; a copy can be over its limit at once.
 */
int area_copy(struct pool *pool, const char *from, const char *id, uint64_t limit_bytes, struct err *err) _must_check_;

/*
 * Each of two areas takes the other's place, in one step: whatever happens, there are two, whole. What is mounted stays what it
 * is. The limits stay with the names; after a kill they may not, until area_set_limit() is called again, as every start does. On
 * the disk when the call returns.
 */
int area_exchange(struct pool *pool, const char *a, const char *b, struct err *err) _must_check_;

/* What the bytes of an area go to. 0, or a negative errno with `err` set, which ends it. */
struct area_sink {
	int (*write)(void *context, const void *data, size_t n, struct err *err);
	void *context;
};

/* What they come from: exactly `n` of them, or an error. */
struct area_source {
	int (*read)(void *context, void *data, size_t n, struct err *err);
	void *context;
};

/*
 * An area as a stream of bytes, for another host or another kind of pool (area_stream_priv.h says what is in it, what is not).
 * Nobody may write to the area meanwhile: its guest is stopped or suspended. A device node in it is an error. The stream says
 * itself where it ends: more may follow behind it.
 */
int area_send(struct pool *pool, const char *id, const struct area_sink *sink, struct err *err) _must_check_;

/*
 * Makes the area `id` from such a stream, with its limit in bytes (0: none), over which it may be at the end, and by a quarter
 * and 64 MiB while it is received. AREA_EXISTS, and interruption, as with area_create(); on the disk when the call returns.
 *
 * Nothing in the stream is trusted: not the order of its records nor any length; no name leads out of the folder that it is in,
 * no link is followed, no device is made, and of extended attributes only those of guests and of overlayfs are. What is refused
 * is -EBADMSG and leaves nothing.
 */
int area_receive(struct pool *pool, const char *id, uint64_t limit_bytes, const struct area_source *source,
		 struct err *err) _must_check_;

/*
 * Calls `each` with every pool's name / every area's id, in no order; stops at a negative return and passes it on. An area that
 * was interrupted while it was made is told of, too: area_exists() is false, and area_destroy() removes what is there.
 */
int pool_each(const char *pools_dir, int (*each)(void *context, const char *name), void *context, struct err *err) _must_check_;
int area_each(struct pool *pool, int (*each)(void *context, const char *id), void *context, struct err *err) _must_check_;
