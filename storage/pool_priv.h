/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "storage/pool.h"

/* What a pool is made of, and what each kind of pool has to bring. */

#define POOL_CONF  "pool.conf"
#define POOL_DATA  "data"
#define POOL_IMAGE "data.img"
#define POOL_LOCK  ".lock" /* of all pools, in their common folder: creating, mounting and removing one */
#define AREA_UPPER "upper" /* made last: an area without it is half of one */
#define AREA_WORK  "work"

/* pool.conf */
struct pool_conf {
	enum pool_kind kind;
	char *path;	     /* of a folder elsewhere; NULL: `data` */
	uint64_t size_bytes; /* of the loop file; 0 if there is none */
};

struct pool {
	char *name;
	struct pool_conf conf;
	const struct pool_ops *ops;
	int dir_fd;  /* POOLS/NAME */
	int data_fd; /* where the areas are; -EBADF until `attach` */
};

/*
 * One kind of pool. `id` is a checked name. `set_limit` and `get_usage` are NULL for a kind without limits. With both, a full
 * area can still be mounted (headroom.c): `get_usage` has to be exact after a syncfs(2).
 */
struct pool_ops {
	/* Always in POOLS/NAME itself: pool_create() takes neither a path nor a size. */
	bool is_in_place;

	/*
	 * Makes what the areas will live in, below pool->dir_fd, and opens pool->data_fd. A failure or a kill leaves a folder
	 * from which unmounting `data` and removing all files is enough to clean up.
	 */
	int (*create)(struct pool *pool, const struct log *log, struct err *err);
	/*
	 * Opens pool->data_fd if that takes no change of the host: 1, or 0 if it has to be mounted first. The way of every start.
	 */
	int (*open)(struct pool *pool, struct err *err);
	/* Mounts it and opens pool->data_fd; under the lock. Only where `open` can return 0. */
	int (*attach)(struct pool *pool, struct err *err);

	/* Makes the empty folder of an area, 0700. */
	int (*area_make)(struct pool *pool, const char *id, struct err *err);
	/* Removes it, also half of one, and what a killed removal left. A missing one is a success. */
	int (*area_remove)(struct pool *pool, const char *id, struct err *err);
	/*
	 * Makes the folder `name`, which may be that of no area and is not there, a copy of the area `from` that overlayfs mounts
	 * over the same layers. A failure or a kill leaves what `area_remove` removes.
	 */
	int (*area_copy)(struct pool *pool, const char *from, const char *name, struct err *err);
	/* Waits until the area, or that there is none, is on the disk. 0 or a negative errno, bare. */
	int (*commit)(struct pool *pool, const char *id);
	int (*set_limit)(struct pool *pool, const char *id, uint64_t limit_bytes, struct err *err);
	int (*get_usage)(struct pool *pool, const char *id, struct area_stat *ret, struct err *err);
};

#define X(name, word) extern const struct pool_ops pool_##word##_ops;
POOL_KINDS(X)
#undef X

/* pool.conf of the folder `dir_fd`: read (exit status BAD_CONFIG; -ENOENT without it) and written. */
int pool_conf_read(int dir_fd, const char *name, struct pool_conf *ret, struct err *err) _must_check_;
int pool_conf_write(int dir_fd, const struct pool_conf *conf, struct err *err) _must_check_;
void pool_conf_free(struct pool_conf *conf);

/* As err_sys(); ENOSPC and EDQUOT say which pool is full and what to do. */
int pool_err(const struct pool *pool, struct err *err, int code, const char *fmt, ...) _printf_(4, 5) _must_check_;

/*
 * Calls `each` with every folder below `dir_fd` whose name a pool or an area can have, and with the name of an area that a hidden
 * one is half of; stops at a negative return and passes it on.
 */
int dir_each(int dir_fd, int (*each)(void *context, const char *name), void *context, struct err *err) _must_check_;

/* Is there nothing in the folder? 1, 0 or a negative errno. */
int dir_is_empty(int dir_fd) _must_check_;

/* pool_open() without mounting anything: data_fd stays -EBADF. */
int pool_open_folder(const char *pools_dir, const char *name, struct pool **ret, struct err *err) _must_check_;

/* Finishes pool_open_folder(), mounting what has to be: under the lock. */
int pool_attach(struct pool *pool, struct err *err) _must_check_;

/* An empty pool, or NULL when there is no memory. */
struct pool *pool_new(const char *name) _must_check_;
const struct pool_ops *pool_kind_ops(enum pool_kind kind);

/* Takes the lock of the folder of all pools, for `verb` on the pool `name`. *ret_pools is that folder; the caller closes both. */
int pool_lock(const char *pools_dir, const char *name, const char *verb, int *ret_pools, struct err *err) _must_check_;

/* Removes what an interrupted creation or removal left: whatever is mounted on `data`, and every file. Under the lock. */
int pool_remove_folder(int pools_fd, const char *name, struct err *err) _must_check_;

/*
 * A pool whose folder is held (flock(2) of `dir_fd`) by somebody who makes an area in it is not removed meanwhile, and nobody
 * makes one in a pool that is being removed: pool_hold() is NO_POOL when it was. Released by pool_release(), or with the
 * descriptor.
 */
int pool_hold(struct pool *pool, struct err *err) _must_check_;
void pool_release(struct pool *pool);

/* Is there a folder of that name that is no pool? */
bool pool_is_leftover(int pools_fd, const char *name);

/* Refuses a limit where the kind has none: UNSUPPORTED. */
int area_check_limit(const struct pool *pool, uint64_t limit_bytes, struct err *err) _must_check_;

/* AREA_EXISTS for a whole area of that id; what an interrupted call left of one, or of a copy, is removed. */
int area_make_way(struct pool *pool, const char *id, struct err *err) _must_check_;

/* Waits until the area, or that there is none, is on the disk. */
int area_commit(struct pool *pool, const char *id, struct err *err) _must_check_;

/*
 * The name of the folder in which an area is made that is not made where it will be, or NULL when there is no memory. It is the
 * name of no area; area_each() tells of it by the id, and area_destroy() of that removes it.
 */
char *area_hidden_name(const char *id) _must_check_;

/*
 * Gives that folder the name of the area; on the disk when it returns. What is in it has to be there already, but on btrfs, where
 * nothing is on the disk before what was done before it.
 */
int area_show(struct pool *pool, const char *hidden, const char *id, struct err *err) _must_check_;
/* Removes it after the error that is in `err`, which it passes on. */
int area_give_up(struct pool *pool, const char *hidden, const char *id, struct err *err) _must_check_;

/* What pool_get_disks() finds from a device's folder in sysfs: their number or a negative errno (disks.c). */
int pool_disks_of_device(const char *sysfs, enum pool_disks which, struct pool_disk ret[POOL_DISKS_MAX]) _must_check_;
