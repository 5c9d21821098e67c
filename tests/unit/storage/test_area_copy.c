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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_copy_btrfs),
		STORAGE_TEST(test_copy_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
