/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/storage_unit.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/syscall.h>

#include "base/proc.h"
#include "storage/mounts.h"
#include "storage/pool.h"

#define ID "0f0f0f0f-1111-4222-8333-444444444444"

/* Pools in general, and those of the kind dir. */

struct pools {
	struct scratch scratch;
	char *dir;
};

static void pools_begin(struct pools *p, void **state)
{
	scratch_begin(&p->scratch, state);
	p->dir = str_printf("%s/pools", p->scratch.path);
}

static void pools_end(struct pools *p)
{
	free(p->dir);
	scratch_end(&p->scratch);
}

static struct pool *create_and_open(struct pools *p, const char *name)
{
	const struct pool_spec spec = { .name = name, .kind = POOL_DIR };
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	assert_ok(pool_create(p->dir, &spec, NULL, &err), &err);
	assert_ok(pool_open(p->dir, name, &pool, &err), &err);
	return pool;
}

static void write_conf(struct pools *p, const char *text)
{
	_cleanup_free_ char *path = str_printf("%s/one/pool.conf", p->dir);
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
}

static int count_name(void *context, const char *name)
{
	(void)name;
	++*(int *)context;
	return 0;
}

static int stop_at_once(void *context, const char *name)
{
	(void)context;
	(void)name;
	return -ECANCELED;
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", "..", "../x", "a/b", ".lock", "UPPER" };
	struct pools p;
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	NEED_ROOT();
	pools_begin(&p, state);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct pool_spec spec = { .name = bad[i], .kind = POOL_DIR };

		assert_int_equal(pool_create(p.dir, &spec, NULL, &err), -EINVAL);
		assert_int_equal(pool_open(p.dir, bad[i], &pool, &err), -EINVAL);
		assert_int_equal(pool_remove(p.dir, bad[i], &err), -EINVAL);
		assert_null(pool);
	}
	pool = create_and_open(&p, "one");
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(area_create(pool, bad[i], 0, &err), -EINVAL);
		assert_int_equal(area_destroy(pool, bad[i], &err), -EINVAL);
		assert_int_equal(area_open(pool, bad[i], &err), -EINVAL);
		assert_false(area_exists(pool, bad[i]));
	}
	pool_close(pool);
	pools_end(&p);
}

static void test_create_open_remove(void **state)
{
	const struct pool_spec again = { .name = "one", .kind = POOL_DIR };
	struct pools p;
	struct err err = ERR_INIT;
	struct stat st;
	int n = 0;

	NEED_ROOT();
	pools_begin(&p, state);
	assert_ok(pool_each(p.dir, count_name, &n, &err), &err);
	assert_int_equal(n, 0);

	struct pool *pool = create_and_open(&p, "one");

	assert_string_equal(pool_name(pool), "one");
	assert_int_equal(pool_get_kind(pool), POOL_DIR);
	assert_int_equal(fstatat(p.scratch.fd, "pools/one/data", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(pool_create(p.dir, &again, NULL, &err) < 0);
	assert_int_equal(err.exit, EXIT_EXISTS);
	pool_close(pool);
	assert_ok(pool_each(p.dir, count_name, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_int_equal(pool_each(p.dir, stop_at_once, NULL, &err), -ECANCELED);
	assert_ok(pool_remove(p.dir, "one", &err), &err);
	assert_true(pool_open(p.dir, "one", &pool, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	assert_err_has(&err, "'one'");
	assert_true(pool_remove(p.dir, "one", &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	pools_end(&p);
}

static void test_areas(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct stat st;
	struct area_stat as;
	int n = 0;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p, "one");
	mode_t mask = umask(077);

	assert_ok(area_create(pool, ID, 0, &err), &err);
	umask(mask);
	assert_true(area_exists(pool, ID));

	int area = area_open(pool, ID, &err);

	assert_ok(area, &err);
	assert_int_equal(fstatat(area, "upper", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(area, "work", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_false(as.is_exact);
	assert_true(area_create(pool, ID, 0, &err) < 0);
	assert_int_equal(err.exit, EXIT_AREA_EXISTS);
	make_file(area, "upper/kept", "x", 0600, 0);
	close(area);
	assert_int_equal(pool_remove(p.dir, "one", &err), -EBUSY);
	assert_err_has(&err, "1 guest");
	assert_ok(area_each(pool, count_name, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_false(area_exists(pool, ID));
	assert_int_equal(area_open(pool, ID, &err), -ENOENT);
	pool_close(pool);
	assert_ok(pool_remove(p.dir, "one", &err), &err);
	pools_end(&p);
}

static void test_dir_has_no_limit(void **state)
{
	const struct pool_spec sized = { .name = "two", .kind = POOL_DIR, .size_bytes = 1 << 30 };
	struct pools p;
	struct err err = ERR_INIT;
	struct pool_stat ps;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p, "one");

	assert_int_equal(area_create(pool, ID, 1 << 20, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "btrfs");
	assert_false(area_exists(pool, ID));
	assert_ok(area_create(pool, ID, 0, &err), &err);
	assert_int_equal(area_set_limit(pool, ID, 1 << 20, &err), -EOPNOTSUPP);
	assert_ok(area_set_limit(pool, ID, 0, &err), &err);
	assert_ok(pool_get_stat(pool, &ps, &err), &err);
	assert_false(ps.has_limits);
	assert_true(ps.total_bytes > 0 && ps.free_bytes <= ps.total_bytes);
	pool_close(pool);
	assert_int_equal(pool_create(p.dir, &sized, NULL, &err), -EINVAL);
	pools_end(&p);
}

static void check_bad_conf(struct pools *p, const char *text, const char *part)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	write_conf(p, text);
	assert_true(pool_open(p->dir, "one", &pool, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_CONFIG);
	assert_err_has(&err, "one/pool.conf");
	assert_err_has(&err, part);
	assert_null(pool);
}

static void test_bad_conf(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p, "one");

	pool_close(pool);
	check_bad_conf(&p, "", "kind");
	check_bad_conf(&p, "# a comment\nkind = zfs\n", "line 2");
	check_bad_conf(&p, "kind = zfs\n", "expected btrfs or dir");
	check_bad_conf(&p, "kind = btrfs\nsize = 12x\n", "12x");
	check_bad_conf(&p, "kind = btrfs\npath = srv/x\n", "absolute");
	check_bad_conf(&p, "kind\n", "line 1");
	/* A key of a later version is not an error. */
	write_conf(&p, "kind = dir\ncolour = blue\n[later]\nkind = zfs\n");
	assert_ok(pool_open(p.dir, "one", &pool, &err), &err);
	pool_close(pool);
	pools_end(&p);
}

static int work_create_area(void *context)
{
	struct pools *p = context;
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(p->dir, "one", &pool, &err);

	return r < 0 ? 0 : area_create(pool, ID, 0, &err);
}

static void test_killed_area(void **state)
{
	static const char *const points[] = { "area.subvolume", "area.limit", "area.folders" };
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p, "one");

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		try_with_fault("CTCTL_FAULT_KILL", points[i], work_create_area, &p);
		assert_false(area_exists(pool, ID));
		assert_int_equal(area_open(pool, ID, &err), -ENOENT);
		assert_err_has(&err, "half made");
		/* Created on top, or removed. */
		if (i == 0) {
			assert_ok(area_create(pool, ID, 0, &err), &err);
			assert_true(area_exists(pool, ID));
		}
		assert_ok(area_destroy(pool, ID, &err), &err);
		/* A failure removes it itself. */
		try_with_fault("CTCTL_FAULT_FAIL", points[i], work_create_area, &p);
		assert_int_equal(area_open(pool, ID, &err), -ENOENT);
		assert_err_has(&err, "no area");
	}
	pool_close(pool);
	pools_end(&p);
}

static int work_create_pool(void *context)
{
	struct pools *p = context;
	const struct pool_spec spec = { .name = "one", .kind = POOL_DIR };
	struct err err = ERR_INIT;

	return pool_create(p->dir, &spec, NULL, &err);
}

static void test_leftover_pool(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int n = 0;

	NEED_ROOT();
	pools_begin(&p, state);
	/* Killed before its pool.conf. */
	make_dir(p.scratch.fd, "pools");
	make_dir(p.scratch.fd, "pools/one");
	make_dir(p.scratch.fd, "pools/one/data");
	assert_ok(pool_each(p.dir, count_name, &n, &err), &err);
	assert_int_equal(n, 0);
	assert_true(pool_open(p.dir, "one", &pool, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	assert_int_equal(work_create_pool(&p), 0);
	assert_ok(pool_open(p.dir, "one", &pool, &err), &err);
	pool_close(pool);
	assert_ok(pool_remove(p.dir, "one", &err), &err);
	/* Killed and removed: as if it had not been. */
	make_dir(p.scratch.fd, "pools/one");
	assert_ok(pool_remove(p.dir, "one", &err), &err);
	assert_false(path_exists_at(p.scratch.fd, "pools/one"));
	pools_end(&p);
}

static void test_mount_table(void **state)
{
	_cleanup_(mount_entry_clear) struct mount_entry entry = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(mounts_find("/proc", &entry, &err), 1);
	assert_string_equal(entry.type, "proc");
	assert_string_equal(entry.target, "/proc");
	mount_entry_clear(&entry);
	assert_int_equal(mounts_find("/proc/self/no/such", &entry, &err), 0);
	assert_string_equal(entry.type, "proc");
	mount_entry_clear(&entry);
	assert_int_equal(mounts_find("/", &entry, &err), 1);
	assert_string_equal(entry.target, "/");
}

/* Somebody opened the pool before it was removed, and makes his area afterwards. */
static void test_area_in_a_pool_that_was_removed(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p, "one");

	assert_ok(pool_remove(p.dir, "one", &err), &err);
	assert_int_equal(area_create(pool, ID, 0, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_POOL);
	pool_close(pool);
	pools_end(&p);
}

/* Half of an area is made, and its maker lives: the pool stays until that is done, and is not empty then. */
static void test_removal_waits_for_an_area(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	int status;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p, "one");
	_cleanup_free_ char *folder = str_printf("%s/one", p.dir);
	int held = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(flock(held, LOCK_SH), 0);

	pid_t pid = fork();

	if (pid == 0) {
		close(held);
		_exit(pool_remove(p.dir, "one", &err) == -EBUSY ? 0 : 1);
	}

	_cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

	assert_int_equal(proc_wait_pidfd(pidfd, 200), -ETIMEDOUT);
	assert_ok(area_create(pool, ID, 0, &err), &err);
	close(held);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_ok(pool_remove(p.dir, "one", &err), &err);
	pool_close(pool);
	close(TAKE_FD(pidfd));
	pools_end(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_names),
		STORAGE_TEST(test_create_open_remove),
		STORAGE_TEST(test_areas),
		STORAGE_TEST(test_dir_has_no_limit),
		STORAGE_TEST(test_bad_conf),
		STORAGE_TEST(test_killed_area),
		STORAGE_TEST(test_leftover_pool),
		STORAGE_TEST(test_mount_table),
		STORAGE_TEST(test_area_in_a_pool_that_was_removed),
		STORAGE_TEST(test_removal_waits_for_an_area),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
