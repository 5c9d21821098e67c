/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/area_unit.h"

/* Copies of areas that a guest has changed, mounted over the same template. */

static int write_more(void)
{
	if (write_at("/one-name", 0, "of the copy") || write_at("/etc/hosts.link", 7, "again") ||
	    write_at("/own/again", 0, "both"))
		return 1;
	if (rename("/usr/moved", "/usr/share") < 0 || mkdir("/usr/kept/below", 0755) < 0 || unlink("/usr/kept/file") < 0)
		return 2;
	return unlink("/etc/conf.d/new") < 0 || rmdir("/etc/conf.d") < 0 || write_at("/usr/share/doc/text", 0, "later");
}

/* Two names of one file of the template, one of which was opened for writing, are still one file. */
static int see_names_together(void)
{
	_cleanup_free_ char *one = NULL, *two = NULL, *hosts = NULL;
	struct stat a, b;

	if (fd_read_file_at(AT_FDCWD, "/one-name", 100, &one) < 0 || fd_read_file_at(AT_FDCWD, "/usr/two-name", 100, &two) < 0)
		return 1;
	if (strcmp(one, two) != 0 || strcmp(one, "of the copy") != 0)
		return 2;
	if (stat("/one-name", &a) < 0 || stat("/usr/two-name", &b) < 0 || a.st_ino != b.st_ino || a.st_nlink != 2)
		return 3;
	if (fd_read_file_at(AT_FDCWD, "/etc/hosts", 100, &hosts) < 0 || strcmp(hosts, "changedagain") != 0)
		return 4;
	return access("/usr/kept/below", F_OK) < 0 || access("/su", F_OK) == 0;
}

static void check_copy(void **state, enum pool_kind kind)
{
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", kind);

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	areas_run(&a, pool, FROM, change_tree);

	_cleanup_free_ char *before = describe_area(&a, pool, FROM);

	assert_ok(area_copy(pool, FROM, TO, 0, &err), &err);

	areas_check_whole(pool, TO);

	_cleanup_free_ char *copy = describe_area(&a, pool, TO), *after = describe_area(&a, pool, FROM);

	assert_same_text(after, before);
	assert_same_text(copy, before);
	/* What is written to the copy is the copy's alone, and the other way round. */
	areas_run(&a, pool, TO, write_more);
	areas_run(&a, pool, TO, see_names_together);

	_cleanup_free_ char *written = describe_area(&a, pool, TO), *untouched = describe_area(&a, pool, FROM);

	assert_same_text(untouched, before);
	areas_run(&a, pool, FROM, write_more);
	areas_run(&a, pool, FROM, see_names_together);

	_cleanup_free_ char *still = describe_area(&a, pool, TO);

	assert_same_text(still, written);
	assert_string_not_equal(written, before);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

static void test_copy_btrfs(void **state)
{
	check_copy(state, POOL_BTRFS);
}

static void test_copy_dir(void **state)
{
	check_copy(state, POOL_DIR);
}

static int note_other(void *context, const char *id)
{
	*(bool *)context |= strcmp(id, TO) == 0;
	return 0;
}

/* Whoever looks for what was left finds it. */
static bool is_listed(struct pool *pool)
{
	struct err err = ERR_INIT;
	bool is_there = false;

	assert_ok(area_each(pool, note_other, &is_there, &err), &err);
	return is_there;
}

static int work_copy(void *context)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(((struct areas *)context)->pools_dir, "one", &pool, &err);

	return r < 0 ? 0 : area_copy(pool, FROM, TO, 0, &err);
}

/* Killed in it, a copy is no area, and goes when it is made again, or removed; a failed one has left nothing. */
static void check_interrupted(void **state, enum pool_kind kind)
{
	static const char *const points[] = { "copy.begun", "copy.made", "copy.limited" };
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", kind);

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	areas_run(&a, pool, FROM, change_tree);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		try_with_fault("CTCTL_FAULT_KILL", points[i], work_copy, &a);
		assert_false(area_exists(pool, TO));
		assert_int_equal(areas_count(&a), 2);
		assert_true(is_listed(pool));
		assert_ok(area_destroy(pool, TO, &err), &err);
		assert_int_equal(areas_count(&a), 1);
		assert_false(is_listed(pool));
		try_with_fault("CTCTL_FAULT_FAIL", points[i], work_copy, &a);
		assert_int_equal(areas_count(&a), 1);
		try_with_fault("CTCTL_FAULT_KILL", points[i], work_copy, &a);
		assert_ok(area_copy(pool, FROM, TO, 0, &err), &err);
		areas_run(&a, pool, TO, write_more);
		assert_int_equal(areas_count(&a), 2);
		assert_ok(area_destroy(pool, TO, &err), &err);
	}
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

static void test_interrupted_btrfs(void **state)
{
	check_interrupted(state, POOL_BTRFS);
}

static void test_interrupted_dir(void **state)
{
	check_interrupted(state, POOL_DIR);
}

static void test_refused(void **state)
{
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", POOL_DIR);

	assert_true(area_copy(pool, FROM, TO, 0, &err) < 0);
	assert_err_has(&err, FROM);
	assert_ok(area_create(pool, FROM, 0, &err), &err);
	assert_ok(area_create(pool, TO, 0, &err), &err);
	assert_true(area_copy(pool, FROM, TO, 0, &err) < 0);
	assert_int_equal(err.exit, EXIT_AREA_EXISTS);
	assert_true(area_copy(pool, FROM, FROM, 0, &err) < 0);
	assert_int_equal(err.exit, EXIT_AREA_EXISTS);
	assert_true(area_copy(pool, FROM, "../x", 0, &err) < 0);
	assert_ok(area_destroy(pool, TO, &err), &err);
	assert_true(area_copy(pool, FROM, TO, MIB, &err) < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_true(area_exchange(pool, FROM, TO, &err) < 0);
	assert_err_has(&err, TO);
	assert_int_equal(areas_count(&a), 1);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

struct handle {
	struct file_handle head;
	char room[MAX_HANDLE_SZ];
};

static void take_handle(int root_fd, const char *name, struct handle *ret)
{
	int mount_id;

	ret->head.handle_bytes = MAX_HANDLE_SZ;
	assert_int_equal(name_to_handle_at(root_fd, name, &ret->head, &mount_id, 0), 0);
}

/* 0, or the errno of opening it. */
static int open_handle(int root_fd, struct handle *handle)
{
	_cleanup_fd_ int at = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = open_by_handle_at(at, &handle->head, O_PATH | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

/* What the index is for: handles of folders and files that were copied up lead to them. Other folders are not found. */
static void check_handles(void **state, enum pool_kind kind)
{
	struct handle folder, moved, written, own;
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", kind);

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	areas_run(&a, pool, FROM, change_tree);

	int root = areas_mount(&a, pool, FROM);

	take_handle(root, "usr/kept", &folder);
	take_handle(root, "usr/moved/doc", &moved);
	take_handle(root, "one-name", &written);
	take_handle(root, "own/sticky", &own);
	close(root);
	assert_ok(area_copy(pool, FROM, TO, 0, &err), &err);
	root = areas_mount(&a, pool, TO);
	assert_int_equal(open_handle(root, &folder), 0);
	assert_int_equal(open_handle(root, &moved), 0);
	assert_int_equal(open_handle(root, &written), 0);
	assert_int_equal(open_handle(root, &own), ESTALE);
	close(root);
	root = areas_mount(&a, pool, FROM);
	assert_int_equal(open_handle(root, &own), 0);
	close(root);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

static void test_handles_btrfs(void **state)
{
	check_handles(state, POOL_BTRFS);
}

static void test_handles_dir(void **state)
{
	check_handles(state, POOL_DIR);
}

static int write_mark(void)
{
	return write_at("/mark", 0, "later");
}

static bool has_mark(struct areas *a, struct pool *pool, const char *id)
{
	int root = areas_mount(a, pool, id);
	bool has = path_exists_at(root, "mark");

	close(root);
	return has;
}

static int work_exchange(void *context)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(((struct areas *)context)->pools_dir, "one", &pool, &err);

	return r < 0 ? 0 : area_exchange(pool, FROM, TO, &err);
}

static void check_exchange(void **state, enum pool_kind kind)
{
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", kind);

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	areas_run(&a, pool, FROM, change_tree);
	assert_ok(area_copy(pool, FROM, TO, 0, &err), &err);
	areas_run(&a, pool, TO, write_mark);
	assert_ok(area_exchange(pool, FROM, TO, &err), &err);
	assert_true(has_mark(&a, pool, FROM));
	assert_false(has_mark(&a, pool, TO));
	try_with_fault("CTCTL_FAULT_FAIL", "copy.exchanged", work_exchange, &a);
	assert_true(has_mark(&a, pool, FROM));
	try_with_fault("CTCTL_FAULT_KILL", "copy.exchanged", work_exchange, &a);
	assert_false(has_mark(&a, pool, FROM));
	assert_true(has_mark(&a, pool, TO));
	assert_int_equal(areas_count(&a), 2);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

static void test_exchange_btrfs(void **state)
{
	check_exchange(state, POOL_BTRFS);
}

static void test_exchange_dir(void **state)
{
	check_exchange(state, POOL_DIR);
}

static uint64_t limit_of(struct pool *pool, const char *id)
{
	struct err err = ERR_INIT;
	struct area_stat st;

	assert_ok(area_get_stat(pool, id, &st, &err), &err);
	return st.limit_bytes;
}

static void test_limits(void **state)
{
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", POOL_BTRFS);

	assert_ok(area_create(pool, FROM, 20 * MIB, &err), &err);
	assert_ok(area_copy(pool, FROM, TO, 30 * MIB, &err), &err);
	assert_int_equal(limit_of(pool, FROM), 20 * MIB);
	assert_int_equal(limit_of(pool, TO), 30 * MIB);
	assert_ok(area_exchange(pool, FROM, TO, &err), &err);
	assert_int_equal(limit_of(pool, FROM), 20 * MIB);
	assert_int_equal(limit_of(pool, TO), 30 * MIB);
	assert_ok(area_destroy(pool, TO, &err), &err);
	assert_ok(area_copy(pool, FROM, TO, 0, &err), &err);
	assert_int_equal(limit_of(pool, TO), 0);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_copy_btrfs),	   STORAGE_TEST(test_copy_dir),		 STORAGE_TEST(test_handles_btrfs),
		STORAGE_TEST(test_handles_dir),	   STORAGE_TEST(test_interrupted_btrfs), STORAGE_TEST(test_interrupted_dir),
		STORAGE_TEST(test_exchange_btrfs), STORAGE_TEST(test_exchange_dir),	 STORAGE_TEST(test_limits),
		STORAGE_TEST(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
