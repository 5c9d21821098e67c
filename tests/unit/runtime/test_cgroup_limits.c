/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

static void test_plan_v1(void **state)
{
	struct fixture *f = *state;
	static const struct cgroup_limits none = { 0 };
	struct cgroup_limits small = { .memory_bytes = 1 << 20, .cpu_milli = 1500, .cpu_weight = 1 };
	struct cgroup_limits large = { .memory_bytes = 1 << 30, .cpu_milli = 1500, .cpu_weight = 200 };
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	put(f, "unified/cgroup.controllers", "");

	struct cgroup_map map = map_of(f, HYBRID);

	put(f, "memory/a/memory.memsw.limit_in_bytes", "");
	put(f, "memory/memory.memsw.limit_in_bytes", "");
	assert_ok(cgroup_plan_limits(&map, &none, &small, &plan, &err), &err);
	assert_int_equal(plan.n, 4);
	assert_setting(&plan, 0, "memory.limit_in_bytes", "1048576");
	assert_setting(&plan, 1, "memory.memsw.limit_in_bytes", "1048576");
	assert_setting(&plan, 2, "cpu.cfs_quota_us", "150000");
	assert_setting(&plan, 3, "cpu.shares", "10");
	/* Only what differs, and memory with swap first when it grows. */
	assert_ok(cgroup_plan_limits(&map, &small, &large, &plan, &err), &err);
	assert_int_equal(plan.n, 3);
	assert_setting(&plan, 0, "memory.memsw.limit_in_bytes", "1073741824");
	assert_setting(&plan, 1, "memory.limit_in_bytes", "1073741824");
	assert_setting(&plan, 2, "cpu.shares", "2048");
	assert_ok(cgroup_plan_limits(&map, &large, &none, &plan, &err), &err);
	assert_setting(&plan, 0, "memory.memsw.limit_in_bytes", "-1");
	assert_setting(&plan, 2, "cpu.cfs_quota_us", "-1");
	assert_setting(&plan, 3, "cpu.shares", "1024");
	/* 0 and the default weight are the same. */
	small = (struct cgroup_limits){ .cpu_weight = 100 };
	assert_ok(cgroup_plan_limits(&map, &none, &small, &plan, &err), &err);
	assert_int_equal(plan.n, 0);
}

static void test_plan_refuses(void **state)
{
	struct fixture *f = *state;
	static const struct cgroup_limits none = { 0 };
	struct cgroup_limits want = { .pids_max = 10 };
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	put(f, "unified/cgroup.controllers", "");

	struct cgroup_map map = map_of(f, HYBRID);

	assert_int_equal(cgroup_plan_limits(&map, &none, &want, &plan, &err), -EOPNOTSUPP);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "'pids'");
	want = (struct cgroup_limits){ .cpu_milli = 5 };
	assert_int_equal(cgroup_plan_limits(&map, &none, &want, &plan, &err), -EINVAL);
	want = (struct cgroup_limits){ .cpu_weight = 10001 };
	assert_int_equal(cgroup_plan_limits(&map, &none, &want, &plan, &err), -EINVAL);
}

/* On v2 the controllers are enabled above the group, those that are missing, and never in it. */
static void test_unified(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = "ctctl/web1",
		.allow_all_devices = true, /* BPF takes no pretended group */
		.limits = { .memory_bytes = 64 << 20, .cpu_milli = 250, .cpu_weight = 50, .pids_max = 7 },
	};
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma\n");
	put(f, "cgroup.subtree_control", "cpuset cpu io memory\n");
	put(f, "ctctl/cgroup.subtree_control", "cpuset cpu io pids\n");
	put(f, "ctctl/web1/cgroup.subtree_control", "");
	put(f, "ctctl/web1/memory.max", "");
	put(f, "ctctl/web1/cpu.max", "");
	put(f, "ctctl/web1/cpu.weight", "");
	put(f, "ctctl/web1/pids.max", "");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_int_equal(map.n, 1);
	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_file(f, "cgroup.subtree_control",
		    "+pidst cpu io memory\n"); /* a file keeps what was behind; the kernel's does not */
	assert_file(f, "ctctl/cgroup.subtree_control", "+memorycpu io pids\n");
	assert_file(f, "ctctl/web1/cgroup.subtree_control", "");
	assert_file(f, "ctctl/web1/memory.max", "67108864");
	assert_file(f, "ctctl/web1/cpu.max", "25000 100000");
	assert_file(f, "ctctl/web1/cpu.weight", "50");
	assert_file(f, "ctctl/web1/pids.max", "7");
}

/* What is above a unit of systemd is systemd's: nothing is made or written there. */
static void test_unified_in_a_slice(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = {
		.path = "c.slice/c.service/web1",
		.allow_all_devices = true,
		.limits = { .pids_max = 7 },
	};
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "pids\n");
	put(f, "cgroup.subtree_control", "");
	put(f, "c.slice/cgroup.subtree_control", "");
	put(f, "c.slice/c.service/cgroup.subtree_control", "");
	put(f, "c.slice/c.service/web1/pids.max", "");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_ok(cgroup_map_create(&map, &spec, &err), &err);
	assert_file(f, "cgroup.subtree_control", "");
	assert_file(f, "c.slice/cgroup.subtree_control", "");
	assert_file(f, "c.slice/c.service/cgroup.subtree_control", "+pids");
	assert_file(f, "c.slice/c.service/web1/pids.max", "7");
	/* Without the slice there is nothing of ours to be in. */
	spec.path = "d.slice/d.service/web1";
	assert_int_equal(cgroup_map_create(&map, &spec, &err), -ENOENT);
	assert_err_has(&err, "systemctl status d.service");
	assert_false(cgroup_exists(&map.h[0], "d.slice"));
	/* Nor without the unit's group: it is made by systemd, or nothing would stop what is in it. */
	put(f, "d.slice/cgroup.subtree_control", "");
	assert_int_equal(cgroup_map_create(&map, &spec, &err), -ENOENT);
	assert_err_has(&err, "systemctl status d.service");
	assert_false(cgroup_exists(&map.h[0], "d.slice/d.service"));
}

static void test_unified_without_the_controller(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = "ctctl/web2", .allow_all_devices = true, .limits = { .memory_bytes = 64 << 20 } };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "memory\n");
	put(f, "cgroup.subtree_control", "memory\n");
	put(f, "ctctl/cgroup.subtree_control", "memory\n");

	struct cgroup_map map = map_of(f, UNIFIED);

	/* The group has no memory.max: somebody took the controller away above it. What was made is gone again. */
	assert_int_equal(cgroup_map_create(&map, &spec, &err), -EOPNOTSUPP);
	assert_err_has(&err, "'memory'");
	assert_false(cgroup_exists(&map.h[0], "ctctl/web2"));
}

/* A limit on v2 must not kill: what is used now is looked at first. */
static void test_unified_limit_below_usage(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits old = { .memory_bytes = 1000000 }, new = { .memory_bytes = 5000 };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "memory\n");
	put(f, "ctctl/web1/memory.max", "1000000");
	put(f, "ctctl/web1/memory.current", "6000\n");
	put(f, "ctctl/web1/memory.reclaim", "");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", &old, &new, &err), -EBUSY);
	assert_err_has(&err, "uses more");
	assert_file(f, "ctctl/web1/memory.reclaim", "1000");
	assert_file(f, "ctctl/web1/memory.max", "1000000");
	/* After an interrupted change nobody knows what the limits were: there is nothing to put back. */
	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", NULL, &new, &err), -EBUSY);
	put(f, "ctctl/web1/memory.current", "5000\n");
	assert_ok(cgroup_map_set_limits(&map, "ctctl/web1", &old, &new, &err), &err);
}

/* The second of two values cannot be written: the first is put back. */
static void test_limits_are_all_or_nothing(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits old = { .memory_bytes = 1000 }, new = { .memory_bytes = 2000, .pids_max = 5 };
	struct err err = ERR_INIT;

	put(f, "cgroup.controllers", "memory pids\n");
	put(f, "ctctl/web1/memory.max", "1000");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", &old, &new, &err), -EOPNOTSUPP);
	assert_err_has(&err, "'pids'");
	assert_file(f, "ctctl/web1/memory.max", "1000");
}

static void test_swap_goes_with_memory(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "memory.max", "memory.swap.max" };
	static const struct cgroup_limits none = { 0 }, some = { .memory_bytes = 1 << 20 };
	struct cgroup_map map = unified_with(f, "memory\n", files, 1);

	/* A kernel without swap is fine. */
	change(&map, &none, &some);
	assert_value(f, "memory.max", "1048576");
	put(f, "ctctl/web1/memory.swap.max", "max");
	change(&map, &none, &some);
	assert_value(f, "memory.swap.max", "0ax"); /* a file keeps what was behind; the kernel's does not */
	put(f, "ctctl/web1/memory.max", "");
	change(&map, &some, &none);
	assert_value(f, "memory.max", "max");
	assert_value(f, "memory.swap.max", "max");
}

static void test_memory_high(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "memory.high" };
	static const struct cgroup_limits none = { 0 }, some = { .memory_high_bytes = 3 << 20 };
	struct cgroup_map map = unified_with(f, "memory\n", files, 1);

	change(&map, &none, &some);
	assert_value(f, "memory.high", "3145728");
	put(f, "ctctl/web1/memory.high", "");
	change(&map, &some, &none);
	assert_value(f, "memory.high", "max");
}

static void test_memory_low(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "memory.low" };
	static const struct cgroup_limits none = { 0 }, some = { .memory_low_bytes = 3000 };
	struct cgroup_map map = unified_with(f, "memory\n", files, 1);

	put(f, "ctctl/memory.low", "7\n");
	change(&map, &none, &some);
	assert_value(f, "memory.low", "3000");
	put(f, "ctctl/web1/memory.low", "");
	change(&map, &some, &none);
	assert_value(f, "memory.low", "0");
	/* The groups above may be systemd's: whoever knows that sees to them. */
	assert_file(f, "ctctl/memory.low", "7\n");
}

/* The groups above are given the sum, without which the kernel protects nothing. */
static void test_protect_parents(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "memory.low" };
	struct cgroup_map map = unified_with(f, "memory\n", files, 1);
	struct err err = ERR_INIT;

	put(f, "ctctl/memory.low", "");
	put(f, "ctctl/web1/memory.low", "3000\n");
	put(f, "ctctl/web2/memory.low", "500\n");
	put(f, "ctctl/web3/memory.low", "max\n");
	put(f, "ctctl/web4/other", "");
	assert_ok(cgroup_map_protect_parents(&map, "ctctl/web1", &err), &err);
	assert_file(f, "ctctl/memory.low", "3500");
	/* One that is gone is in no sum. */
	put(f, "ctctl/memory.low", "");
	assert_ok(cgroup_map_protect_parents(&map, "ctctl/gone", &err), &err);
	assert_file(f, "ctctl/memory.low", "3500");

	/* Two levels up. */
	put(f, "a/memory.low", "");
	put(f, "a/b/memory.low", "");
	put(f, "a/b/c/memory.low", "3000\n");
	assert_ok(cgroup_map_protect_parents(&map, "a/b/c", &err), &err);
	assert_file(f, "a/b/memory.low", "3000");
	assert_file(f, "a/memory.low", "3000");

	/* Groups above without the file: the controller was not enabled for them. */
	put(f, "x/y/memory.low", "1\n");
	assert_int_equal(cgroup_map_protect_parents(&map, "x/y", &err), -ENOENT);
	assert_err_has(&err, "'x/y'");
}

static void assert_low(const struct cgroup_map *map, const char *path, uint64_t low, uint64_t sum)
{
	struct err err = ERR_INIT;
	uint64_t got_low = 1, got_sum = 1;

	assert_ok(cgroup_map_get_low(map, path, &got_low, &got_sum, &err), &err);
	assert_int_equal(got_low, low);
	assert_int_equal(got_sum, sum);
}

static void test_get_low(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "memory.low" };
	struct cgroup_map map = unified_with(f, "memory\n", files, 1);

	put(f, "ctctl/memory.low", "4096\n");
	put(f, "ctctl/web1/memory.low", "3000\n");
	put(f, "ctctl/web1/below/memory.low", "10000\n");
	put(f, "ctctl/web2/memory.low", "500\n");
	assert_low(&map, "ctctl", 4096, 3500);
	assert_low(&map, "ctctl/web1/below", 10000, 0);
	assert_low(&map, "ctctl/gone", 0, 0);
	/* Without a memory controller of v2 there is nothing to protect by. */
	put(f, "cgroup.controllers", "cpu\n");
	map = map_of(f, UNIFIED);
	assert_low(&map, "ctctl", 0, 0);

	struct err err = ERR_INIT;

	assert_ok(cgroup_map_protect_parents(&map, "ctctl/web1", &err), &err);
	assert_file(f, "ctctl/memory.low", "4096\n");
}

static void test_memory_of_v1_is_not_v2s(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits want = { .memory_high_bytes = 1 << 20 };

	put(f, "unified/cgroup.controllers", "");

	struct cgroup_map map = map_of(f, HYBRID);

	assert_refused(&map, &want, "memory-high");
	want = (struct cgroup_limits){ .memory_low_bytes = 1 << 20 };
	assert_refused(&map, &want, "version 1");
	put(f, "cgroup.controllers", "cpu\n");
	map = map_of(f, UNIFIED);
	assert_refused(&map, &want, "'memory'");
}

#define CPUSET_V1 "30 25 0:27 / @ rw - cgroup cgroup rw,cpuset\n"

static void test_cpuset(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "cpuset.cpus" };
	static const struct cgroup_limits none = { 0 }, some = { .cpus = "0-1,3" };
	struct cgroup_map map = unified_with(f, "cpuset\n", files, 1);

	put(f, "ctctl/cpuset.cpus.effective", "0-5\n");
	change(&map, &none, &some);
	assert_value(f, "cpuset.cpus", "0-1,3");
	put(f, "ctctl/web1/cpuset.cpus", "");
	change(&map, &some, &none);
	/* Not an empty one: those of the group above. */
	assert_value(f, "cpuset.cpus", "0-5");

	/* A longer list than there is room for is not cut to a shorter one. */
	struct err err = ERR_INIT;
	char list[2048] = "0";

	for (size_t i = 1; i + 2 < sizeof(list); i += 2)
		memcpy(list + i, ",2", 3);
	put(f, "ctctl/cpuset.cpus.effective", list);
	put(f, "ctctl/web1/cpuset.cpus", some.cpus);
	assert_int_equal(cgroup_map_set_limits(&map, "ctctl/web1", &some, &none, &err), -E2BIG);
	assert_value(f, "cpuset.cpus", some.cpus);
	map = map_of(f, CPUSET_V1);
	put(f, "ctctl/cpuset.cpus", "0-7\n");
	put(f, "ctctl/web1/cpuset.cpus", "");
	change(&map, &none, &some);
	assert_value(f, "cpuset.cpus", "0-1,3");
	put(f, "ctctl/web1/cpuset.cpus", "");
	change(&map, &some, &none);
	assert_value(f, "cpuset.cpus", "0-7");
	map = map_of(f, "30 25 0:27 / @ rw - cgroup cgroup rw,cpu\n");
	assert_refused(&map, &some, "'cpuset'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_plan_v1),
		CGROUP_TEST(test_plan_refuses),
		CGROUP_TEST(test_unified),
		CGROUP_TEST(test_unified_in_a_slice),
		CGROUP_TEST(test_unified_without_the_controller),
		CGROUP_TEST(test_unified_limit_below_usage),
		CGROUP_TEST(test_limits_are_all_or_nothing),
		CGROUP_TEST(test_swap_goes_with_memory),
		CGROUP_TEST(test_memory_high),
		CGROUP_TEST(test_memory_low),
		CGROUP_TEST(test_protect_parents),
		CGROUP_TEST(test_get_low),
		CGROUP_TEST(test_memory_of_v1_is_not_v2s),
		CGROUP_TEST(test_cpuset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
