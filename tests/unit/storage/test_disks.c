/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/storage_unit.h"

#include <errno.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "storage/pool.h"

/* Which disks a pool lies on. */

#define TMPFS_MAGIC 0x01021994

static struct pool *make_pool(const char *pools, enum pool_kind kind)
{
	const struct pool_spec spec = { .name = "one", .kind = kind, .size_bytes = kind == POOL_BTRFS ? 256 << 20 : 0 };
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	if (pool_create(pools, &spec, NULL, &err) < 0 && err.exit == EXIT_UNSUPPORTED)
		return NULL;
	assert_ok(pool_open(pools, "one", &pool, &err), &err);
	return pool;
}

static void drop_pool(const char *pools, struct pool *pool)
{
	struct err err = ERR_INIT;

	pool_close(pool);
	assert_ok(pool_remove(pools, "one", &err), &err);
	assert_int_equal(path_remove_tree_at(AT_FDCWD, pools), 0);
}

/* The device that has /tmp; false where it has none that is a disk's. */
static bool tmp_device(dev_t *ret)
{
	struct stat st;

	if (stat("/tmp", &st) < 0 || major(st.st_dev) == 0)
		return false;
	*ret = st.st_dev;
	return true;
}

/* Is it the device itself, or the disk that it is a partition of? */
static void assert_disk_of(const struct pool_disk *disk, dev_t device)
{
	_cleanup_free_ char *inner = str_printf("/sys/block/%s", disk->name);
	_cleanup_free_ char *part = str_printf("/sys/dev/block/%u:%u/partition", major(device), minor(device));

	assert_int_equal(access(inner, F_OK), 0);
	if (access(part, F_OK) == 0)
		return;
	assert_int_equal(disk->major, major(device));
	assert_int_equal(disk->minor, minor(device));
}

static void test_dir(void **state)
{
	struct pool_disk disks[POOL_DISKS_MAX];
	struct err err = ERR_INIT;
	struct scratch s;
	dev_t device;

	NEED_ROOT();
	if (!tmp_device(&device))
		skip();
	scratch_begin(&s, state);

	_cleanup_free_ char *pools = str_printf("%s/pools", s.path);
	struct pool *pool = make_pool(pools, POOL_DIR);

	assert_int_equal(pool_get_disks(pool, POOL_DISKS_OWN, disks, &err), 1);
	assert_disk_of(&disks[0], device);
	drop_pool(pools, pool);
	scratch_end(&s);
}

static void test_loop(void **state)
{
	struct pool_disk disks[POOL_DISKS_MAX];
	struct err err = ERR_INIT;
	struct scratch s;
	dev_t device;

	NEED_ROOT();
	if (!tmp_device(&device))
		skip();
	scratch_begin(&s, state);

	_cleanup_free_ char *pools = str_printf("%s/pools", s.path);
	struct pool *pool = make_pool(pools, POOL_BTRFS);

	if (pool) {
		assert_int_equal(pool_get_disks(pool, POOL_DISKS_OWN, disks, &err), 1);
		assert_int_equal(disks[0].major, 7); /* devices.txt: loop */
		assert_memory_equal(disks[0].name, "loop", 4);
		assert_int_equal(pool_get_disks(pool, POOL_DISKS_LOWEST, disks, &err), 1);
		assert_disk_of(&disks[0], device);
		drop_pool(pools, pool);
	}
	scratch_end(&s);
	if (!pool)
		skip();
}

/* A file system without a disk says so. */
static void test_tmpfs(void **state)
{
	char pools[] = "/dev/shm/ctctl-unit-XXXXXX";
	struct pool_disk disks[POOL_DISKS_MAX];
	struct err err = ERR_INIT;
	struct statfs fs;

	(void)state;
	NEED_ROOT();
	if (statfs("/dev/shm", &fs) < 0 || fs.f_type != TMPFS_MAGIC || !mkdtemp(pools))
		skip();

	struct pool *pool = make_pool(pools, POOL_DIR);
	int r = pool_get_disks(pool, POOL_DISKS_OWN, disks, &err);

	drop_pool(pools, pool);
	assert_int_equal(r, -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "'one'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_dir, scratch_teardown),
		cmocka_unit_test_teardown(test_loop, scratch_teardown),
		cmocka_unit_test(test_tmpfs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
