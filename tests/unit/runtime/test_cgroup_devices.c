/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

#include <sys/sysmacros.h>

/* Opens a device in a group; the errno, or 0. */
static int open_in_group(const char *path, const char *device)
{
	struct err err = ERR_INIT;
	struct cgroup_join join;

	assert_ok(cgroup_join_open(path, &join, &err), &err);

	pid_t pid = fork();

	if (pid == 0) {
		if (cgroup_join_self(&join) < 0)
			_exit(200);
		_exit(open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK) < 0 ? errno : 0);
	}
	cgroup_join_close(&join);

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_devices(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;

	if (!host_is(false) || access("/dev/kmsg", R_OK) < 0)
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_int_equal(open_in_group(f->group, "/dev/null"), 0);
	assert_int_equal(open_in_group(f->group, "/dev/ptmx"), 0);
	assert_int_equal(open_in_group(f->group, "/dev/kmsg"), EPERM);
	if (access("/dev/net/tun", R_OK) == 0)
		assert_int_equal(open_in_group(f->group, "/dev/net/tun"), EPERM);
	assert_ok(cgroup_destroy(f->group, &err), &err);

	/* A group of the host's own processes has no list. */
	spec.allow_all_devices = true;
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_int_equal(open_in_group(f->group, "/dev/kmsg"), 0);
}

/* The host's v2 alone, as on a host that has nothing else. */
static bool only_v2(struct cgroup_map *ret)
{
	struct err err = ERR_INIT;

	if (geteuid() != 0 || cgroup_map_host(ret, &err) < 0 || !cgroup_map_v2(ret) || cgroup_probe_devices() < 0)
		return false;
	ret->n = 1;
	ret->by_library = false;
	return true;
}

enum act { OPEN, MAKE, MAKE_BLOCK };

/* Opens or makes a device in a group of v2; the errno, or 0. */
static int act_in_group(const struct cgroup_map *map, const struct fixture *f, enum act act, unsigned int maj, unsigned int min)
{
	_cleanup_free_ char *node = str_printf("%s/node", f->dir);
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct err err = ERR_INIT;
	int status;

	if (act == OPEN)
		assert_int_equal(mknod(node, S_IFCHR | 0600, makedev(maj, min)), 0);
	assert_ok(cgroup_map_join_open(map, f->group, &join, &err), &err);

	pid_t pid = fork_into(&join);

	if (pid == 0 && act == OPEN)
		_exit(open(node, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) < 0 ? errno : 0);
	if (pid == 0)
		_exit(mknod(node, (act == MAKE ? S_IFCHR : S_IFBLK) | 0600, makedev(maj, min)) < 0 ? errno : 0);
	cgroup_join_close(&join);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(node);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_devices_by_bpf(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!only_v2(&map))
		skip();
	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_int_equal(act_in_group(&map, f, OPEN, 1, 3), 0); /* null */
	assert_int_equal(act_in_group(&map, f, OPEN, 1, 9), 0); /* urandom */
	/* Allowed, if there is one here or not. */
	assert_int_not_equal(act_in_group(&map, f, OPEN, 5, 2), EPERM);
	assert_int_not_equal(act_in_group(&map, f, OPEN, 136, 4000), EPERM);
	assert_int_equal(act_in_group(&map, f, OPEN, 1, 11), EPERM); /* kmsg */
	assert_int_equal(act_in_group(&map, f, OPEN, 1, 4), EPERM);
	assert_int_equal(act_in_group(&map, f, OPEN, 3, 3), EPERM);
	assert_int_equal(act_in_group(&map, f, OPEN, 10, 200), EPERM); /* tun */
	assert_int_equal(act_in_group(&map, f, OPEN, 10, 229), EPERM); /* fuse */
	assert_int_equal(act_in_group(&map, f, MAKE, 1, 3), 0);
	assert_int_equal(act_in_group(&map, f, MAKE, 1, 11), EPERM);
	assert_int_equal(act_in_group(&map, f, MAKE_BLOCK, 1, 3), EPERM); /* the numbers of null, and no null */
	assert_int_equal(act_in_group(&map, f, MAKE, 0, 0), 0);		  /* whiteouts of overlayfs are no devices */

	/* Another one, the longest that there is, takes its place. */
	spec.allow_tun = true;
	spec.allow_fuse = true;
	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_int_equal(act_in_group(&map, f, MAKE, 10, 200), 0);
	assert_int_equal(act_in_group(&map, f, MAKE, 10, 229), 0);
	assert_int_equal(act_in_group(&map, f, OPEN, 1, 11), EPERM);
}

/* The first disk of this machine. */
static bool find_disk(dev_t *ret)
{
	struct stat st;

	if (stat("/", &st) < 0 || major(st.st_dev) == 0)
		return false;
	*ret = st.st_dev;
	return true;
}

static void test_no_disk_by_bpf(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	_cleanup_free_ char *node = str_printf("%s/disk", f->dir);
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct err err = ERR_INIT;
	struct cgroup_map map;
	dev_t disk;
	int status;

	if (!only_v2(&map) || !find_disk(&disk))
		skip();
	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_int_equal(mknod(node, S_IFBLK | 0600, disk), 0);
	assert_ok(cgroup_map_join_open(&map, f->group, &join, &err), &err);

	pid_t pid = fork_into(&join);

	if (pid == 0)
		_exit(open(node, O_RDONLY | O_CLOEXEC) < 0 ? errno : 0);
	cgroup_join_close(&join);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(node);
	assert_int_equal(WEXITSTATUS(status), EPERM);
}

/* Neither version can limit devices: nothing is started without. */
static void test_nothing_to_limit_by(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = map_of(f, "35 31 0:32 / @ rw - cgroup cgroup rw,memory\n");
	struct cgroup_spec spec = { .path = "ctctl/web1" };
	struct err err = ERR_INIT;

	assert_int_equal(cgroup_map_create(&map, &spec, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "devices of the cgroup 'ctctl/web1'");
	assert_false(cgroup_exists(&map.h[0], "ctctl/web1"));
	spec.allow_all_devices = true;
	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_devices),
		CGROUP_TEST(test_devices_by_bpf),
		CGROUP_TEST(test_no_disk_by_bpf),
		CGROUP_TEST(test_nothing_to_limit_by),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
