/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cgroup_unit.h"

#include <poll.h>
#include <sys/mman.h>
#include <time.h>

#include "base/proc.h"

/* A group without the files of the freezer. */
static struct cgroup_map pretended(const struct fixture *f)
{
	put(f, "cgroup.controllers", "");
	put(f, "ctctl/web1/cgroup.subtree_control", "");
	return map_of(f, UNIFIED);
}

/* In the group: counts for as long as it runs. */
static pid_t counting_child(const char *group, volatile uint64_t *counter)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct err err = ERR_INIT;

	assert_ok(cgroup_join_open(group, &join, &err), &err);

	pid_t pid = fork_into(&join);

	if (pid == 0) {
		if (cgroup_join_self(&join) < 0)
			_exit(1);
		for (;;) {
			struct timespec moment = { .tv_nsec = 1000000 };

			++*counter;
			nanosleep(&moment, NULL);
		}
	}
	cgroup_join_close(&join);
	return pid;
}

/* Has it moved within some seconds? */
static bool is_counting(const volatile uint64_t *counter, int timeout_ms)
{
	uint64_t deadline = proc_now_ms() + (uint64_t)timeout_ms, before = *counter;

	while (*counter == before) {
		if (proc_now_ms() >= deadline)
			return false;
		poll(NULL, 0, 5);
	}
	return true;
}

static void test_freeze(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	volatile uint64_t *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err err = ERR_INIT;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);
	assert_ok(cgroup_freeze(f->group, 5000, &err), &err); /* with nobody in it */
	assert_ok(cgroup_thaw(f->group, &err), &err);

	pid_t pid = counting_child(f->group, counter);

	assert_true(is_counting(counter, 5000));
	assert_ok(cgroup_freeze(f->group, 5000, &err), &err);
	assert_false(is_counting(counter, 100));
	assert_ok(cgroup_freeze(f->group, 5000, &err), &err);
	assert_false(is_counting(counter, 50));
	assert_ok(cgroup_thaw(f->group, &err), &err);
	assert_true(is_counting(counter, 5000));
	assert_ok(cgroup_thaw(f->group, &err), &err);
	assert_true(is_counting(counter, 5000));
	/* One that stands ends all the same. */
	assert_ok(cgroup_freeze(f->group, 5000, &err), &err);
	assert_ok(cgroup_kill(f->group, 5000, &err), &err);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	munmap((void *)counter, 4096);
}

/* A time of nothing: the real processes have not stood yet, or have; in no case does one stand after the error. */
static void test_freeze_in_no_time(void **state)
{
	struct fixture *f = *state;
	struct cgroup_spec spec = { .path = f->group };
	volatile uint64_t *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct err err = ERR_INIT;

	need_root();
	assert_ok(cgroup_create(&spec, &err), &err);

	pid_t pid = counting_child(f->group, counter);

	assert_true(is_counting(counter, 5000));
	for (int i = 0; i < 20; i++) {
		int r = cgroup_freeze(f->group, 0, &err);

		assert_true(r == 0 || r == -ETIMEDOUT);
		if (r == 0)
			assert_ok(cgroup_thaw(f->group, &err), &err);
		assert_true(is_counting(counter, 5000));
	}
	end_child(pid);
	munmap((void *)counter, 4096);
}

/* Processes that do not stop: the kernel never says that they stand. */
static void test_freeze_is_undone(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f);
	struct err err = ERR_INIT;

	put(f, "ctctl/web1/cgroup.events", "populated 1\nfrozen 0\n");
	put(f, "ctctl/web1/cgroup.freeze", "x");
	assert_int_equal(cgroup_map_freeze(&map, "ctctl/web1", 30, &err), -ETIMEDOUT);
	assert_int_equal(err.exit, EXIT_TIMEOUT);
	assert_err_has(&err, "within 30 ms");
	assert_file(f, "ctctl/web1/cgroup.freeze", "0");

	put(f, "ctctl/web1/cgroup.events", "populated 1\nfrozen 1\n");
	assert_ok(cgroup_map_freeze(&map, "ctctl/web1", 30, &err), &err);
	assert_file(f, "ctctl/web1/cgroup.freeze", "1");
	assert_ok(cgroup_map_thaw(&map, "ctctl/web1", &err), &err);
	assert_file(f, "ctctl/web1/cgroup.freeze", "0");
}

static void test_freeze_needs(void **state)
{
	struct fixture *f = *state;
	struct cgroup_map map = pretended(f), none = { 0 };
	struct err err = ERR_INIT;

	assert_int_equal(cgroup_map_freeze(&map, "ctctl/web1", 30, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_int_equal(cgroup_map_freeze(&none, "ctctl/web1", 30, &err), -EOPNOTSUPP);
	assert_int_equal(cgroup_map_thaw(&none, "ctctl/web1", &err), -EOPNOTSUPP);
	assert_err_has(&err, "cgroup2");
	assert_ok(cgroup_map_thaw(&map, "ctctl/web2", &err), &err);
	assert_int_equal(cgroup_freeze("../x", 30, &err), -EINVAL);
	assert_int_equal(cgroup_thaw("../x", &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CGROUP_TEST(test_freeze),
		CGROUP_TEST(test_freeze_in_no_time),
		CGROUP_TEST(test_freeze_is_undone),
		CGROUP_TEST(test_freeze_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
