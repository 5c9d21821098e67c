/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "storage/storage_unit.h"

#include "storage/pool.h"

#define ID   "0f0f0f0f-1111-4222-8333-444444444444"
#define ID_2 "0f0f0f0f-1111-4222-8333-555555555555"
#define MIB  (1ULL << 20)

/* What the tests of pools of the kind btrfs share: one on a loop file, a real file system with real limits. */

struct pools {
	struct scratch scratch;
	char *dir;
	char *data; /* where the pool `one` is mounted */
};

static inline _unused_ void pools_begin(struct pools *p, void **state)
{
	scratch_begin(&p->scratch, state);
	p->dir = str_printf("%s/pools", p->scratch.path);
	p->data = str_printf("%s/one/data", p->dir);
}

static inline _unused_ int work_create_pool(void *context)
{
	struct pools *p = context;
	const struct pool_spec spec = { .name = "one", .kind = POOL_BTRFS, .size_bytes = 512 * MIB };
	struct err err = ERR_INIT;

	return pool_create(p->dir, &spec, NULL, &err);
}

static inline _unused_ struct pool *open_one(struct pools *p)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	assert_ok(pool_open(p->dir, "one", &pool, &err), &err);
	return pool;
}

static inline _unused_ struct pool *create_and_open(struct pools *p)
{
	const struct pool_spec spec = { .name = "one", .kind = POOL_BTRFS, .size_bytes = 512 * MIB };
	struct err err = ERR_INIT;

	assert_ok(pool_create(p->dir, &spec, NULL, &err), &err);
	return open_one(p);
}

/* Removing the pool proves that nothing holds its mount; scratch_end() that the mount is gone. */
static inline _unused_ void pools_end(struct pools *p, struct pool *pool)
{
	struct err err = ERR_INIT;

	pool_close(pool);
	if (pool)
		assert_ok(pool_remove(p->dir, "one", &err), &err);
	free(p->dir);
	free(p->data);
	scratch_end(&p->scratch);
}

static inline _unused_ int data_of(struct pools *p)
{
	int fd = open(p->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}
