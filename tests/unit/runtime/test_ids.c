/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <inttypes.h>

#include "base/str.h"
#include "runtime/ids.h"

#define FIRST 0x40000000U

/* A node of which only what ids.c looks at is filled. */
static struct node make_node(const struct scratch *s, uint64_t slots)
{
	return (struct node){ .state_dir = (char *)s->path, .ids_first = FIRST, .ids_slots = slots };
}

static uint64_t take(const struct node *node, const char *uuid)
{
	struct err err = ERR_INIT;
	uint64_t first = 0;

	assert_ok(ids_take(node, uuid, &first, &err), &err);
	assert_true(first >= FIRST && first < FIRST + node->ids_slots * NODE_IDS_PER_GUEST);
	assert_true(first % NODE_IDS_PER_GUEST == 0);
	return first;
}

static void release(const struct node *node, uint64_t first, const char *uuid)
{
	struct err err = ERR_INIT;

	assert_ok(ids_release(node, first, uuid, &err), &err);
}

/* Is the range somebody's? Then a node of that one slot has none to give. */
static bool is_taken(const struct node *node, uint64_t first)
{
	struct node one = *node;
	struct err err = ERR_INIT;
	uint64_t got;

	one.ids_first = first;
	one.ids_slots = 1;
	if (ids_take(&one, "probe", &got, &err) < 0)
		return true;
	release(&one, got, "probe");
	return false;
}

static void test_exhaustion(void **state)
{
	struct node node = make_node(*state, 4);
	struct err err = ERR_INIT;
	uint64_t first[4], more;

	for (size_t i = 0; i < 4; i++) {
		first[i] = take(&node, "owner");
		for (size_t j = 0; j < i; j++)
			assert_true(first[i] != first[j]);
	}
	assert_int_equal(ids_take(&node, "late", &more, &err), -EAGAIN);
	assert_int_equal(err.exit, EXIT_RESOURCES);
	assert_err_has(&err, "all 4 id ranges are taken: raise ids-slots");
	release(&node, first[2], "owner");
	assert_true(take(&node, "late") == first[2]);
}

static void test_only_the_owner_releases(void **state)
{
	struct node node = make_node(*state, 4);
	uint64_t first = take(&node, "owner");

	release(&node, first, "stranger");
	release(&node, first, "");
	release(&node, first, "owne");
	release(&node, first, "owner2");
	assert_true(is_taken(&node, first));
	release(&node, first, "owner");
	assert_false(is_taken(&node, first));
	release(&node, first, "owner");
}

static void test_release_all_of_one(void **state)
{
	struct node node = make_node(*state, 8);
	struct err err = ERR_INIT;
	uint64_t mine = take(&node, "mine"), other = take(&node, "other"), again = take(&node, "mine");

	assert_ok(ids_release_all_of(&node, "mine", &err), &err);
	assert_false(is_taken(&node, mine) || is_taken(&node, again));
	assert_true(is_taken(&node, other));
}

/* A range of which it is not known whose it is stays taken: it may be that of a create that is at work. */
static void test_a_range_of_nobody_is_not_released(void **state)
{
	const struct scratch *s = *state;
	struct node node = make_node(s, 8);
	struct err err = ERR_INIT;
	_cleanup_free_ char *name = str_printf("ids/%u", FIRST);

	put_dir(s->fd, "ids");
	put_file(s->fd, name, "");
	assert_ok(ids_release_all_of(&node, "mine", &err), &err);
	release(&node, FIRST, "mine");
	assert_true(is_taken(&node, FIRST));
}

static void test_hints_that_are_none(void **state)
{
	static const char *const hints[] = { "", "x", "-1", "4", "99999999999999999999", "1 2", "\n\n\n", "3\n" };
	const struct scratch *s = *state;
	struct node node = make_node(s, 4);

	put_dir(s->fd, "ids");
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		put_file(s->fd, "ids/next", hints[i]);
		release(&node, take(&node, "owner"), "owner");
	}
}

/* A range that was given back is not given again at once: a file with an old owner's id may still be somewhere. */
static void test_ranges_go_round(void **state)
{
	struct node node = make_node(*state, 3);
	uint64_t a = take(&node, "x"), b;

	release(&node, a, "x");
	b = take(&node, "x");
	release(&node, b, "x");
	assert_true(a != b);
}

/* Takes `n` ranges and says which, or ends with 1. */
static void take_many(const struct node *node, int out, int n)
{
	char uuid[32];

	snprintf(uuid, sizeof(uuid), "process-%d", getpid());
	for (int i = 0; i < n; i++) {
		struct err err = ERR_INIT;
		uint64_t first;

		if (ids_take(node, uuid, &first, &err) < 0 || fd_write_all(out, &first, sizeof(first)) < 0)
			_exit(1);
	}
	_exit(0);
}

static void test_none_twice_among_processes(void **state)
{
	enum { PROCESSES = 4, EACH = 25 };
	struct node node = make_node(*state, PROCESSES * EACH);
	bool seen[PROCESSES * EACH] = { false };
	struct err err = ERR_INIT;
	pid_t pids[PROCESSES];
	uint64_t first;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < PROCESSES; i++) {
		pids[i] = fork_child();
		if (pids[i] == 0)
			take_many(&node, p[1], EACH);
	}
	close(p[1]);
	while (fd_read_exact(p[0], &first, sizeof(first)) == 0) {
		uint64_t slot = (first - FIRST) / NODE_IDS_PER_GUEST;

		assert_true(slot < ARRAY_SIZE(seen) && !seen[slot]);
		seen[slot] = true;
	}
	close(p[0]);
	for (int i = 0; i < PROCESSES; i++)
		assert_int_equal(wait_status(pids[i]), 0);
	for (size_t i = 0; i < ARRAY_SIZE(seen); i++)
		assert_true(seen[i]);
	assert_int_equal(ids_take(&node, "late", &first, &err), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_exhaustion),
		SCRATCH_TEST(test_only_the_owner_releases),
		SCRATCH_TEST(test_release_all_of_one),
		SCRATCH_TEST(test_a_range_of_nobody_is_not_released),
		SCRATCH_TEST(test_hints_that_are_none),
		SCRATCH_TEST(test_ranges_go_round),
		SCRATCH_TEST(test_none_twice_among_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
