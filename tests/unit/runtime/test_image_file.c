/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "runtime/checkpoint/image_file.h"
#include "scratch.h"

/* The last byte of its number is 0. */
#define MAGIC 0x00333231
#define HEAD  "\x19\x43\x56\x54\x31\x32\x33\x00"

/* In memory of just that size, so that the sanitizer sees who reads on. */
static struct image_file image_of(const char *bytes, size_t len)
{
	struct image_file image = { .name = "some.img", .data = malloc(len), .len = len };

	assert_non_null(image.data);
	memcpy(image.data, bytes, len);
	image.rest = (struct pb_in){ .data = (unsigned char *)image.data, .len = len };
	return image;
}

#define IMAGE_OF(bytes) image_of(bytes, sizeof(bytes) - 1)

static void test_messages(void **state)
{
	_cleanup_(image_file_free) struct image_file image = IMAGE_OF("\x02\0\0\0ab\0\0\0\0\x01\0\0\0c");
	struct pb_in message;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(image_file_next(&image, &message, &err), 1);
	assert_int_equal(message.len, 2);
	assert_memory_equal(message.data, "ab", 2);
	assert_int_equal(image_file_next(&image, &message, &err), 1);
	assert_int_equal(message.len, 0);
	assert_int_equal(image_file_next(&image, &message, &err), 1);
	assert_int_equal(message.len, 1);
	assert_memory_equal(message.data, "c", 1);
	assert_int_equal(image_file_next(&image, &message, &err), 0);
}

static void check_refused(struct image_file image)
{
	_cleanup_(image_file_free) struct image_file freed = image;
	struct pb_in message;
	struct err err = ERR_INIT;

	assert_int_equal(image_file_next(&freed, &message, &err), -EBADMSG);
	assert_err_has(&err, "some.img");
}

static void test_lengths(void **state)
{
	(void)state;
	check_refused(IMAGE_OF("\x00"));
	check_refused(IMAGE_OF("\x00\x00\x00"));
	check_refused(IMAGE_OF("\x01\x00\x00\x00"));
	check_refused(IMAGE_OF("\x03\x00\x00\x00"
			       "ab"));
	check_refused(IMAGE_OF("\xff\xff\xff\xff"
			       "ab"));
}

static int read_as(int dir_fd, const char *bytes, size_t len, uint32_t magic)
{
	_cleanup_(image_file_free) struct image_file image = { 0 };
	struct err err = ERR_INIT;

	put_bytes(dir_fd, "some.img", bytes, len);
	return image_file_read(dir_fd, "some.img", magic, &image, &err);
}

static void test_heads(void **state)
{
	int fd = ((struct scratch *)*state)->fd;

	assert_int_equal(read_as(fd, HEAD, 8, MAGIC), 0);
	assert_int_equal(read_as(fd, HEAD, 8, MAGIC + 1), -EBADMSG);
	for (size_t len = 0; len < 8; len++)
		assert_int_equal(read_as(fd, HEAD, len, MAGIC), -EBADMSG);
	assert_int_equal(read_as(fd, "\x18\x43\x56\x54\x31\x32\x33", 8, MAGIC), -EBADMSG);
}

/* What is put is read again. */
static void test_put_and_replace(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	_cleanup_(image_file_free) struct image_file image = { 0 };
	_cleanup_(strbuf_free) struct strbuf built = { 0 }, failed = { 0 };
	unsigned char bytes[300] = { 0x0a, 0xa9, 0x02 };
	struct pb_out message = { .data = bytes, .len = sizeof(bytes) }, broken = { .failed = true };
	struct pb_in read;
	struct err err = ERR_INIT;

	strbuf_add_bytes(&built, HEAD, IMAGE_FILE_HEAD);
	image_file_put(&built, &message);
	assert_int_equal(image_file_replace(fd, "some.img", &built, &err), -ENOENT);
	put_file(fd, "some.img", "");
	strbuf_add_bytes(&built, HEAD, IMAGE_FILE_HEAD);
	image_file_put(&built, &message);
	assert_ok(image_file_replace(fd, "some.img", &built, &err), &err);
	assert_ok(image_file_read(fd, "some.img", MAGIC, &image, &err), &err);
	assert_int_equal(image_file_next(&image, &read, &err), 1);
	assert_int_equal(read.len, sizeof(bytes));
	assert_memory_equal(read.data, bytes, sizeof(bytes));
	assert_int_equal(image_file_next(&image, &read, &err), 0);

	image_file_put(&failed, &broken);
	assert_int_equal(image_file_replace(fd, "some.img", &failed, &err), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_lengths),
		SCRATCH_TEST(test_heads),
		SCRATCH_TEST(test_put_and_replace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
