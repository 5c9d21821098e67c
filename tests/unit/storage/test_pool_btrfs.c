/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/pool_btrfs_unit.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "storage/mounts.h"

/* Pools of the kind btrfs on a loop file: making, mounting and removing them. */

static void test_create_and_mount(void **state)
{
	_cleanup_(mount_entry_clear) struct mount_entry entry = { 0 };
	struct pools p;
	struct err err = ERR_INIT;
	struct pool_stat ps;
	struct statvfs vfs;
	struct stat st;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_int_equal(pool_get_kind(pool), POOL_BTRFS);
	assert_ok(pool_get_stat(pool, &ps, &err), &err);
	assert_true(ps.has_limits);
	assert_int_equal(ps.total_bytes, 512 * MIB);
	assert_int_equal(mounts_find(p.data, &entry, &err), 1);
	assert_string_equal(entry.type, "btrfs");
	assert_true(str_has_prefix(entry.source, "/dev/loop"));
	assert_int_equal(statvfs(p.data, &vfs), 0);
	assert_int_equal(vfs.f_flag & (ST_NOSUID | ST_NODEV), ST_NOSUID | ST_NODEV);
	assert_int_equal(stat(p.data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Sparse. */
	assert_int_equal(fstatat(p.scratch.fd, "pools/one/data.img", &st, 0), 0);
	assert_true((uint64_t)st.st_size == 512 * MIB && (uint64_t)st.st_blocks * 512 < 64 * MIB);
	pools_end(&p, pool);
}

static void test_small_size(void **state)
{
	const struct pool_spec small = { .name = "one", .kind = POOL_BTRFS, .size_bytes = 10 * MIB };
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);
	assert_true(pool_create(p.dir, &small, NULL, &err) < 0);
	assert_err_has(&err, "256");
	assert_int_equal(err.exit, EXIT_INVALID);
	assert_false(path_exists_at(p.scratch.fd, "pools/one"));
	pools_end(&p, NULL);
}

/* A folder on what is no btrfs. */
static void test_path_elsewhere(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	_cleanup_free_ char *path = str_printf("%s/elsewhere", p.scratch.path);
	const struct pool_spec spec = { .name = "one", .kind = POOL_BTRFS, .path = path };

	assert_true(pool_create(p.dir, &spec, NULL, &err) < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, path);
	assert_false(path_exists_at(p.scratch.fd, "pools/one"));
	pools_end(&p, NULL);
}

/* A pool in a folder of the first one's btrfs. */
static void test_path_on_btrfs(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct pool *two = NULL;
	struct area_stat as;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);
	/* Its name begins with a dot, so that the first pool does not take it for an area. */
	_cleanup_free_ char *path = str_printf("%s/.two", p.data);
	const struct pool_spec spec = { .name = "two", .kind = POOL_BTRFS, .path = path };

	assert_ok(pool_create(p.dir, &spec, NULL, &err), &err);
	assert_ok(pool_open(p.dir, "two", &two, &err), &err);
	assert_ok(area_create(two, ID, 20 * MIB, &err), &err);
	assert_ok(area_get_stat(two, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 20 * MIB);
	assert_int_equal(pool_remove(p.dir, "two", &err), -EBUSY);
	assert_ok(area_destroy(two, ID, &err), &err);
	pool_close(two);
	assert_ok(pool_remove(p.dir, "two", &err), &err);
	make_file(p.scratch.fd, "pools/one/data/.two/x", "", 0600, 0);
	assert_true(pool_create(p.dir, &spec, NULL, &err) < 0);
	assert_err_has(&err, "not empty");
	pools_end(&p, pool);
}

static void test_killed_pool(void **state)
{
	static const char *const points[] = { "pool.image", "pool.format", "pool.mount" };
	struct pools p;
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	NEED_ROOT();
	pools_begin(&p, state);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		try_with_fault("CTCTL_FAULT_KILL", points[i], work_create_pool, &p);
		assert_true(pool_open(p.dir, "one", &pool, &err) < 0);
		assert_int_equal(err.exit, EXIT_NO_POOL);
		/* Made anew, or removed, mount and all. */
		if (i % 2 == 0) {
			pool = create_and_open(&p);
			pool_close(pool);
		}
		assert_ok(pool_remove(p.dir, "one", &err), &err);
		assert_int_equal(count_mounts(), p.scratch.n_mounts);
		try_with_fault("CTCTL_FAULT_FAIL", points[i], work_create_pool, &p);
		assert_false(path_exists_at(p.scratch.fd, "pools/one"));
		assert_int_equal(count_mounts(), p.scratch.n_mounts);
	}
	/* After the last step it is there. */
	try_with_fault("CTCTL_FAULT_KILL", "pool.conf", work_create_pool, &p);
	pools_end(&p, open_one(&p));
}

/* After a boot of the host: several processes find the pool unmounted. */
static void test_mounted_once(void **state)
{
	enum { N = 8 };
	struct pools p;
	struct err err = ERR_INIT;
	int gate[2];
	pid_t pids[N];

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);
	pool_close(pool);
	assert_int_equal(umount2(p.data, 0), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int n = 0; n < N; n++) {
		pids[n] = fork();
		if (pids[n] == 0) {
			char c;

			close(gate[1]);
			_exit(read(gate[0], &c, 1) != 0 || pool_open(p.dir, "one", &pool, &err) < 0 || !area_exists(pool, ID));
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int n = 0; n < N; n++) {
		int status;

		assert_int_equal(waitpid(pids[n], &status, 0), pids[n]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_mounts(), p.scratch.n_mounts + 1);
	pool = open_one(&p);
	assert_ok(area_destroy(pool, ID, &err), &err);
	pools_end(&p, pool);
}

/* Somebody has the pool mounted in a namespace of his own: it must be the same file system here, or both destroy it. */
static void test_mounted_elsewhere(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	int gate[2], ready[2];
	char c;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	pool_close(pool);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);

	pid_t pid = fork();

	if (pid == 0) {
		close(gate[1]);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(gate[0], &c, 1) != 0);
	}
	close(gate[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(umount2(p.data, 0), 0);
	pool = open_one(&p);
	assert_ok(area_create(pool, ID, 0, &err), &err);

	_cleanup_free_ char *there = str_printf("/proc/%d/root%s/" ID "/upper", pid, p.data);

	assert_int_equal(access(there, F_OK), 0);
	assert_ok(area_destroy(pool, ID, &err), &err);
	close(gate[1]);

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pools_end(&p, pool);
}

static void test_remove_while_used(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_int_equal(pool_remove(p.dir, "one", &err), -EBUSY);
	/* Nothing was lost. */
	assert_ok(area_create(pool, ID, 0, &err), &err);
	assert_ok(area_destroy(pool, ID, &err), &err);
	pools_end(&p, pool);
}

static void test_damaged_file(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	pool_close(pool);
	assert_int_equal(umount2(p.data, 0), 0);

	_cleanup_fd_ int img = openat(p.scratch.fd, "pools/one/data.img", O_WRONLY | O_CLOEXEC);

	/* The superblock, at 64 KiB. */
	assert_int_equal(pwrite(img, "no file system at all", 21, 65536 + 64), 21);
	assert_true(pool_open(p.dir, "one", &pool, &err) < 0);
	assert_int_equal(err.exit, EXIT_MOUNT);
	assert_err_has(&err, "pool 'one'");
	assert_int_equal(count_mounts(), p.scratch.n_mounts);
	close(TAKE_FD(img));
	pools_end(&p, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_create_and_mount),  STORAGE_TEST(test_small_size),	    STORAGE_TEST(test_path_elsewhere),
		STORAGE_TEST(test_path_on_btrfs),     STORAGE_TEST(test_killed_pool),	    STORAGE_TEST(test_mounted_once),
		STORAGE_TEST(test_mounted_elsewhere), STORAGE_TEST(test_remove_while_used), STORAGE_TEST(test_damaged_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
