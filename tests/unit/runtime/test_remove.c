/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "node_unit.h"

#include <signal.h>
#include <sys/mman.h>

#include "base/log.h"
#include "runtime/operations.h"

/* How a guest's folders go: what a kill leaves is recognized, and a lock is one person's until its folder is gone. */

/* Files that are not ours lie in the guest's folder. */
static void test_killed_among_other_files(void **state)
{
	const struct scratch *s = *state;
	_cleanup_guest_ struct guest *guest = NULL;
	struct err err = ERR_INIT;

	NEED_ROOT();

	_cleanup_node_ struct node *node = open_node(s, NULL);

	put_guest(s, GOOD_CONF);
	put_file(s->fd, GUEST_FILE("notes"), "the customer called");
	put_dir(s->fd, GUEST_FILE("old"));
	put_file(s->fd, GUEST_FILE("old/notes"), "and again");

	pid_t pid = fork_child();

	if (pid == 0) {
		setenv("CTCTL_FAULT_KILL", "destroy.journal", 1);
		_exit(guest_destroy(node, "web1", false, &err) < 0);
	}
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	assert_int_equal(guest_open_locked(node, "web1", "set", false, &guest, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NO_GUEST);
	assert_false(path_exists_at(s->fd, GUEST_DIR) || path_exists_at(s->fd, RUN_DIR));
}

struct holders {
	int now;
	int at_a_time; /* the most that there were */
};

/* Takes the lock and removes its folder, again and again. */
static int take_and_remove(const struct scratch *s, struct holders *holders)
{
	_cleanup_node_ struct node *node = open_node(s, NULL);
	struct err err = ERR_INIT;

	for (int i = 0; i < 400; i++) {
		_cleanup_guest_ struct guest *guest = NULL;

		if (guest_new(node, "web1", &guest, &err) < 0 || guest_lock(guest, "set", true, &err) < 0)
			return 1;

		int n = __atomic_add_fetch(&holders->now, 1, __ATOMIC_SEQ_CST);

		if (n > __atomic_load_n(&holders->at_a_time, __ATOMIC_SEQ_CST))
			__atomic_store_n(&holders->at_a_time, n, __ATOMIC_SEQ_CST);
		/* What a command would keep there must be there as long as it holds the lock. */
		if (fd_replace_file_at(guest->run_fd, "state", "x", 1, false, &err) < 0 ||
		    !path_exists_at(guest->run_fd, "state"))
			return 2;
		__atomic_sub_fetch(&holders->now, 1, __ATOMIC_SEQ_CST);
		if (guest_remove_run(guest, &err) < 0)
			return 3;
	}
	return 0;
}

static void test_lock_is_held_by_one(void **state)
{
	enum { N = 4 };
	const struct scratch *s = *state;
	struct holders *holders = mmap(NULL, sizeof(*holders), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[N];

	NEED_ROOT();
	assert_true(holders != MAP_FAILED);
	for (int i = 0; i < N; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			_exit(take_and_remove(s, holders));
	}
	for (int i = 0; i < N; i++)
		assert_int_equal(wait_status(pids[i]), 0);
	assert_int_equal(holders->at_a_time, 1);
	assert_false(path_exists_at(s->fd, RUN_DIR));
	munmap(holders, sizeof(*holders));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_killed_among_other_files),
		SCRATCH_TEST(test_lock_is_held_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
