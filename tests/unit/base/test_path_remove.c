/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <sys/mount.h>

#include "base/str.h"

#define DEEP 5000

static void test_missing_is_fine(void **state)
{
	const struct scratch *s = *state;

	assert_int_equal(path_remove_tree_at(s->fd, "none"), 0);
	assert_int_equal(path_remove_tree_at(s->fd, "none/none"), 0);
}

static void test_a_file_and_a_link(void **state)
{
	const struct scratch *s = *state;

	put_file(s->fd, "file", "x");
	put_dir(s->fd, "kept");
	put_file(s->fd, "kept/file", "x");
	assert_int_equal(symlinkat("kept", s->fd, "link"), 0);
	assert_int_equal(path_remove_tree_at(s->fd, "file"), 0);
	assert_int_equal(path_remove_tree_at(s->fd, "link"), 0);
	assert_false(path_exists_at(s->fd, "file") || path_exists_at(s->fd, "link"));
	assert_true(path_exists_at(s->fd, "kept/file"));
}

static void test_a_wide_tree(void **state)
{
	const struct scratch *s = *state;

	put_dir(s->fd, "t");
	for (int i = 0; i < 300; i++) {
		_cleanup_free_ char *dir = str_printf("t/d%d", i);
		_cleanup_free_ char *file = str_printf("t/d%d/f", i);
		_cleanup_free_ char *fifo = str_printf("t/p%d", i);

		put_dir(s->fd, dir);
		put_file(s->fd, file, "");
		assert_int_equal(mkfifoat(s->fd, fifo, 0600), 0);
	}
	assert_int_equal(path_remove_tree_at(s->fd, "t"), 0);
	assert_false(path_exists_at(s->fd, "t"));
}

/* A path to its bottom would be longer than PATH_MAX, and a descriptor for each level more than a process has. */
static void test_a_deep_tree(void **state)
{
	const struct scratch *s = *state;
	_cleanup_fd_ int fd = path_make_dir_at(s->fd, "deep", 0700);

	for (int i = 0; i < DEEP; i++) {
		int next = path_make_dir_at(fd, "a-name-of-some-length", 0700);

		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	put_file(fd, "bottom", "x");
	assert_int_equal(path_remove_tree_at(s->fd, "deep"), 0);
	assert_false(path_exists_at(s->fd, "deep"));
}

static void test_links_to_outside_are_not_followed(void **state)
{
	const struct scratch *s = *state;

	put_dir(s->fd, "outside");
	put_file(s->fd, "outside/kept", "x");
	put_dir(s->fd, "t");
	assert_int_equal(symlinkat("../outside", s->fd, "t/relative"), 0);
	assert_int_equal(symlinkat("..", s->fd, "t/up"), 0);
	assert_int_equal(symlinkat(s->path, s->fd, "t/absolute"), 0);
	assert_int_equal(linkat(s->fd, "outside/kept", s->fd, "t/hard", 0), 0);
	assert_int_equal(path_remove_tree_at(s->fd, "t"), 0);
	assert_false(path_exists_at(s->fd, "t"));
	assert_file(s->fd, "outside/kept", "x");
}

static void test_a_closed_folder_of_root(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_dir(s->fd, "t");
	put_dir(s->fd, "t/closed");
	put_file(s->fd, "t/closed/file", "x");
	assert_int_equal(fchmodat(s->fd, "t/closed", 0, 0), 0);
	assert_int_equal(path_remove_tree_at(s->fd, "t"), 0);
}

/* Mounts `what` on SCRATCH/`at` while it tries to remove SCRATCH/t. */
static int remove_under_mount(const struct scratch *s, const char *fs, const char *what, const char *at)
{
	_cleanup_free_ char *source = str_printf("%s/%s", s->path, what);
	_cleanup_free_ char *target = str_printf("%s/%s", s->path, at);

	assert_int_equal(mount(source, target, fs, fs ? 0 : MS_BIND, NULL), 0);

	_cleanup_free_ char *canary = str_printf("%s/canary", target);

	if (fs)
		put_file(AT_FDCWD, canary, "x");

	int r = path_remove_tree_at(s->fd, "t");
	bool kept = path_exists_at(AT_FDCWD, canary);

	assert_int_equal(umount2(target, 0), 0);
	assert_true(kept);
	return r;
}

static void test_a_mounted_file_system_is_kept(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_dir(s->fd, "t");
	put_dir(s->fd, "t/sub");
	put_dir(s->fd, "t/sub/point");
	assert_int_equal(remove_under_mount(s, "tmpfs", "", "t/sub/point"), -EXDEV);
	assert_int_equal(remove_under_mount(s, "tmpfs", "", "t"), -EXDEV);
}

/* A bind mount of the same file system has the same device number. */
static void test_a_bind_mount_is_kept(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_dir(s->fd, "data");
	put_file(s->fd, "data/canary", "x");
	put_dir(s->fd, "t");
	put_dir(s->fd, "t/sub");
	put_dir(s->fd, "t/sub/point");
	assert_int_equal(remove_under_mount(s, NULL, "data", "t/sub/point"), -EXDEV);
	assert_int_equal(remove_under_mount(s, NULL, "data", "t"), -EXDEV);
	assert_file(s->fd, "data/canary", "x");
}

/* Only the tree is not left, the way to it may lead through mounts: /tmp is one on many hosts. */
static void test_a_tree_in_a_mount(void **state)
{
	const struct scratch *s = *state;
	_cleanup_free_ char *point = str_printf("%s/point", s->path);
	_cleanup_free_ char *tree = str_printf("%s/t", point);

	NEED_ROOT();
	put_dir(s->fd, "point");
	assert_int_equal(mount("tmpfs", point, "tmpfs", 0, NULL), 0);

	int made = path_make_dirs(tree, 0700);
	int r = path_remove_tree_at(AT_FDCWD, tree);
	bool is_there = path_exists_at(AT_FDCWD, tree);

	assert_int_equal(umount2(point, 0), 0);
	assert_int_equal(made, 0);
	assert_int_equal(r, 0);
	assert_false(is_there);
	assert_int_equal(path_remove_tree_at(s->fd, "point/"), -EINVAL);
}

static void test_two_removals_at_once(void **state)
{
	const struct scratch *s = *state;

	for (int round = 0; round < 20; round++) {
		put_dir(s->fd, "t");
		for (int i = 0; i < 100; i++) {
			_cleanup_free_ char *dir = str_printf("t/d%d", i);
			_cleanup_free_ char *sub = str_printf("t/d%d/sub", i);

			put_dir(s->fd, dir);
			put_dir(s->fd, sub);
		}

		pid_t pid = fork_child();

		if (pid == 0)
			_exit(path_remove_tree_at(s->fd, "t") < 0);
		assert_int_equal(path_remove_tree_at(s->fd, "t"), 0);
		assert_int_equal(wait_status(pid), 0);
		assert_false(path_exists_at(s->fd, "t"));
	}
}

/* Moves t/a/b to SCRATCH/moved and back, for ever: then ".." of a folder that is being emptied is another one. */
static void move_for_ever(int fd)
{
	for (;;) {
		(void)!renameat(fd, "t/a/b", fd, "moved");
		(void)!renameat(fd, "moved", fd, "t/a/b");
	}
}

static void test_a_folder_moved_away_leads_nowhere(void **state)
{
	const struct scratch *s = *state;

	put_file(s->fd, "canary", "x");
	put_dir(s->fd, "a");
	put_file(s->fd, "a/canary", "x");
	for (int round = 0; round < 300; round++) {
		_cleanup_fd_ int t = path_make_dir_at(s->fd, "t", 0700);
		_cleanup_fd_ int a = path_make_dir_at(t, "a", 0700);
		_cleanup_fd_ int b = path_make_dir_at(a, "b", 0700);

		for (char c[2] = "a"; c[0] <= 'z'; c[0]++)
			(void)!mkdirat(b, c, 0700);

		pid_t pid = fork_child();

		if (pid == 0)
			move_for_ever(s->fd);
		(void)!path_remove_tree_at(s->fd, "t");
		kill(pid, SIGKILL);
		assert_int_equal(wait_status(pid), 128 + SIGKILL);
		assert_file(s->fd, "canary", "x");
		assert_file(s->fd, "a/canary", "x");
		assert_int_equal(path_remove_tree_at(s->fd, "t"), 0);
		assert_int_equal(path_remove_tree_at(s->fd, "moved"), 0);
	}
}

static void test_all_but_one(void **state)
{
	const struct scratch *s = *state;

	put_dir(s->fd, "t");
	put_dir(s->fd, "t/dir");
	put_file(s->fd, "t/dir/file", "x");
	put_file(s->fd, "t/file", "x");
	put_file(s->fd, "t/kept", "x");

	_cleanup_fd_ int fd = path_open_dir(s->fd, "t", O_PATH);

	assert_int_equal(path_empty_but(fd, "kept"), 0);
	assert_false(path_exists_at(s->fd, "t/dir") || path_exists_at(s->fd, "t/file"));
	assert_file(s->fd, "t/kept", "x");
	assert_int_equal(path_remove_tree_at(s->fd, "t"), 0);
	/* It was removed, with the descriptor open. */
	assert_int_equal(path_empty_but(fd, "kept"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_missing_is_fine),
		SCRATCH_TEST(test_a_file_and_a_link),
		SCRATCH_TEST(test_a_wide_tree),
		SCRATCH_TEST(test_a_deep_tree),
		SCRATCH_TEST(test_links_to_outside_are_not_followed),
		SCRATCH_TEST(test_a_closed_folder_of_root),
		SCRATCH_TEST(test_a_mounted_file_system_is_kept),
		SCRATCH_TEST(test_a_bind_mount_is_kept),
		SCRATCH_TEST(test_a_tree_in_a_mount),
		SCRATCH_TEST(test_two_removals_at_once),
		SCRATCH_TEST(test_a_folder_moved_away_leads_nowhere),
		SCRATCH_TEST(test_all_but_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
