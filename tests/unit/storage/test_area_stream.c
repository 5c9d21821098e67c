/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/stream_unit.h"

#include <sys/sysmacros.h>

/* Areas that travel, from one kind of pool to the other. What is hostile is in test_stream_hostile.c. */

/* " links 3" is how often the kernel has linked it in the area, its index included, which does not travel. */
static void blank_links(char *text)
{
	while ((text = strstr(text, " links ")))
		memset(text, '_', strspn(text + 7, "0123456789") + 7);
}

/* What guests see but these two names, which no longer are one file. */
static char *without_split_names(char *text)
{
	char *to = text;

	for (char *line = text, *next; *line; line = next) {
		next = strchr(line, '\n') + 1;
		if (str_has_prefix(line, "/one-name ") || str_has_prefix(line, "/usr/two-name "))
			continue;
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	*to = '\0';
	blank_links(text);
	return text;
}

static char *describe_upper(struct pool *pool, const char *id)
{
	struct err err = ERR_INIT;
	_cleanup_fd_ int area = area_open(pool, id, &err);
	_cleanup_fd_ int upper = openat(area, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_ok(area, &err);
	assert_true(upper >= 0);
	return describe(upper, NULL);
}

static int see_split_names(void)
{
	_cleanup_free_ char *one = NULL, *two = NULL;

	if (fd_read_file_at(AT_FDCWD, "/one-name", 100, &one) < 0 || fd_read_file_at(AT_FDCWD, "/usr/two-name", 100, &two) < 0)
		return 1;
	return strcmp(one, "writtene\n") != 0 || strcmp(two, "template\n") != 0;
}

static void move_area(struct pool *from, struct pool *to)
{
	struct err err = ERR_INIT;
	struct stream s;

	assert_ok(stream_send(&s, from, FROM, &err), &err);
	/* More may follow in it. */
	strbuf_add(&s.bytes, "next");
	assert_ok(stream_take(&s, to, FROM, &err), &err);
	assert_int_equal(s.bytes.len - s.at, 4);
	strbuf_free(&s.bytes);
}

static void check_travel(void **state, enum pool_kind first, enum pool_kind second)
{
	struct err err = ERR_INIT;
	struct areas a;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *one = areas_pool(&a, "one", first), *two = areas_pool(&a, "two", second),
		    *three = areas_pool(&a, "three", first);

	assert_ok(area_create(one, FROM, 0, &err), &err);
	areas_run(&a, one, FROM, change_tree);

	_cleanup_free_ char *before = without_split_names(describe_area(&a, one, FROM));

	move_area(one, two);
	move_area(two, three);
	areas_check_whole(two, FROM);
	areas_check_whole(three, FROM);

	_cleanup_free_ char *there = describe_upper(two, FROM), *back = describe_upper(three, FROM);

	assert_same_text(back, there);
	assert_null(strstr(there, "trusted.overlay.origin"));
	assert_non_null(strstr(there, "trusted.overlay.redirect"));
	areas_run(&a, two, FROM, see_split_names);

	_cleanup_free_ char *after = without_split_names(describe_area(&a, two, FROM));

	assert_same_text(after, before);
	areas_drop_pool(&a, one);
	areas_drop_pool(&a, two);
	areas_drop_pool(&a, three);
	areas_end(&a);
}

static void test_btrfs_to_dir(void **state)
{
	check_travel(state, POOL_BTRFS, POOL_DIR);
}

static void test_dir_to_btrfs(void **state)
{
	check_travel(state, POOL_DIR, POOL_BTRFS);
}

/* A hole of a gigabyte is no gigabyte of stream or disk. */
static void test_holes(void **state)
{
	struct err err = ERR_INIT;
	struct areas a;
	struct stat st;
	struct stream s;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", POOL_DIR);

	assert_ok(area_create(pool, FROM, 0, &err), &err);

	_cleanup_free_ char *path = str_printf("%s/one/data/" FROM "/upper/holes", a.pools_dir);
	_cleanup_free_ char *copy = str_printf("%s/one/data/" TO "/upper/holes", a.pools_dir);

	assert_int_equal(write_at(path, 700 << 20, "middle"), 0);
	assert_int_equal(truncate(path, 1 << 30), 0);
	assert_ok(stream_send(&s, pool, FROM, &err), &err);
	assert_in_range(s.bytes.len, 1, 1 << 20);
	assert_ok(stream_take(&s, pool, TO, &err), &err);
	assert_int_equal(stat(copy, &st), 0);
	assert_int_equal(st.st_size, 1 << 30);
	assert_in_range(st.st_blocks, 1, 2048);
	strbuf_free(&s.bytes);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

/* Folders deeper than there may be descriptors, and than a path is long. */
static void make_deep(struct pool *pool, int depth)
{
	struct err err = ERR_INIT;
	_cleanup_fd_ int area = area_open(pool, FROM, &err);
	int fd = openat(area, "upper", O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (int i = 0; i < depth; i++) {
		assert_int_equal(mkdirat(fd, "down", 0700), 0);

		int below = openat(fd, "down", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close(fd);
		fd = below;
	}
	make_file(fd, "last", "here", 0600, 1000);
	close(fd);
}

static void test_deep(void **state)
{
	struct err err = ERR_INIT;
	struct areas a;
	struct stream s, copy;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", POOL_DIR);

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	make_deep(pool, 3000);
	assert_ok(stream_send(&s, pool, FROM, &err), &err);
	assert_ok(stream_take(&s, pool, TO, &err), &err);
	assert_ok(area_destroy(pool, TO, &err), &err);
	assert_ok(area_copy(pool, FROM, TO, 0, &err), &err);
	assert_ok(stream_send(&copy, pool, TO, &err), &err);
	/* Times of access, too: nobody was there. */
	assert_int_equal(copy.bytes.len, s.bytes.len);
	assert_memory_equal(copy.bytes.data, s.bytes.data, s.bytes.len);
	strbuf_free(&s.bytes);
	strbuf_free(&copy.bytes);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

static int fail_to_write(void *context, const void *data, size_t n, struct err *err)
{
	(void)context;
	(void)data;
	(void)n;
	return err_set(err, EPIPE, "nobody listens");
}

static void test_errors(void **state)
{
	const struct area_sink broken = { .write = fail_to_write };
	struct err err = ERR_INIT;
	struct areas a;
	struct stream s;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *pool = areas_pool(&a, "one", POOL_DIR);
	_cleanup_free_ char *path = str_printf("%s/one/data/" FROM "/upper/zero", a.pools_dir);

	assert_true(stream_send(&s, pool, FROM, &err) < 0);
	assert_err_has(&err, FROM);
	assert_ok(area_create(pool, FROM, 0, &err), &err);
	assert_int_equal(area_send(pool, FROM, &broken, &err), -EPIPE);
	assert_err_has(&err, "nobody listens");
	assert_ok(stream_send(&s, pool, FROM, &err), &err);
	assert_true(stream_take(&s, pool, FROM, &err) < 0);
	assert_int_equal(err.exit, EXIT_AREA_EXISTS);
	strbuf_free(&s.bytes);
	assert_int_equal(mknod(path, S_IFCHR | 0600, makedev(1, 5)), 0);
	assert_int_equal(stream_send(&s, pool, FROM, &err), -EPERM);
	assert_err_has(&err, "'zero'");
	strbuf_free(&s.bytes);
	areas_drop_pool(&a, pool);
	areas_end(&a);
}

struct interrupted {
	struct areas a;
	struct stream s;
	size_t last; /* byte that is read */
	bool is_killed;
};

static int read_some(void *context, void *data, size_t n, struct err *err)
{
	struct interrupted *i = context;

	if (i->s.at + n > i->last && i->is_killed)
		kill(getpid(), SIGKILL);
	return i->s.at + n > i->last ? err_set(err, ECONNRESET, "cut") : stream_read(&i->s, data, n, err);
}

static int work_receive(struct interrupted *i)
{
	const struct area_source source = { .read = read_some, .context = i };
	_cleanup_(cleanup_pool) struct pool *pool = NULL;
	struct err err = ERR_INIT;
	int r = pool_open(i->a.pools_dir, "one", &pool, &err);

	i->s.at = 0;
	return r < 0 ? 0 : area_receive(pool, TO, 0, &source, &err);
}

/* The connection is cut at that byte, or we are killed there. */
static void interrupt(struct interrupted *i, size_t at, bool is_killed)
{
	i->last = at;
	i->is_killed = is_killed;
	if (!is_killed) {
		assert_int_equal(work_receive(i), -ECONNRESET);
		return;
	}

	pid_t pid = fork();

	if (pid == 0)
		_exit(work_receive(i) < 0);

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void check_interrupted(void **state, enum pool_kind kind)
{
	struct err err = ERR_INIT;
	struct interrupted i = { 0 };

	NEED_ROOT();
	areas_begin(&i.a, state);

	struct pool *pool = areas_pool(&i.a, "one", kind);

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	areas_run(&i.a, pool, FROM, change_tree);
	assert_ok(stream_send(&i.s, pool, FROM, &err), &err);
	for (size_t n = 1; n <= 4; n++) {
		interrupt(&i, i.s.bytes.len * n / 4 - 1, true);
		assert_false(area_exists(pool, TO));
		assert_int_equal(areas_count(&i.a), 2);
		assert_ok(area_destroy(pool, TO, &err), &err);
		assert_int_equal(areas_count(&i.a), 1);
		interrupt(&i, i.s.bytes.len * n / 4 - 1, false);
		assert_int_equal(areas_count(&i.a), 1);
		interrupt(&i, i.s.bytes.len * n / 4 - 1, true);
		assert_ok(stream_take(&i.s, pool, TO, &err), &err);
		assert_int_equal(areas_count(&i.a), 2);
		assert_ok(area_destroy(pool, TO, &err), &err);
	}
	strbuf_free(&i.s.bytes);
	areas_drop_pool(&i.a, pool);
	areas_end(&i.a);
}

static void test_interrupted_btrfs(void **state)
{
	check_interrupted(state, POOL_BTRFS);
}

static void test_interrupted_dir(void **state)
{
	check_interrupted(state, POOL_DIR);
}

static void write_much(const char *path)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	_cleanup_free_ char *block = malloc(MIB);

	memset(block, 'x', MIB);
	for (int i = 0; i < 100; i++)
		assert_int_equal(fd_write_all(fd, block, MIB), 0);
}

/* The limit holds while it is received, with some room, and is as it was asked for in the end. */
static void test_limit(void **state)
{
	struct err err = ERR_INIT;
	struct area_stat st;
	struct areas a;
	struct stream s;

	NEED_ROOT();
	areas_begin(&a, state);

	struct pool *from = areas_pool(&a, "one", POOL_DIR), *to = areas_pool(&a, "two", POOL_BTRFS);
	_cleanup_free_ char *path = str_printf("%s/one/data/" FROM "/upper/big", a.pools_dir);

	assert_ok(area_create(from, FROM, 0, &err), &err);
	write_much(path);
	assert_ok(stream_send(&s, from, FROM, &err), &err);

	const struct area_source source = { .read = stream_read, .context = &s };

	assert_true(area_receive(to, FROM, 10 * MIB, &source, &err) < 0);
	assert_int_equal(err.exit, EXIT_NO_SPACE);
	assert_false(area_exists(to, FROM));
	s.at = 0;
	assert_ok(area_receive(to, FROM, 90 * MIB, &source, &err), &err);
	assert_ok(area_get_stat(to, FROM, &st, &err), &err);
	assert_int_equal(st.limit_bytes, 90 * MIB);
	s.at = 0;
	assert_true(area_receive(from, TO, 90 * MIB, &source, &err) < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	strbuf_free(&s.bytes);
	areas_drop_pool(&a, from);
	areas_drop_pool(&a, to);
	areas_end(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_btrfs_to_dir),    STORAGE_TEST(test_dir_to_btrfs),
		STORAGE_TEST(test_holes),	    STORAGE_TEST(test_deep),
		STORAGE_TEST(test_errors),	    STORAGE_TEST(test_interrupted_btrfs),
		STORAGE_TEST(test_interrupted_dir), STORAGE_TEST(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
