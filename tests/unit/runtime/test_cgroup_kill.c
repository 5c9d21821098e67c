/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

/* A guest may have made any number of groups, as deep as it liked, with processes in them. */
static void test_deep_tree(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	int dir = cgroup_open_group(&map.h[0], f->group);
	pid_t pid = pausing_child();
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	for (int depth = 0; depth < 300; depth++) {
		int next = path_make_dir_at(dir, "a-rather-long-name-of-a-group", 0755);

		assert_true(next >= 0);
		assert_int_equal(mkdirat(dir, "sibling", 0755), 0);
		close(dir);
		dir = next;
	}
	assert_int_equal(fd_write_file_at(dir, "cgroup.procs", text), 0);
	close(dir);
	assert_int_equal(cgroup_destroy(f->group, &err), -EBUSY);
	assert_true(cgroup_is_populated(f->group));
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_destroy(f->group, &err), &err);
	assert_group_exists(f->group, false);
}

/* ctctl was killed between two hierarchies: what is only in some of them is found all the same. */
static void test_kill_half_attached(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;
	char text[16];

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	pid_t pid = pausing_child();

	snprintf(text, sizeof(text), "%d", pid);
	assert_int_equal(cgroup_write(cgroup_map_find(&map, "freezer"), f->group, "cgroup.procs", text), 0);
	assert_int_equal(cgroup_write(cgroup_map_find(&map, "freezer"), f->group, "freezer.state", "FROZEN"), 0);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_destroy(f->group, &err), &err);
}

/* A frozen guest (v1's freezer holds SIGKILL back) ends all the same. */
static void test_kill_frozen(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	pid_t pid = pausing_child();

	assert_ok(cgroup_attach(f->group, pid, &err), &err);
	assert_int_equal(cgroup_write(cgroup_map_find(&map, "freezer"), f->group, "freezer.state", "FROZEN"), 0);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* Time is up while a process cannot end: an error that says so, and nothing is removed. */
static void test_kill_takes_too_long(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	_cleanup_free_ char *inner = str_printf("%s/frozen", f->group);
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);

	/* Frozen a level below, where nobody looks for a freezer. */
	const struct cgroup_hierarchy *freezer = cgroup_map_find(&map, "freezer");
	_cleanup_free_ char *folder = str_printf("%s/%s", freezer->mount, inner);
	pid_t pid = pausing_child();
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	assert_ok(cgroup_attach(f->group, pid, &err), &err);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(cgroup_write(freezer, inner, "cgroup.procs", text), 0);
	assert_int_equal(cgroup_write(freezer, inner, "freezer.state", "FROZEN"), 0);

	int r = cgroup_kill(f->group, 50, &err);

	assert_int_equal(cgroup_write(freezer, inner, "freezer.state", "THAWED"), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(r, -ETIMEDOUT);
	assert_int_equal(err.exit, EXIT_TIMEOUT);
	assert_err_has(&err, "did not end within 50 ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_deep_tree),
		CGROUP_TEST(test_kill_half_attached),
		CGROUP_TEST(test_kill_frozen),
		CGROUP_TEST(test_kill_takes_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
