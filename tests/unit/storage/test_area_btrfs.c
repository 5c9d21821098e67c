/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/pool_btrfs_unit.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>

#include "storage/btrfs_priv.h"
#include "storage/rootfs.h"

/* Areas in pools of the kind btrfs: limits that hold, and quota groups that go with their areas. */

/*
 * In the guest: writes until it is told to stop. 100 + the whole MiB that fitted, 199 if 90 did, 200 if the end was not EDQUOT.
 */
static int fill_the_disk(void)
{
	static char block[1 << 20];
	_cleanup_fd_ int fd = open("/big", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	size_t total = 0;

	if (fd < 0)
		return errno == EDQUOT ? 100 : 200;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 2654435761U >> 13);
	while (total < 90 * MIB) {
		/* The last writes before the end are short ones. */
		ssize_t n = write(fd, block, sizeof(block));

		if (n < 0)
			return errno == EDQUOT ? 100 + (int)(total / MIB) : 200;
		total += (size_t)n;
	}
	return 199;
}

static int fill_as_guest(struct pools *p, struct pool *pool, const struct rootfs_spec *spec)
{
	struct err err = ERR_INIT;
	struct rootfs_spec s = *spec;
	_cleanup_free_ char *point = str_printf("%s/mnt", p->scratch.path);

	s.pool = pool;
	s.area_id = ID;
	s.area_fd = area_open(pool, ID, &err);
	assert_ok(s.area_fd, &err);

	int root = rootfs_assemble(&s, &err);

	assert_ok(root, &err);

	int result = run_in_guest(s.userns_fd, root, point, fill_the_disk);

	close(root);
	close(s.area_fd);
	return result;
}

static void test_limit_holds_through_overlay(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct area_stat as;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	make_tree(p.scratch.fd, "layer");
	make_dir(p.scratch.fd, "mnt");

	struct rootfs_spec spec = {
		.layer_fds = { openat(p.scratch.fd, "layer", O_PATH | O_CLOEXEC) },
		.n_layers = 1,
		.userns_fd = make_userns(),
		.root_uid = TEST_ROOT_UID,
	};

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 10 * MIB);

	int first = fill_as_guest(&p, pool, &spec);

	/* Its metadata counts too: never the whole limit. */
	assert_in_range(first, 107, 109);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_true(as.is_exact);
	/* More room, without a restart. */
	assert_ok(area_set_limit(pool, ID, 30 * MIB, &err), &err);
	assert_in_range(fill_as_guest(&p, pool, &spec), 116, 122);

	int data = data_of(&p);

	assert_int_equal(syncfs(data), 0);
	close(data);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_in_range(as.used_bytes, 25 * MIB, 30 * MIB);
	assert_int_equal(as.limit_bytes, 30 * MIB);
	/* Below what is used: allowed, and nothing more can be written. */
	assert_ok(area_set_limit(pool, ID, 5 * MIB, &err), &err);
	assert_int_equal(fill_as_guest(&p, pool, &spec), 100);
	/* The root of a guest that is over its limit could be mounted, by more room for a moment, which is gone again. */
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 5 * MIB);
	assert_ok(area_set_limit(pool, ID, 0, &err), &err);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 0);
	assert_int_equal(fill_as_guest(&p, pool, &spec), 199);
	assert_ok(area_destroy(pool, ID, &err), &err);
	close(spec.layer_fds[0]);
	close(spec.userns_fd);
	pools_end(&p, pool);
}

/* One guest's limit is not the other's. */
static void test_areas_are_apart(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct area_stat one, two;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);
	assert_ok(area_create(pool, ID_2, 20 * MIB, &err), &err);
	assert_ok(area_get_stat(pool, ID, &one, &err), &err);
	assert_ok(area_get_stat(pool, ID_2, &two, &err), &err);
	assert_int_equal(one.limit_bytes, 10 * MIB);
	assert_int_equal(two.limit_bytes, 20 * MIB);
	assert_true(area_create(pool, ID, 0, &err) < 0);
	assert_int_equal(err.exit, EXIT_AREA_EXISTS);
	assert_ok(area_get_stat(pool, ID, &one, &err), &err);
	assert_int_equal(one.limit_bytes, 10 * MIB);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_ok(area_destroy(pool, ID_2, &err), &err);
	pools_end(&p, pool);
}

static uint64_t subvolume_of(struct pools *p)
{
	_cleanup_free_ char *path = str_printf("%s/" ID, p->data);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t id = 0;

	assert_true(fd >= 0);
	assert_int_equal(btrfs_subvolume_id(fd, &id), 0);
	return id;
}

static bool has_group(struct pools *p, uint64_t subvolume)
{
	struct btrfs_quota quota;
	_cleanup_fd_ int data = data_of(p);

	return btrfs_quota_read(data, subvolume, &quota) == 0;
}

static int work_create_area(void *context)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(((struct pools *)context)->dir, "one", &pool, &err);

	return r < 0 ? 0 : area_create(pool, ID, 10 * MIB, &err);
}

static int work_destroy_area(void *context)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(((struct pools *)context)->dir, "one", &pool, &err);

	return r < 0 ? 0 : area_destroy(pool, ID, &err);
}

/* Waits until the kernel has given back the space of removed subvolumes: only then do newer kernels let their groups go. */
static void wait_for_cleaner(struct pools *p)
{
	int data = data_of(p);

	/* Wakes the cleaner, which else sleeps for up to 30 s. */
	assert_int_equal(ioctl(data, BTRFS_IOC_SYNC), 0);
	close(data);

	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1) == 1)
			execlp("btrfs", "btrfs", "subvolume", "sync", "-s", "1", p->data, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_killed_area(void **state)
{
	static const char *const points[] = { "area.subvolume", "area.limit", "area.folders" };
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		struct area_stat as;

		try_with_fault("CTCTL_FAULT_KILL", points[i], work_create_area, &p);
		assert_false(area_exists(pool, ID));
		assert_ok(area_create(pool, ID, 20 * MIB, &err), &err);
		assert_ok(area_get_stat(pool, ID, &as, &err), &err);
		assert_int_equal(as.limit_bytes, 20 * MIB);
		assert_ok(area_destroy(pool, ID, &err), &err);
		try_with_fault("CTCTL_FAULT_FAIL", points[i], work_create_area, &p);
		assert_int_equal(area_open(pool, ID, &err), -ENOENT);
		assert_err_has(&err, "no area");
	}
	pools_end(&p, pool);
}

/* Killed between the subvolume and its group: the next removal, which finds no subvolume, takes the group. */
static void test_killed_destroy(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);

	uint64_t subvolume = subvolume_of(&p);

	assert_true(has_group(&p, subvolume));
	try_with_fault("CTCTL_FAULT_KILL", "area.destroyed", work_destroy_area, &p);
	assert_false(area_exists(pool, ID));
	wait_for_cleaner(&p);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_false(has_group(&p, subvolume));
	pools_end(&p, pool);
}

static void test_group_goes_with_area(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);

	uint64_t first = subvolume_of(&p);

	assert_ok(area_create(pool, ID_2, 10 * MIB, &err), &err);
	assert_ok(area_destroy(pool, ID, &err), &err);
	wait_for_cleaner(&p);
	/* A removal of what is not there sweeps, and leaves the groups of the living. */
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_false(has_group(&p, first));

	struct area_stat as;

	assert_ok(area_get_stat(pool, ID_2, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 10 * MIB);
	assert_ok(area_destroy(pool, ID_2, &err), &err);
	pools_end(&p, pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_limit_holds_through_overlay),
		STORAGE_TEST(test_areas_are_apart),
		STORAGE_TEST(test_killed_area),
		STORAGE_TEST(test_killed_destroy),
		STORAGE_TEST(test_group_goes_with_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
