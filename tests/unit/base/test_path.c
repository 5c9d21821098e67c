/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <sys/mount.h>

#include "base/str.h"

/* SCRATCH/in is the root that is opened in, SCRATCH/secret lies outside of it. */
static int make_root(const struct scratch *s)
{
	put_file(s->fd, "secret", "secret");
	put_dir(s->fd, "in");

	int root = path_open_dir(s->fd, "in", O_RDONLY);

	assert_true(root >= 0);
	put_dir(root, "etc");
	put_file(root, "etc/passwd", "inside");
	put_file(root, "secret", "decoy");
	return root;
}

static void put_link(int dir_fd, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, dir_fd, name), 0);
}

static char *read_in(int root, const char *path)
{
	_cleanup_fd_ int fd = path_open_in(root, path, O_RDONLY, 0);
	char text[32] = "";

	if (fd < 0)
		return str_printf("%s", strerrorname_np(-fd));
	assert_true(read(fd, text, sizeof(text) - 1) >= 0);
	return strdup(text);
}

static void test_nothing_leads_out(void **state)
{
	static const struct {
		const char *path;
		const char *is;
	} rows[] = {
		{ "etc/passwd", "inside" },
		{ "/etc/passwd", "inside" },
		{ "../secret", "decoy" },
		{ "/../../../secret", "decoy" },
		{ "etc/../../secret", "decoy" },
		{ "relative-out", "decoy" },
		{ "absolute-out", "decoy" },
		{ "dir-out/secret", "decoy" },
		{ "chain", "decoy" },
		{ "host-path", "ENOENT" },
		{ "loop", "ELOOP" },
		{ "missing", "ENOENT" },
		{ "etc/passwd/x", "ENOTDIR" },
		{ "", "ENOENT" },
	};
	const struct scratch *s = *state;
	_cleanup_fd_ int root = make_root(s);
	_cleanup_free_ char *host = str_printf("%s/secret", s->path);

	put_link(root, "../secret", "relative-out");
	put_link(root, "/secret", "absolute-out");
	put_link(root, "../..", "dir-out");
	put_link(root, "etc/../dir-out/relative-out", "chain");
	put_link(root, host, "host-path");
	put_link(root, "loop", "loop");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *got = read_in(root, rows[i].path);

		if (strcmp(got, rows[i].is) != 0)
			fail_msg("'%s': %s, not %s", rows[i].path, got, rows[i].is);
	}
}

/* /proc/PID/root and /proc/PID/fd/N lead wherever their process stands, past any root. */
static void test_magic_links_are_refused(void **state)
{
	static const char *const paths[] = { "self/root/etc/passwd", "self/cwd/x", "self/exe", "self/fd/0" };
	_cleanup_fd_ int proc = path_open_dir(AT_FDCWD, "/proc", O_PATH);

	(void)state;
	assert_true(proc >= 0);
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		assert_int_equal(path_open_in(proc, paths[i], O_PATH, 0), -ELOOP);
		assert_true(path_open_beneath(proc, paths[i], O_PATH, 0) < 0);
	}
}

static void test_a_created_file_stays_inside(void **state)
{
	const struct scratch *s = *state;
	_cleanup_fd_ int root = make_root(s);

	put_link(root, "../new", "out");

	_cleanup_fd_ int fd = path_open_in(root, "out", O_WRONLY | O_CREAT, 0640);
	struct stat st;

	assert_true(fd >= 0);
	assert_false(path_exists_at(s->fd, "new"));
	assert_int_equal(fstatat(root, "new", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0640 & ~umask(022));
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void test_beneath_follows_nothing(void **state)
{
	const struct scratch *s = *state;
	_cleanup_fd_ int root = make_root(s);
	_cleanup_fd_ int good = path_open_beneath(root, "etc/passwd", O_RDONLY, 0);

	assert_true(good >= 0);
	assert_int_equal(fcntl(good, F_GETFD), FD_CLOEXEC);
	put_link(root, "etc", "link");
	put_link(root, "etc/passwd", "last");
	assert_int_equal(path_open_beneath(root, "link/passwd", O_RDONLY, 0), -ELOOP);
	assert_int_equal(path_open_beneath(root, "last", O_RDONLY, 0), -ELOOP);
	assert_int_equal(path_open_beneath(root, "../secret", O_RDONLY, 0), -EXDEV);
	assert_int_equal(path_open_beneath(root, "etc/../../secret", O_RDONLY, 0), -EXDEV);
	assert_int_equal(path_open_beneath(root, "/etc/passwd", O_RDONLY, 0), -EXDEV);
}

/* While another process turns a folder into a link to outside and back, what is opened is inside or nothing. */
static void test_a_race_does_not_lead_out(void **state)
{
	const struct scratch *s = *state;
	_cleanup_fd_ int root = make_root(s);
	int inside = 0;

	put_dir(root, "a");
	put_file(root, "a/secret", "decoy");
	put_link(root, "../..", "b");

	pid_t pid = fork_child();

	if (pid == 0) {
		for (;;)
			(void)!renameat2(root, "a", root, "b", RENAME_EXCHANGE);
	}
	for (int i = 0; i < 3000; i++) {
		_cleanup_free_ char *got = read_in(root, "a/secret");

		assert_string_not_equal(got, "secret");
		inside += strcmp(got, "decoy") == 0;
	}
	kill(pid, SIGKILL);
	assert_int_equal(wait_status(pid), 128 + SIGKILL);
	assert_true(inside > 0);
}

static void test_make_dirs(void **state)
{
	static const struct {
		const char *below;
		int r;
	} rows[] = {
		{ "a/b/c", 0 }, { "a/b/c", 0 },		{ "a/b/d/", 0 },      { "a//e///f", 0 },
		{ "a", 0 },	{ "file/x", -ENOTDIR }, { "file", -ENOTDIR }, { "dangling", -ENOENT },
	};
	const struct scratch *s = *state;

	put_file(s->fd, "file", "");
	put_link(s->fd, "nowhere", "dangling");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *path = str_printf("%s/%s", s->path, rows[i].below);

		if (path_make_dirs(path, 0700) != rows[i].r)
			fail_msg("'%s' is not %d", rows[i].below, rows[i].r);
	}
	assert_true(path_exists_at(s->fd, "a/b/c") && path_exists_at(s->fd, "a/b/d") && path_exists_at(s->fd, "a/e/f"));
	assert_int_equal(path_make_dirs("", 0700), -ENOENT);
	assert_int_equal(path_make_dirs("/", 0700), 0);
}

static void test_make_dir_at(void **state)
{
	const struct scratch *s = *state;
	_cleanup_fd_ int made = path_make_dir_at(s->fd, "new", 0700);
	_cleanup_fd_ int again = path_make_dir_at(s->fd, "new", 0755);
	struct stat st;

	assert_true(made >= 0 && again >= 0);
	assert_int_equal(fstat(again, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	put_link(s->fd, "new", "link");
	put_file(s->fd, "file", "");
	assert_int_equal(path_make_dir_at(s->fd, "link", 0700), -ENOTDIR);
	assert_int_equal(path_make_dir_at(s->fd, "file", 0700), -ENOTDIR);
	assert_int_equal(path_make_dir_at(s->fd, "none/x", 0700), -ENOENT);
}

static void test_exists_looks_at_the_link(void **state)
{
	const struct scratch *s = *state;

	assert_false(path_exists_at(s->fd, "x"));
	put_link(s->fd, "nowhere", "x");
	assert_true(path_exists_at(s->fd, "x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_nothing_leads_out),
		SCRATCH_TEST(test_magic_links_are_refused),
		SCRATCH_TEST(test_a_created_file_stays_inside),
		SCRATCH_TEST(test_beneath_follows_nothing),
		SCRATCH_TEST(test_a_race_does_not_lead_out),
		SCRATCH_TEST(test_make_dirs),
		SCRATCH_TEST(test_make_dir_at),
		SCRATCH_TEST(test_exists_looks_at_the_link),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
