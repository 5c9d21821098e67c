/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "base/str.h"
#include "runtime/checkpoint/mend_images.h"
#include "scratch.h"

/* What criu/include/magic.h has, as it lies in a file. */
#define HEAD_FILES "\x19\x43\x56\x54\x38\x31\x30\x56"
#define HEAD_MM	   "\x19\x43\x56\x54\x20\x28\x49\x57"
#define HEAD_REMAP "\x19\x43\x56\x54\x54\x39\x13\x59"

/* Flags as varints: O_PATH | O_NOFOLLOW | O_LARGEFILE, and O_RDONLY. */
#define BY_PATH	 "\x80\x80\x8a\x01"
#define TO_READ	 "\x00"
#define WRITABLE "\x82\x80\x02"

/* Ids in these are below 128: one byte. */
static void put_short(struct strbuf *image, const char *bytes, size_t len)
{
	char head[4] = { (char)len, 0, 0, 0 };

	strbuf_add_bytes(image, head, sizeof(head));
	strbuf_add_bytes(image, bytes, len);
}

/* {type: REG, id, reg: {id, flags, pos, fown, name, mnt_id, size, mode}, and a field 99 of 64 bits that nobody knows} */
static void put_reg(struct strbuf *image, char id, const char *flags, size_t flags_len, const char *name)
{
	char key[] = { 0x08, id, 0x10 }, rest[] = { 0x18, 0x00, 0x2a, 0x02, 0x08, 0x00, 0x32, (char)strlen(name) };
	char tail[] = { 0x38, 0x6b, 0x40, (char)0xb8, 0x17, 0x50, (char)0xed, (char)0x83, 0x02 };
	char unknown[] = { (char)0x99, 0x06, 1, 2, 3, 4, 5, 6, 7, 8 };
	size_t size = sizeof(key) + flags_len + sizeof(rest) + strlen(name) + sizeof(tail);
	char file[] = { 0x08, 0x01, 0x10, id, 0x1a, (char)size };
	struct strbuf message = { 0 };

	strbuf_add_bytes(&message, file, sizeof(file));
	strbuf_add_bytes(&message, key, sizeof(key));
	strbuf_add_bytes(&message, flags, flags_len);
	strbuf_add_bytes(&message, rest, sizeof(rest));
	strbuf_add(&message, name);
	strbuf_add_bytes(&message, tail, sizeof(tail));
	strbuf_add_bytes(&message, unknown, sizeof(unknown));
	put_short(image, message.data, message.len);
	strbuf_free(&message);
}

#define PUT_REG(image, id, flags, name) put_reg(image, id, flags, sizeof(flags) - 1, name)

/* {type: PIPE, id, pipe: {...}} */
static void put_pipe(struct strbuf *image, char id)
{
	char message[] = { 0x08, 0x02, 0x10, id, (char)0x8a, 0x01, 0x02, 0x08, id };

	put_short(image, message, sizeof(message));
}

/* {type: TIMERFD, id, tfd: {id, flags, fown, clockid, ticks, settime_flags, it_value, it_interval}} */
static void put_timer(struct strbuf *image, char id, char ticks, char value_ns, char interval_ns)
{
	char message[] = {
		0x08, 0x11, 0x10, id,	 0x62, 0x16, 0x08, id,	 0x10, 0x02,	 0x1a, 0x02, 0x08, 0x00,
		0x20, 0x01, 0x28, ticks, 0x30, 0x00, 0x38, 0x00, 0x40, value_ns, 0x48, 0x00, 0x50, interval_ns,
	};

	put_short(image, message, sizeof(message));
}

/* {mm_start_code, exe_file_id, a mapping, dumpable} */
static void save_mm(int dir_fd, const char *name, char exe)
{
	char message[] = { 0x08, (char)0x80, (char)0x80, 0x01, 0x60, exe, 0x72, 0x02, 0x08, 0x00, 0x78, 0x01 };
	struct strbuf image = { 0 };

	strbuf_add_bytes(&image, HEAD_MM, 8);
	put_short(&image, message, sizeof(message));
	put_bytes(dir_fd, name, image.data, image.len);
	strbuf_free(&image);
}

static void put_remap(struct strbuf *image, char orig, char remap)
{
	char message[] = { 0x08, orig, 0x10, remap, 0x18, 0x01 };

	put_short(image, message, sizeof(message));
}

static void save(int dir_fd, const char *name, struct strbuf *image)
{
	put_bytes(dir_fd, name, image->data, image->len);
	strbuf_free(image);
}

/* The file `name` is what was written as `like`. */
static void assert_same(int dir_fd, const char *name, const char *like)
{
	_cleanup_free_ char *is = NULL, *should = NULL;
	ssize_t len = fd_read_file_at(dir_fd, name, 1 << 20, &is), want = fd_read_file_at(dir_fd, like, 1 << 20, &should);

	assert_true(want > 0);
	assert_int_equal(len, want);
	assert_memory_equal(is, should, (size_t)len);
}

static mode_t mode(int dir_fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, 0), 0);
	return st.st_mode & 07777;
}

static ino_t inode(int dir_fd, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, 0), 0);
	return st.st_ino;
}

static void put_guest(struct strbuf *image)
{
	*image = (struct strbuf){ 0 };
	strbuf_add_bytes(image, HEAD_FILES, 8);
	PUT_REG(image, 5, TO_READ, "/usr/sbin/cron");
	PUT_REG(image, 7, BY_PATH, "/usr/lib/systemd/systemd-executor");
	put_pipe(image, 9);
	PUT_REG(image, 3, BY_PATH, "/etc");
	PUT_REG(image, 4, WRITABLE, "/var/log/journal");
}

/* Two users' (sd-pam), which run what their managers hold an O_PATH descriptor of, and one other process. */
static void save_guest(int dir_fd)
{
	struct strbuf files;

	put_guest(&files);
	save(dir_fd, "files.img", &files);
	save_mm(dir_fd, "mm-1.img", 5);
	save_mm(dir_fd, "mm-20.img", 7);
	save_mm(dir_fd, "mm-30.img", 7);
}

static void test_shared_executable(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct strbuf expected, remaps = { 0 };
	struct err err = ERR_INIT;

	save_guest(fd);
	strbuf_add_bytes(&remaps, HEAD_REMAP, 8);
	put_remap(&remaps, 4, 1);
	save(fd, "remap-fpath.img", &remaps);
	put_guest(&expected);
	PUT_REG(&expected, 10, TO_READ, "/usr/lib/systemd/systemd-executor");
	save(fd, "expected-files", &expected);
	save_mm(fd, "expected-mm", 10);
	save_mm(fd, "expected-other", 5);

	/* CRIU opens a process's as the user namespace's root. */
	assert_int_equal(fchmodat(fd, "mm-20.img", 0644, 0), 0);

	ino_t other = inode(fd, "mm-1.img"), mended = inode(fd, "mm-20.img"), deleted = inode(fd, "remap-fpath.img");

	assert_ok(checkpoint_mend_images(fd, &err), &err);
	assert_same(fd, "files.img", "expected-files");
	assert_same(fd, "mm-20.img", "expected-mm");
	assert_same(fd, "mm-30.img", "expected-mm");
	assert_same(fd, "mm-1.img", "expected-other");
	assert_int_equal(inode(fd, "mm-1.img"), other);
	assert_int_equal(inode(fd, "remap-fpath.img"), deleted);
	assert_int_not_equal(inode(fd, "mm-20.img"), mended);

	assert_int_equal(mode(fd, "mm-20.img"), 0644);
	assert_int_equal(mode(fd, "mm-30.img"), 0600);

	ino_t files = inode(fd, "files.img");

	assert_ok(checkpoint_mend_images(fd, &err), &err);
	assert_int_equal(inode(fd, "files.img"), files);
}

/* Two executables have two entries. */
static void test_two_executables(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct err err = ERR_INIT;

	save_guest(fd);
	save_mm(fd, "mm-30.img", 3);
	assert_ok(checkpoint_mend_images(fd, &err), &err);
	for (char exe = 10; exe <= 11; exe++) {
		save_mm(fd, "expected-mm", exe);
		_cleanup_free_ char *a = NULL, *b = NULL, *want = NULL;
		ssize_t len = fd_read_file_at(fd, "expected-mm", 4096, &want);

		assert_int_equal(fd_read_file_at(fd, "mm-20.img", 4096, &a), len);
		assert_int_equal(fd_read_file_at(fd, "mm-30.img", 4096, &b), len);
		assert_int_equal((memcmp(a, want, (size_t)len) == 0) + (memcmp(b, want, (size_t)len) == 0), 1);
	}
}

/* Its package was upgraded: the file has no name any more, and lies in an image of its own. */
static void test_deleted_executable(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct strbuf remaps = { 0 }, expected = { 0 };
	struct err err = ERR_INIT;

	save_guest(fd);
	strbuf_add_bytes(&remaps, HEAD_REMAP, 8);
	put_remap(&remaps, 4, 1);
	put_remap(&remaps, 7, 2);
	strbuf_add_bytes(&expected, remaps.data, remaps.len);
	put_remap(&expected, 10, 2);
	save(fd, "remap-fpath.img", &remaps);
	save(fd, "expected", &expected);
	assert_ok(checkpoint_mend_images(fd, &err), &err);
	assert_same(fd, "remap-fpath.img", "expected");
}

/* Only who is periodic, has expired, and was not read. */
static void test_spent_timer(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct strbuf files, expected;
	struct err err = ERR_INIT;

	put_guest(&files);
	put_guest(&expected);
	for (char spent = 0; spent <= 1; spent++) {
		struct strbuf *image = spent ? &files : &expected;

		put_timer(image, 20, 1, spent ? 0 : 1, 5);
		put_timer(image, 21, 1, 7, 5); /* runs, and its ticks were not read */
		put_timer(image, 22, 0, 0, 5); /* disarmed */
		put_timer(image, 23, 1, 0, 0); /* expires once */
	}
	save(fd, "files.img", &files);
	save(fd, "expected", &expected);
	assert_int_equal(checkpoint_mend_images(fd, &err), 0);
	assert_same(fd, "files.img", "expected");
}

static void test_nothing_to_mend(void **state)
{
	static const char *const names[] = { "files.img", "remap-fpath.img", "mm-1.img", "mm-20.img", "mm-30.img" };
	int fd = ((struct scratch *)*state)->fd;
	struct strbuf remaps = { 0 };
	struct err err = ERR_INIT;
	ino_t before[ARRAY_SIZE(names)];

	save_guest(fd);
	save_mm(fd, "mm-20.img", 5);
	save_mm(fd, "mm-30.img", 4);
	strbuf_add_bytes(&remaps, HEAD_REMAP, 8);
	put_remap(&remaps, 7, 2);
	save(fd, "remap-fpath.img", &remaps);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		before[i] = inode(fd, names[i]);
	assert_ok(checkpoint_mend_images(fd, &err), &err);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(inode(fd, names[i]), before[i]);
}

/* Of each image every beginning, but those that end where a message does. */
static void check_cut(int fd, const char *name, bool is_refused_empty)
{
	_cleanup_free_ char *data = NULL;
	ssize_t len = fd_read_file_at(fd, name, 4096, &data);
	size_t whole = 8;

	assert_true(len > 8);
	for (size_t cut = 0; cut < (size_t)len; cut++) {
		struct err err = ERR_INIT;

		save_guest(fd);
		put_bytes(fd, name, data, cut);
		if (cut == whole && !is_refused_empty) {
			whole += 4 + (size_t)data[whole];
			continue;
		}
		assert_int_equal(checkpoint_mend_images(fd, &err), -EBADMSG);
		assert_err_has(&err, name);
	}
	save_guest(fd);
	put_bytes(fd, name, data, (size_t)len);
}

static void test_cut(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct strbuf remaps = { 0 };

	save_guest(fd);
	check_cut(fd, "mm-20.img", true);
	check_cut(fd, "files.img", false);
	strbuf_add_bytes(&remaps, HEAD_REMAP, 8);
	put_remap(&remaps, 4, 1);
	save(fd, "remap-fpath.img", &remaps);
	check_cut(fd, "remap-fpath.img", false);
}

static void check_damaged(int fd, const char *name, const char *bytes, size_t len)
{
	struct err err = ERR_INIT;

	save_guest(fd);
	put_bytes(fd, name, bytes, len);
	assert_int_equal(checkpoint_mend_images(fd, &err), -EBADMSG);
	assert_err_has(&err, name);
}

#define CHECK_DAMAGED(fd, name, bytes) check_damaged(fd, name, bytes, sizeof(bytes) - 1)

static void test_damaged(void **state)
{
	int fd = ((struct scratch *)*state)->fd;

	/* Lengths: of a message, of a message in it. */
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x05\0\0\0\x08\x01\x10\x07");
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\xff\xff\xff\xff\x08\x01\x10\x07");
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x06\0\0\0\x08\x01\x10\x07\x1a\x05");
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x0a\0\0\0\x08\x01\x10\x07\x1a\xff\xff\xff\xff\x0f");
	CHECK_DAMAGED(fd, "mm-20.img", HEAD_MM "\x06\0\0\0\x60\x07\x72\xff\xff\x03");
	/* No id, one that is too large, one of another kind, no flags. */
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x02\0\0\0\x08\x01");
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x08\0\0\0\x08\x01\x10\x80\x80\x80\x80\x10");
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x05\0\0\0\x08\x01\x12\x01\x07");
	CHECK_DAMAGED(fd, "files.img", HEAD_FILES "\x08\0\0\0\x08\x01\x10\x07\x1a\x02\x08\x07");
	CHECK_DAMAGED(fd, "mm-20.img", HEAD_MM "\x02\0\0\0\x08\x01");
	/* Two messages where one belongs, another image's head. */
	CHECK_DAMAGED(fd, "mm-20.img", HEAD_MM "\x02\0\0\0\x60\x07\x02\0\0\0\x60\x07");
	CHECK_DAMAGED(fd, "mm-20.img", HEAD_FILES "\x02\0\0\0\x60\x07");
	CHECK_DAMAGED(fd, "files.img", "\x19\x43\x56\x55\x38\x31\x30\x56");
	CHECK_DAMAGED(fd, "remap-fpath.img", HEAD_REMAP "\x02\0\0\0\x10\x07");
}

/* There is no id left for the new entry. */
static void test_ids_at_their_end(void **state)
{
	static const char message[] = "\x08\x02\x10\xff\xff\xff\xff\x0f";
	int fd = ((struct scratch *)*state)->fd;
	struct strbuf files;
	struct err err = ERR_INIT;

	save_guest(fd);
	put_guest(&files);
	put_short(&files, message, sizeof(message) - 1);
	save(fd, "files.img", &files);
	assert_int_equal(checkpoint_mend_images(fd, &err), -EBADMSG);
}

static void test_without_images(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct err err = ERR_INIT;

	assert_int_equal(checkpoint_mend_images(fd, &err), -ENOENT);
	assert_err_has(&err, "files.img");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_shared_executable), SCRATCH_TEST(test_two_executables),  SCRATCH_TEST(test_deleted_executable),
		SCRATCH_TEST(test_spent_timer),	      SCRATCH_TEST(test_nothing_to_mend),  SCRATCH_TEST(test_cut),
		SCRATCH_TEST(test_damaged),	      SCRATCH_TEST(test_ids_at_their_end), SCRATCH_TEST(test_without_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
