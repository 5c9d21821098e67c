/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

#include <sys/mount.h>

static void test_paths(void **state)
{
	static const char *const good[] = { "ctctl", "ctctl/web1", "a.b/_c-D9", "ctctl/..x", "...", "ctctl/_monitors" };
	static const char *const bad[] = { "",	   "/",	     "/ctctl", "ctctl/", "a//b", ".",	 "..",
					   "a/..", "a/../b", "../x",   "a/./b",	 "a b",	 "a\nb", "a/b:c" };
	struct err err = ERR_INIT;
	char longer[400];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_ok(cgroup_check_path(good[i], &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (cgroup_check_path(bad[i], &err) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i]);
		assert_int_equal(err.exit, EXIT_INVALID);
	}
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(cgroup_check_path(longer, &err), -EINVAL);
}

static void test_hybrid_mounts(void **state)
{
	struct fixture *f = *state;

	put(f, "unified/cgroup.controllers", "hugetlb\n");

	struct cgroup_map map = map_of(f, HYBRID);

	assert_int_equal(map.n, 4);
	assert_ptr_equal(cgroup_map_v2(&map), &map.h[0]);
	assert_string_equal(map.h[0].controllers, "hugetlb");
	assert_string_equal(cgroup_map_find(&map, "cpuacct")->controllers, "cpu,cpuacct");
	assert_string_equal(cgroup_map_find(&map, "name=systemd")->controllers, "name=systemd");
	assert_true(strstr(cgroup_map_find(&map, "memory")->mount, "/memory") != NULL);
	assert_null(cgroup_map_find(&map, "mem"));
	assert_null(cgroup_map_find(&map, "pids"));
	assert_null(cgroup_map_find(&map, "acct"));
}

/* libcgroup 3.1 would report success and write nothing. */
static void test_library_takes_one_line(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(cgroup_lib_set(f->group, "memory", "memory.limit_in_bytes", "1\n2"), -EINVAL);
}

/*
 * A host with v2 alone, as far as this machine can be one: in a mount namespace of a child, whose only hierarchy is v2, where the
 * machine's v2 is without controllers.
 */
static int on_pure_v2(const struct fixture *f)
{
	struct cgroup_spec spec = { .path = f->group, .limits = { .memory_bytes = 1 << 20 } };
	struct err err = ERR_INIT;
	struct cgroup_host host;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    umount2("/sys/fs/cgroup", MNT_DETACH) < 0 || mount("none", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0)
		return 77;
	if (cgroup_probe_host(&host, &err) < 0 || !host.has_v2 || strcmp(host.v2_mount, "/sys/fs/cgroup") != 0)
		return 2;
	if (cgroup_create(&spec, &err) != -EOPNOTSUPP || err.exit != EXIT_UNSUPPORTED || !strstr(err.msg, "'memory'"))
		return 3;
	spec.limits.memory_bytes = CGROUP_UNLIMITED;
	if (cgroup_create(&spec, &err) < 0 || cgroup_attach(f->group, getpid(), &err) < 0 || !cgroup_is_populated(f->group)) {
		fprintf(stderr, "%s\n", err.msg);
		return 4;
	}
	return 0;
}

static void test_pure_v2(void **state)
{
	struct fixture *f = *state;
	int status;

	if (!host_is(false))
		skip();

	pid_t pid = fork();

	if (pid == 0)
		_exit(on_pure_v2(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_paths),
		CGROUP_TEST(test_hybrid_mounts),
		CGROUP_TEST(test_library_takes_one_line),
		CGROUP_TEST(test_pure_v2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
