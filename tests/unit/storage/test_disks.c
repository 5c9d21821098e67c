/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/storage_unit.h"

#include <errno.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

#include "storage/pool_priv.h"

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

/* A device as sysfs has it, with a scheduler, and with what lies below it: links to other folders. */
static void put_device(const char *block, const char *name, const char *dev, const char *below)
{
	_cleanup_free_ char *slaves = str_printf("%s/%s/slaves", block, name), *queue = str_printf("%s/%s/queue", block, name);
	_cleanup_free_ char *number = str_printf("%s/%s/dev", block, name), *choice = str_printf("%s/scheduler", queue);

	assert_int_equal(path_make_dirs(slaves, 0755), 0);
	assert_int_equal(path_make_dirs(queue, 0755), 0);
	make_file(AT_FDCWD, number, dev, 0644, geteuid());
	make_file(AT_FDCWD, choice, "none [bfq]\n", 0644, geteuid());
	if (!below)
		return;

	_cleanup_free_ char *link = str_printf("%s/%s", slaves, strrchr(below, '/') + 1);

	assert_int_equal(symlink(below, link), 0);
}

/* LVM on LUKS on a RAID 1 of a partition and a whole disk: shares of the two disks count, whatever is above them. */
static void test_stack(void **state)
{
	char block[] = "/tmp/ctctl-sysfs-XXXXXX";
	struct pool_disk disks[POOL_DISKS_MAX];

	(void)state;
	assert_non_null(mkdtemp(block));

	_cleanup_free_ char *top = str_printf("%s/dm-1", block), *part = str_printf("%s/sda/sda2", block);
	_cleanup_free_ char *mark = str_printf("%s/partition", part), *second = str_printf("%s/md0/slaves/sdb", block);

	put_device(block, "sda", "8:0\n", NULL);
	put_device(block, "sdb", "8:16\n", NULL);
	put_device(block, "md0", "9:0\n", "../../sda/sda2");
	put_device(block, "dm-0", "253:0\n", "../../md0");
	put_device(block, "dm-1", "253:1\n", "../../dm-0");
	assert_int_equal(symlink("../../sdb", second), 0);
	assert_int_equal(mkdir(part, 0755), 0);
	make_file(AT_FDCWD, mark, "2\n", 0644, geteuid());

	int own = pool_disks_of_device(top, POOL_DISKS_OWN, disks);

	assert_int_equal(own, 1);
	assert_string_equal(disks[0].name, "dm-1");

	int lowest = pool_disks_of_device(top, POOL_DISKS_LOWEST, disks);

	assert_int_equal(path_remove_tree_at(AT_FDCWD, block), 0);
	assert_int_equal(lowest, 2);
	assert_int_equal(disks[0].major, 8);
	assert_int_equal(disks[0].minor + disks[1].minor, 16);
	assert_string_equal(disks[0].scheduler, "bfq");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_dir, scratch_teardown),
		cmocka_unit_test_teardown(test_loop, scratch_teardown),
		cmocka_unit_test(test_tmpfs),
		cmocka_unit_test(test_stack),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
