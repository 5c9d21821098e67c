/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

static const struct cgroup_limits rates = {
	.io = { .read_bytes = 1000, .write_ops = 20 },
	.rate_disks = { .n = 2, .list = { { .major = 8, .minor = 0 }, { .major = 254, .minor = 16 } } },
};

static void test_io_rates_v2(void **state)
{
	struct fixture *f = *state;
	static const struct cgroup_limits none = { 0 };
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	put(f, "cgroup.controllers", "io memory\n");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_ok(cgroup_plan_limits(&map, &none, &rates, &plan, &err), &err);
	assert_int_equal(plan.n, 2);
	assert_setting(&plan, 0, "io.max", "8:0 rbps=1000 wbps=max riops=max wiops=20");
	assert_setting(&plan, 1, "io.max", "254:16 rbps=1000 wbps=max riops=max wiops=20");
	/* Who wants none any more does not know the disks. */
	assert_ok(cgroup_plan_limits(&map, &rates, &none, &plan, &err), &err);
	assert_int_equal(plan.n, 2);
	assert_setting(&plan, 1, "io.max", "254:16 rbps=max wbps=max riops=max wiops=max");
	assert_ok(cgroup_plan_limits(&map, &rates, &rates, &plan, &err), &err);
	assert_int_equal(plan.n, 0);
	put(f, "cgroup.controllers", "memory\n");
	map = map_of(f, UNIFIED);
	assert_refused(&map, &rates, "'io'");
}

#define BLKIO_V1 "30 25 0:27 / @ rw - cgroup cgroup rw,blkio\n"

static void test_io_rates_v1(void **state)
{
	struct fixture *f = *state;
	static const struct cgroup_limits none = { 0 };
	struct cgroup_map map = map_of(f, BLKIO_V1);
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	assert_ok(cgroup_plan_limits(&map, &none, &rates, &plan, &err), &err);
	assert_int_equal(plan.n, 8);
	assert_setting(&plan, 0, "blkio.throttle.read_bps_device", "8:0 1000");
	assert_setting(&plan, 1, "blkio.throttle.write_bps_device", "8:0 0");
	assert_setting(&plan, 2, "blkio.throttle.read_iops_device", "8:0 0");
	assert_setting(&plan, 7, "blkio.throttle.write_iops_device", "254:16 20");
	assert_ok(cgroup_plan_limits(&map, &rates, &none, &plan, &err), &err);
	assert_setting(&plan, 0, "blkio.throttle.read_bps_device", "8:0 0");
	map = map_of(f, "30 25 0:27 / @ rw - cgroup cgroup rw,cpuset\n");
	assert_refused(&map, &rates, "'io'");
}

static struct cgroup_limits weight_on(bool uses_bfq)
{
	return (struct cgroup_limits){
		.io_weight = 300,
		.weight_disks = { .n = 1, .list = { { .major = 8, .name = "sda", .uses_bfq = uses_bfq } } },
	};
}

static void test_io_weight(void **state)
{
	struct fixture *f = *state;
	static const char *const files[] = { "io.weight" };
	static const struct cgroup_limits none = { 0 };
	struct cgroup_limits want = weight_on(true);
	struct cgroup_map map = unified_with(f, "io\n", files, 1);

	/* Of the two files, those that are there. */
	change(&map, &none, &want);
	assert_value(f, "io.weight", "default 300");
	put(f, "ctctl/web1/io.weight", "");
	put(f, "ctctl/web1/io.bfq.weight", "");
	change(&map, &want, &none);
	assert_value(f, "io.weight", "default 100");
	assert_value(f, "io.bfq.weight", "100");
	/* A disk that nothing weighs, until io.cost is switched on for it. */
	want = weight_on(false);
	assert_refused(&map, &want, "'sda'");
	put(f, "io.cost.qos", "18:0 enable=1 ctrl=auto\n8:0 enable=0 ctrl=auto\n");
	assert_refused(&map, &want, "io.cost");
	put(f, "io.cost.qos", "18:0 enable=1 ctrl=auto\n8:0 enable=1 ctrl=auto\n");
	change(&map, &none, &want);
	/* v1 has bfq only. */
	map = map_of(f, BLKIO_V1);
	assert_refused(&map, &want, "bfq");
	want = weight_on(true);
	put(f, "ctctl/web1/blkio.bfq.weight", "");
	change(&map, &none, &want);
	assert_value(f, "blkio.bfq.weight", "300");
}

static const struct cgroup_limits everything = {
	.memory_bytes = 1,
	.memory_high_bytes = 1,
	.memory_low_bytes = 1,
	.cpu_milli = 1000,
	.cpu_weight = 1,
	.cpus = "0",
	.pids_max = 1,
	.io_weight = 1,
	.io = { 1, 1, 1, 1 },
};

/* The room of a plan is enough for all there is, on as many disks as there may be. */
static void test_plan_has_room(void **state)
{
	struct fixture *f = *state;
	struct cgroup_limits all = everything;
	struct err err = ERR_INIT;
	struct cgroup_plan plan;

	all.rate_disks.n = CGROUP_DISKS_MAX;
	all.weight_disks.n = 1;
	all.weight_disks.list[0].uses_bfq = true;
	put(f, "cgroup.controllers", "cpuset cpu io memory pids\n");

	struct cgroup_map map = map_of(f, UNIFIED);

	assert_ok(cgroup_plan_limits(&map, NULL, &all, &plan, &err), &err);
	assert_int_equal(plan.n, 4 + 4 + 2 + CGROUP_DISKS_MAX);
	all.memory_high_bytes = all.memory_low_bytes = 0;
	map = map_of(f, "30 25 0:27 / @ rw - cgroup cgroup rw,cpuset,cpu,blkio,memory,pids\n");
	put(f, "memory.memsw.limit_in_bytes", "");
	assert_ok(cgroup_plan_limits(&map, NULL, &all, &plan, &err), &err);
	assert_int_equal(plan.n, 2 + 4 + 1 + 4 * CGROUP_DISKS_MAX);
	assert_true(plan.n <= CGROUP_SETTINGS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_io_rates_v2),
		CGROUP_TEST(test_io_rates_v1),
		CGROUP_TEST(test_io_weight),
		CGROUP_TEST(test_plan_has_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
