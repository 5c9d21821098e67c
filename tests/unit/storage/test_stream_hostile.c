/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/stream_unit.h"

/* Streams that no area_send() has made. Each is refused, leaves nothing in the pool, and the world around it as it was. */

static void bad_magic(struct stream *s)
{
	put_head(s, "ctctl-XX", STREAM_VERSION);
}

static void bad_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_text(s, STREAM_BEGIN, "work");
}

static void file_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_numbered(s, STREAM_FILE, 0, "x", 1);
}

static void again_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_numbered(s, STREAM_AGAIN, 1, "x", 1);
}

static void meta_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_meta(s, S_IFDIR | 0755, 0);
}

static void end_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_text(s, STREAM_END, "");
}

static void attr_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_bytes(s, STREAM_ATTR, "user.x\0y", 8);
}

static void done_first(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_done(s, 0);
}

static void dotdot_folder(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_BEGIN, "..");
}

static void dot_folder(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_BEGIN, ".");
}

static void path_folder(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_BEGIN, "../../../out");
}

static void absolute_file(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "/tmp/out", 8);
}

static void dotdot_link(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "../out\0x", 8);
}

static void dotdot_again(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 1, "a", 1);
	put_end(s, S_IFREG | 0644, 0);
	put_numbered(s, STREAM_AGAIN, 1, "../out", 6);
}

static void zero_in_name(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a\0b", 3);
}

/* A folder of the name of a link: nothing is made where that leads. */
static void link_in_the_way(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "way\0/tmp", 8);
	put_end(s, S_IFLNK | 0777, 0);
	put_text(s, STREAM_BEGIN, "way");
}

static void file_over_link(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "way\0../../../../canary", 21);
	put_end(s, S_IFLNK | 0777, 0);
	put_numbered(s, STREAM_FILE, 0, "way", 3);
}

static void file_twice(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_end(s, S_IFREG | 0644, 0);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
}

static void number_twice(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 7, "a", 1);
	put_end(s, S_IFREG | 0644, 0);
	put_numbered(s, STREAM_FILE, 7, "b", 1);
	put_end(s, S_IFREG | 0644, 0);
}

static void unknown_number(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_AGAIN, 7, "a", 1);
}

static void number_zero(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_end(s, S_IFREG | 0644, 0);
	put_numbered(s, STREAM_AGAIN, 0, "b", 1);
}

static void link_to_nothing(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "abcd\0", 5);
}

static void link_without_target(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "abcd", 4);
}

static void link_with_zero(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "a\0b\0c", 5);
}

static void block_device(struct stream *s)
{
	put_begin(s);
	put_node(s, S_IFBLK, "sda");
}

static void node_with_mode(struct stream *s)
{
	put_begin(s);
	put_node(s, S_IFCHR | 0666, "null");
}

static void node_that_is_a_file(struct stream *s)
{
	put_begin(s);
	put_node(s, S_IFREG, "file");
}

static void node_that_is_a_folder(struct stream *s)
{
	put_begin(s);
	put_node(s, S_IFDIR, "folder");
}

static void put_piece(struct stream *s, uint64_t offset, const char *data)
{
	put_numbered(s, STREAM_DATA, offset, data, strlen(data));
}

static void data_in_folder(struct stream *s)
{
	put_begin(s);
	put_piece(s, 0, "data");
}

static void data_in_fifo(struct stream *s)
{
	put_begin(s);
	put_node(s, S_IFIFO, "fifo");
	put_piece(s, 0, "data");
}

static void data_backwards(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_piece(s, 100, "data");
	put_piece(s, 50, "data");
}

static void data_beyond(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_piece(s, (uint64_t)INT64_MAX - 1, "data");
}

static void data_at_minus_one(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_piece(s, UINT64_MAX, "data");
}

static void data_after_meta(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_meta(s, S_IFREG | 04755, 100);
	put_piece(s, 0, "data");
}

static void size_too_small(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_piece(s, 10, "data");
	put_meta(s, S_IFREG | 0644, 5);
}

static void size_too_large(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_meta(s, S_IFREG | 0644, 1ULL << 63);
}

static void size_of_folder(struct stream *s)
{
	put_begin(s);
	put_meta(s, S_IFDIR | 0755, 1);
}

static void other_type(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_meta(s, S_IFDIR | 0755, 0);
}

static void mode_too_large(struct stream *s)
{
	put_begin(s);
	put_meta(s, S_IFDIR | 0755 | 1U << 20, 0);
}

static void put_changed_meta(struct stream *s, void (*change)(struct stream_meta *))
{
	struct stream_meta meta = make_meta(S_IFDIR | 0755, 0);

	change(&meta);
	put_begin(s);
	put_bytes(s, STREAM_META, &meta, sizeof(meta));
}

static void no_user(struct stream_meta *meta)
{
	meta->uid = UINT32_MAX;
}

static void no_group(struct stream_meta *meta)
{
	meta->gid = UINT32_MAX;
}

static void long_second(struct stream_meta *meta)
{
	meta->mtime_ns = htole32(UTIME_NOW);
}

static void long_access(struct stream_meta *meta)
{
	meta->atime_ns = htole32(1000000000);
}

static void bad_user(struct stream *s)
{
	put_changed_meta(s, no_user);
}

static void bad_group(struct stream *s)
{
	put_changed_meta(s, no_group);
}

static void bad_time(struct stream *s)
{
	put_changed_meta(s, long_second);
}

static void bad_access_time(struct stream *s)
{
	put_changed_meta(s, long_access);
}

static void meta_twice(struct stream *s)
{
	put_begin(s);
	put_meta(s, S_IFDIR | 0755, 0);
	put_meta(s, S_IFDIR | 0755, 0);
}

static void file_after_meta(struct stream *s)
{
	put_begin(s);
	put_meta(s, S_IFDIR | 0755, 0);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
}

static void folder_in_file(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_text(s, STREAM_BEGIN, "b");
}

static void end_without_meta(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_END, "");
}

static void attr_without_meta(struct stream *s)
{
	put_begin(s);
	put_bytes(s, STREAM_ATTR, "user.x\0y", 8);
}

static void put_attr_of(struct stream *s, const char *attr, size_t len)
{
	put_begin(s);
	put_meta(s, S_IFDIR | 0755, 0);
	put_bytes(s, STREAM_ATTR, attr, len);
}

static void attr_of_host(struct stream *s)
{
	put_attr_of(s, "trusted.host\0y", 14);
}

static void attr_of_selinux(struct stream *s)
{
	put_attr_of(s, "security.selinux\0y", 18);
}

static void attr_of_index(struct stream *s)
{
	put_attr_of(s, "trusted.overlay.origin\0y", 24);
}

static void attr_without_value(struct stream *s)
{
	put_attr_of(s, "user.x", 6);
}

static void attr_without_name(struct stream *s)
{
	put_attr_of(s, "\0user.x", 7);
}

static void attr_of_link(struct stream *s)
{
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, "a\0b", 3);
	put_meta(s, S_IFLNK | 0777, 0);
	put_bytes(s, STREAM_ATTR, "user.x\0y", 8);
}

static void acl_that_is_none(struct stream *s)
{
	put_attr_of(s, "system.posix_acl_access\0\2\0\0\0nonsense", 36);
}

static void unknown_record(struct stream *s)
{
	put_begin(s);
	put_text(s, 11, "");
}

static void record_zero(struct stream *s)
{
	put_begin(s);
	put_text(s, 0, "");
}

static void huge_record_type(struct stream *s)
{
	put_begin(s);
	put_text(s, UINT32_MAX, "");
}

static void huge_length(struct stream *s)
{
	put_begin(s);
	put_raw(s, STREAM_DATA, UINT32_MAX, "", 0);
}

static void long_name(struct stream *s)
{
	char name[256];

	memset(name, 'n', sizeof(name));
	put_begin(s);
	put_bytes(s, STREAM_BEGIN, name, sizeof(name));
}

static void long_link_name(struct stream *s)
{
	char name[300];

	memset(name, 'n', sizeof(name));
	name[270] = '\0';
	put_begin(s);
	put_numbered(s, STREAM_LINK, 0, name, sizeof(name));
}

static void short_file(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_FILE, "short");
}

static void empty_name(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_BEGIN, "");
}

/* What is missing must not be taken from the record before. */
static void short_meta(struct stream *s)
{
	struct stream_meta meta = make_meta(S_IFDIR | 0755, 0);

	put_begin(s);
	put_numbered(s, STREAM_FILE, 0, "a", 1);
	put_end(s, S_IFREG | 0644, 0);
	put_bytes(s, STREAM_META, &meta, sizeof(meta) - 1);
}

static void second_upper(struct stream *s)
{
	put_begin(s);
	put_end(s, S_IFDIR | 0755, 0);
	put_text(s, STREAM_BEGIN, "upper2");
}

static void done_too_early(struct stream *s)
{
	put_begin(s);
	put_text(s, STREAM_BEGIN, "a");
	put_end(s, S_IFDIR | 0755, 0);
	put_done(s, 2);
}

static void wrong_count(struct stream *s)
{
	put_begin(s);
	put_end(s, S_IFDIR | 0755, 0);
	put_done(s, 2);
}

#define CASE(f)       \
	{             \
#f, f \
	}
static const struct {
	const char *name;
	void (*build)(struct stream *s);
} cases[] = {
	CASE(bad_magic),	 CASE(bad_first),	 CASE(file_first),	 CASE(again_first),
	CASE(meta_first),	 CASE(end_first),	 CASE(attr_first),	 CASE(done_first),
	CASE(dotdot_folder),	 CASE(dot_folder),	 CASE(path_folder),	 CASE(absolute_file),
	CASE(dotdot_link),	 CASE(dotdot_again),	 CASE(zero_in_name),	 CASE(link_in_the_way),
	CASE(file_over_link),	 CASE(file_twice),	 CASE(number_twice),	 CASE(unknown_number),
	CASE(number_zero),	 CASE(link_to_nothing),	 CASE(link_with_zero),	 CASE(link_without_target),
	CASE(block_device),	 CASE(node_with_mode),	 CASE(data_in_folder),	 CASE(node_that_is_a_file),
	CASE(data_in_fifo),	 CASE(data_backwards),	 CASE(data_beyond),	 CASE(node_that_is_a_folder),
	CASE(data_at_minus_one), CASE(data_after_meta),	 CASE(size_too_small),	 CASE(size_too_large),
	CASE(size_of_folder),	 CASE(other_type),	 CASE(mode_too_large),	 CASE(bad_user),
	CASE(bad_group),	 CASE(bad_time),	 CASE(bad_access_time),	 CASE(meta_twice),
	CASE(file_after_meta),	 CASE(folder_in_file),	 CASE(end_without_meta), CASE(attr_without_meta),
	CASE(attr_of_host),	 CASE(attr_of_selinux),	 CASE(attr_of_index),	 CASE(attr_without_value),
	CASE(attr_without_name), CASE(attr_of_link),	 CASE(acl_that_is_none), CASE(unknown_record),
	CASE(record_zero),	 CASE(huge_record_type), CASE(huge_length),	 CASE(long_name),
	CASE(long_link_name),	 CASE(short_file),	 CASE(empty_name),	 CASE(short_meta),
	CASE(second_upper),	 CASE(done_too_early),	 CASE(wrong_count),
};

static struct pool *hostile_begin(struct areas *a, void **state)
{
	areas_begin(a, state);
	make_file(a->scratch.fd, "canary", "sings", 0600, 0);
	return areas_pool(a, "one", POOL_DIR);
}

static void hostile_end(struct areas *a, struct pool *pool)
{
	_cleanup_free_ char *canary = NULL;
	struct stat st;

	assert_true(fd_read_file_at(a->scratch.fd, "canary", 100, &canary) >= 0);
	assert_string_equal(canary, "sings");
	assert_int_equal(fstatat(a->scratch.fd, "canary", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	areas_drop_pool(a, pool);
	areas_end(a);
}

static void test_each_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct stream s = { 0 };
	struct areas a;

	NEED_ROOT();

	struct pool *pool = hostile_begin(&a, state);

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cases[i].build(&s);

		/* By its last record: else the stream would only have ended too early (-ENODATA). */
		int r = stream_take(&s, pool, TO, &err);

		if (r != -EBADMSG || areas_count(&a) != 0)
			fail_msg("%s: %d: %s", cases[i].name, r, err.msg);
		assert_err_has(&err, "'one'");
	}
	strbuf_free(&s.bytes);
	hostile_end(&a, pool);
}

static void test_other_version(void **state)
{
	struct err err = ERR_INIT;
	struct stream s = { 0 };
	struct areas a;

	NEED_ROOT();

	struct pool *pool = hostile_begin(&a, state);

	put_head(&s, STREAM_MAGIC, 2);
	assert_true(stream_take(&s, pool, TO, &err) < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, "version 2");
	strbuf_free(&s.bytes);
	hostile_end(&a, pool);
}

/* The smallest that there is: what the cases above leave out is what is wrong with them. */
static void test_smallest(void **state)
{
	struct err err = ERR_INIT;
	struct stream s = { 0 };
	struct areas a;

	NEED_ROOT();

	struct pool *pool = hostile_begin(&a, state);

	put_begin(&s);
	put_numbered(&s, STREAM_FILE, 7, "a", 1);
	put_piece(&s, 50, "data");
	put_piece(&s, 100, "data");
	put_meta(&s, S_IFREG | 04755, 104);
	put_bytes(&s, STREAM_ATTR, "user.x\0y", 8);
	put_text(&s, STREAM_END, "");
	put_numbered(&s, STREAM_AGAIN, 7, "b", 1);
	put_node(&s, S_IFCHR, "whiteout");
	put_end(&s, S_IFCHR, 0);
	put_numbered(&s, STREAM_LINK, 0, "link\0/nowhere", 13);
	put_end(&s, S_IFLNK | 0777, 0);
	put_text(&s, STREAM_BEGIN, "folder");
	put_end(&s, S_IFDIR | 0711, 0);
	put_end(&s, S_IFDIR | 0755, 0);
	put_done(&s, 6);
	assert_ok(stream_take(&s, pool, TO, &err), &err);
	assert_int_equal(s.at, s.bytes.len);
	assert_int_equal(areas_count(&a), 1);
	strbuf_free(&s.bytes);
	hostile_end(&a, pool);
}

/* A whole stream of a guest's area, without data of holes. */
static void send_real(struct areas *a, struct pool *pool, struct stream *s)
{
	struct err err = ERR_INIT;

	assert_ok(area_create(pool, FROM, 0, &err), &err);
	areas_run(a, pool, FROM, change_tree);
	assert_ok(stream_send(s, pool, FROM, &err), &err);
	assert_ok(area_destroy(pool, FROM, &err), &err);
}

/* Cut anywhere, also between two records. */
static void test_truncated(void **state)
{
	struct err err = ERR_INIT;
	struct areas a;
	struct stream s;

	NEED_ROOT();

	struct pool *pool = hostile_begin(&a, state);

	send_real(&a, pool, &s);

	size_t whole = s.bytes.len, step = whole / 60 + 1;

	for (size_t at = 0; at < whole; at += at + step < whole ? step : whole - 1 - at ? whole - 1 - at : 1) {
		s.bytes.len = at;
		assert_int_equal(stream_take(&s, pool, TO, &err), -ENODATA);
		assert_int_equal(areas_count(&a), 0);
	}
	strbuf_free(&s.bytes);
	hostile_end(&a, pool);
}

/* A byte that is another one: an area or an error, and never anything else. */
static void test_changed(void **state)
{
	struct err err = ERR_INIT;
	struct areas a;
	struct stream s;
	uint32_t random = 1;

	NEED_ROOT();

	struct pool *pool = hostile_begin(&a, state);

	send_real(&a, pool, &s);
	for (int i = 0; i < 60; i++) {
		random = random * 1664525 + 1013904223;

		size_t at = random % s.bytes.len;
		char was = s.bytes.data[at];

		s.bytes.data[at] ^= (char)(1 << (random >> 29));

		int r = stream_take(&s, pool, TO, &err);

		assert_int_equal(areas_count(&a), r == 0);
		assert_ok(area_destroy(pool, TO, &err), &err);
		s.bytes.data[at] = was;
	}
	strbuf_free(&s.bytes);
	hostile_end(&a, pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_smallest),  STORAGE_TEST(test_each_is_refused), STORAGE_TEST(test_other_version),
		STORAGE_TEST(test_truncated), STORAGE_TEST(test_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
