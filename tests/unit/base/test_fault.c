/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/fault.h"

static int with(const char *variable, const char *value, const char *point, struct err *err)
{
	setenv(variable, value, 1);

	int r = fault_point(point, err);

	unsetenv(variable);
	return r;
}

static void test_nothing_is_asked(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(fault_point("start.cgroup", &err), 0);
	assert_int_equal(err.code, 0);
}

static void test_only_the_chosen_one_fails(void **state)
{
	static const char *const others[] = { "start.cgroup2", "start.cgrou", "start", "", "Start.cgroup" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(with("CTCTL_FAULT_FAIL", others[i], "start.cgroup", &err), 0);
		assert_int_equal(with("CTCTL_FAULT_KILL", others[i], "start.cgroup", &err), 0);
	}
	assert_int_equal(with("CTCTL_FAULT_FAIL", "start.cgroup", "start.cgroup", &err), -EIO);
	assert_err_has(&err, "start.cgroup");
}

/* What undoes the operation is not made to fail by the same fault. */
static void test_it_fails_once(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	setenv("CTCTL_FAULT_FAIL", "set.disk", 1);
	assert_int_equal(fault_point("set.disk", &err), -EIO);
	assert_int_equal(fault_point("set.disk", &err), 0);
}

static void test_the_chosen_one_kills(void **state)
{
	(void)state;

	pid_t pid = fork_child();

	if (pid == 0) {
		struct err err = ERR_INIT;

		_exit(with("CTCTL_FAULT_KILL", "start.cgroup", "start.cgroup", &err) == 0);
	}
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_nothing_is_asked),
		SCRATCH_TEST(test_only_the_chosen_one_fails),
		SCRATCH_TEST(test_it_fails_once),
		SCRATCH_TEST(test_the_chosen_one_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
