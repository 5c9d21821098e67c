/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

#include <sys/mman.h>

/* The host's own hierarchies, for real. */

static void test_life_of_a_group(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = f->group,
		.limits = { .memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_weight = 200, .pids_max = 50 },
	};
	struct cgroup_limits more = spec.limits;
	struct cgroup_usage usage;
	struct err err = ERR_INIT;
	char value[64];

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_create(&spec, &err), &err); /* again is fine */
	assert_group_exists(f->group, true);
	assert_false(cgroup_is_populated(f->group));

	pid_t pid = pausing_child();

	assert_ok(cgroup_attach(f->group, pid, &err), &err);
	assert_int_equal(n_elsewhere(pid, f->group), 0);
	assert_true(cgroup_is_populated(f->group));
	assert_ok(cgroup_get_usage(f->group, &usage, &err), &err);
	assert_int_equal(usage.n_pids, 1);

	more.memory_bytes = 128 << 20;
	more.pids_max = CGROUP_UNLIMITED;
	assert_ok(cgroup_set_limits(f->group, &spec.limits, &more, &err), &err);
	read_value("pids", f->group, "pids.max", value);
	assert_string_equal(value, "max");

	assert_int_equal(cgroup_destroy(f->group, &err), -EBUSY);
	assert_err_has(&err, "still has processes in the hierarchy");
	assert_int_equal(n_elsewhere(pid, f->group), 0); /* and nothing escaped to the parent */
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(cgroup_destroy(f->group, &err), &err);
	assert_ok(cgroup_destroy(f->group, &err), &err);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_group_exists(f->group, false);
	assert_int_equal(cgroup_attach(f->group, getpid(), &err), -ENOENT);
}

static void test_v1_values(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group,
				    .limits = { .memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_weight = 200 } };
	struct err err = ERR_INIT;
	char value[64], parent[64];

	if (!host_is(false))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	read_value("memory", f->group, "memory.limit_in_bytes", value);
	assert_string_equal(value, "67108864");
	read_value("cpu", f->group, "cpu.cfs_quota_us", value);
	assert_string_equal(value, "50000");
	read_value("cpu", f->group, "cpu.shares", value);
	assert_string_equal(value, "2048");
	read_value("cpuset", f->group, "cpuset.cpus", value);
	read_value("cpuset", ".", "cpuset.cpus", parent);
	assert_string_equal(value, parent);
	assert_true(value[0] != '\0');
}

static void test_v2_values(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = f->group,
		.limits = { .memory_bytes = 64 << 20, .cpu_milli = 500, .cpu_weight = 200, .pids_max = 9 },
	};
	struct err err = ERR_INIT;
	char value[64];

	if (!host_is(true))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	read_value("memory", f->group, "memory.max", value);
	assert_string_equal(value, "67108864");
	read_value("cpu", f->group, "cpu.max", value);
	assert_string_equal(value, "50000 100000");
	read_value("cpu", f->group, "cpu.weight", value);
	assert_string_equal(value, "200");
	read_value("pids", f->group, "pids.max", value);
	assert_string_equal(value, "9");
	/* A guest's init goes into this very group: nothing may be enabled for what is below it. */
	read_value("memory", f->group, "cgroup.subtree_control", value);
	assert_string_equal(value, "");
}

/*
 * systemd in the guest has moved to a leaf and given the controllers of its group away: the group itself takes no process any
 * more.
 */
static void test_leaf(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	static const char *const leaves[] = { "ctctl", "init.scope" };
	struct err err = ERR_INIT;
	struct cgroup_map map;

	if (!host_is(true))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);
	assert_int_equal(cgroup_write(&map.h[0], f->group, "cgroup.subtree_control", "+memory"), 0);
	for (size_t i = 0; i < ARRAY_SIZE(leaves); i++) {
		_cleanup_free_ char *leaf = str_printf("%s/%s", f->group, leaves[i]);
		_cleanup_free_ char *folder = str_printf("%s/%s", map.h[0].mount, leaf);
		struct cgroup_join join = CGROUP_JOIN_INIT;
		pid_t pid = pausing_child();

		if (i > 0) /* ours is made where there is none of systemd's */
			assert_int_equal(mkdir(folder, 0755), 0);
		assert_ok(cgroup_attach(f->group, pid, &err), &err);
		assert_int_equal(n_elsewhere(pid, leaf), 0);
		end_child(pid);
		assert_ok(cgroup_join_open(f->group, &join, &err), &err);

		pid = fork_into(&join);
		if (pid == 0) {
			pause();
			_exit(0);
		}
		assert_int_equal(n_elsewhere(pid, leaf), 0);
		end_child(pid);
		cgroup_join_close(&join);
	}
}

static const char *memory_file(void)
{
	return host_is(true) ? "memory.max" : "memory.limit_in_bytes";
}

static void test_limit_below_usage(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group, .limits = { .memory_bytes = 64 << 20 } };
	struct cgroup_limits less = { .memory_bytes = 4 << 20, .cpu_milli = 100 };
	struct err err = ERR_INIT;
	int ready[2];
	char byte, value[64];

	if (!host_is(false) && !host_is(true))
		skip();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);

	struct cgroup_join join;

	assert_ok(cgroup_join_open(f->group, &join, &err), &err);

	pid_t pid = fork_into(&join);

	if (pid == 0) {
		if (cgroup_join_self(&join) < 0)
			_exit(1);

		char *p = mmap(NULL, 16 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED || syscall(SYS_mlock, p, 16 << 20) < 0) /* by number: the sanitizer's does nothing */
			_exit(2);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	close(ready[1]);
	cgroup_join_close(&join);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(cgroup_set_limits(f->group, &spec.limits, &less, &err), -EBUSY);
	assert_err_has(&err, "uses more than that now");
	/* All or nothing. */
	read_value("memory", f->group, memory_file(), value);
	assert_string_equal(value, "67108864");
	if (host_is(false)) {
		read_value("memory", f->group, "memory.memsw.limit_in_bytes", value);
		assert_string_equal(value, "67108864");
	}
	read_value("cpu", f->group, host_is(true) ? "cpu.max" : "cpu.cfs_quota_us", value);
	assert_string_equal(value, host_is(true) ? "max 100000" : "-1");
	assert_int_equal(waitpid(pid, NULL, WNOHANG), 0); /* and the limit killed nobody */
	end_child(pid);
}

/* A child in a user namespace of its own, born into the group, without any privilege over it. */
static void test_join_at_birth(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_join join;
	int ready[2];
	char byte;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_join_open(f->group, &join, &err), &err);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);

	struct clone_args args = { .flags = CLONE_NEWUSER | CLONE_NEWPID, .exit_signal = SIGCHLD };

	if (join.v2_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)join.v2_fd;
	}

	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid == 0) {
		int r = cgroup_join_self(&join);

		byte = r < 0 ? (char)-r : 0;
		if (write(ready[1], &byte, 1) == 1)
			pause();
		_exit(0);
	}
	if (pid < 0)
		fail_msg("clone3 with a user namespace: %s", strerror(errno));
	close(ready[1]);
	cgroup_join_close(&join);
	assert_int_equal(join.n_tasks, 0);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	assert_int_equal(byte, 0);
	assert_int_equal(n_elsewhere(pid, f->group), 0);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_delegate(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	struct err err = ERR_INIT;
	struct cgroup_map map;
	struct stat st;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_delegate(f->group, 100000, 100001, &err), &err);
	assert_ok(cgroup_map_host(&map, &err), &err);
	if (!cgroup_map_v2(&map))
		skip();

	_cleanup_fd_ int dir = cgroup_open_group(cgroup_map_v2(&map), f->group);

	assert_int_equal(fstat(dir, &st), 0);
	assert_int_equal(st.st_uid, 100000);
	assert_int_equal(st.st_gid, 100001);
	assert_int_equal(fstatat(dir, "cgroup.procs", &st, 0), 0);
	assert_int_equal(st.st_uid, 100000);
	assert_int_equal(fstatat(dir, "cgroup.max.depth", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(fstatat(dir, "cgroup.freeze", &st, 0), 0);
	assert_int_equal(st.st_uid, 0);
}

static void test_failure_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	static const char *const points[] = { "cgroup.create", "cgroup.limits" };
	struct err err = ERR_INIT;

	need_root();
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		setenv("CTCTL_FAULT_FAIL", points[i], 1);
		assert_int_equal(cgroup_create(&spec, &err), -EIO);
		unsetenv("CTCTL_FAULT_FAIL");
		assert_group_exists(f->group, false);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_life_of_a_group),   CGROUP_TEST(test_v1_values),
		CGROUP_TEST(test_v2_values),	     CGROUP_TEST(test_leaf),
		CGROUP_TEST(test_limit_below_usage), CGROUP_TEST(test_join_at_birth),
		CGROUP_TEST(test_delegate),	     CGROUP_TEST(test_failure_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
