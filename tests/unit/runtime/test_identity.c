/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <stdlib.h>

#include "base/str.h"
#include "runtime/checkpoint/identity.h"
#include "runtime/checkpoint/image_file.h"
#include "runtime/checkpoint/protobuf.h"
#include "scratch.h"

/* What criu/include/magic.h has, as it lies in a file. */
#define HEAD_IDS    "\x19\x43\x56\x54\x30\x20\x43\x54"
#define HEAD_USERNS "\x19\x43\x56\x54\x06\x49\x47\x55"
#define HEAD_UTSNS  "\x19\x43\x56\x54\x03\x32\x47\x54"
#define HEAD_NETDEV "\x19\x43\x56\x54\x51\x39\x37\x57"

#define IDS_FROM 2122317824u
#define IDS_TO	 70000u * 16

static const uint8_t old_mac[6] = { 2, 0x11, 0x22, 0x33, 0x44, 0x55 };
static const uint8_t new_mac[6] = { 2, 0xaa, 0xbb, 0xcc, 0xdd, 0xee };

static void put(int dir_fd, const char *name, const char *head, const struct pb_out *messages, size_t n)
{
	struct strbuf image = { 0 };

	strbuf_add_bytes(&image, head, IMAGE_FILE_HEAD);
	for (size_t i = 0; i < n; i++)
		image_file_put(&image, &messages[i]);
	put_bytes(dir_fd, name, image.data, image.len);
	strbuf_free(&image);
}

static void put_extent(struct pb_out *map, unsigned int field, uint64_t first, uint64_t lower, uint64_t count)
{
	struct pb_out extent = PB_OUT_INIT;

	pb_put_varint(&extent, 1, first);
	pb_put_varint(&extent, 2, lower);
	pb_put_varint(&extent, 3, count);
	pb_put_message(map, field, &extent);
	free(extent.data);
}

static void put_userns(int dir_fd, uint64_t lower, uint64_t count)
{
	struct pb_out map = PB_OUT_INIT;

	put_extent(&map, 1, 0, lower, 1);
	put_extent(&map, 1, 1, lower + 1, count - 1);
	put_extent(&map, 2, 0, lower, count);
	put(dir_fd, "userns-15.img", HEAD_USERNS, &map, 1);
	free(map.data);
}

static void put_device(struct pb_out *message, const char *name, const uint8_t mac[6])
{
	*message = PB_OUT_INIT;
	pb_put_varint(message, 2, 7);
	pb_put_string(message, 5, name);
	if (mac)
		pb_put_bytes(message, 7, mac, 6);
	pb_put_varint(message, 99, 3);
}

/* Namespaces of the guest: net 10, uts 12, user 15. Another network namespace, 11, has an eth0, too. */
static void save_guest(int dir_fd)
{
	struct pb_out ids = PB_OUT_INIT, uts = PB_OUT_INIT, devices[3];

	for (unsigned int field = 1; field <= 12; field++)
		pb_put_varint(&ids, field, field == 6 ? 10 : field == 8 ? 12 : field == 10 ? 15 : 1);
	put(dir_fd, "ids-1.img", HEAD_IDS, &ids, 1);
	put_userns(dir_fd, IDS_FROM, 65536);
	pb_put_string(&uts, 1, "old");
	pb_put_string(&uts, 2, "(none)");
	put(dir_fd, "utsns-12.img", HEAD_UTSNS, &uts, 1);
	put_device(&devices[0], "lo", NULL);
	put_device(&devices[1], "eth0", old_mac);
	put_device(&devices[2], "tun0", old_mac);
	put(dir_fd, "netdev-10.img", HEAD_NETDEV, devices, 3);
	put(dir_fd, "netdev-11.img", HEAD_NETDEV, devices, 3);
	for (size_t i = 0; i < 3; i++)
		free(devices[i].data);
	free(ids.data);
	free(uts.data);
}

static int change(int dir_fd, struct err *err)
{
	static struct net_plans nets;
	const struct checkpoint_identity identity = {
		.ids_from = IDS_FROM,
		.ids_to = IDS_TO,
		.hostname = "a-longer-name",
		.nets = &nets,
	};

	nets.n = 1;
	strcpy(nets.list[0].guest_name, "eth0");
	memcpy(nets.list[0].mac, new_mac, sizeof(new_mac));
	return checkpoint_change_identity(dir_fd, &identity, err);
}

static size_t find(const char *text, size_t len, const void *what, size_t n)
{
	size_t found = 0;

	for (size_t i = 0; i + n <= len; i++)
		found += memcmp(text + i, what, n) == 0;
	return found;
}

static size_t count_in(int dir_fd, const char *name, const void *what, size_t n)
{
	_cleanup_free_ char *text = NULL;
	ssize_t len = fd_read_file_at(dir_fd, name, 1 << 20, &text);

	assert_true(len > 0);
	return find(text, (size_t)len, what, n);
}

/* The lower ends of the map's extents, as its image has them. */
static void assert_map(int dir_fd, const uint64_t *lower, size_t n)
{
	_cleanup_(image_file_free) struct image_file file = { 0 };
	struct err err = ERR_INIT;
	struct pb_in message;
	struct pb_field extent, field;
	size_t i = 0;

	assert_ok(image_file_read(dir_fd, "userns-15.img", 0x55474906, &file, &err), &err);
	assert_int_equal(image_file_next(&file, &message, &err), 1);
	while (pb_next(&message, &extent) > 0) {
		struct pb_in in = { .data = extent.data, .len = extent.len };

		while (pb_next(&in, &field) > 0) {
			if (field.number == 2) {
				assert_true(i < n);
				assert_int_equal(field.value, lower[i++]);
			}
		}
	}
	assert_int_equal(i, n);
}

static void test_change(void **state)
{
	static const uint64_t lower[] = { IDS_TO, IDS_TO + 1, IDS_TO };
	int fd = ((struct scratch *)*state)->fd;
	struct err err = ERR_INIT;
	struct stat before, after;

	save_guest(fd);
	assert_int_equal(fchmodat(fd, "userns-15.img", 0640, 0), 0);
	assert_int_equal(linkat(fd, "userns-15.img", fd, "shared", 0), 0);
	assert_int_equal(fstatat(fd, "shared", &before, 0), 0);
	assert_ok(change(fd, &err), &err);
	assert_map(fd, lower, ARRAY_SIZE(lower));
	assert_int_equal(count_in(fd, "utsns-12.img", "a-longer-name", 13), 1);
	assert_int_equal(count_in(fd, "utsns-12.img", "(none)", 6), 1);
	assert_int_equal(count_in(fd, "utsns-12.img", "old", 3), 0);
	/* eth0's, and no other device's. */
	assert_int_equal(count_in(fd, "netdev-10.img", new_mac, 6), 1);
	assert_int_equal(count_in(fd, "netdev-10.img", old_mac, 6), 1);
	assert_int_equal(count_in(fd, "netdev-11.img", new_mac, 6), 0);
	assert_int_equal(count_in(fd, "netdev-11.img", old_mac, 6), 2);

	/* What other checkpoints share is as it was. */
	assert_int_equal(fstatat(fd, "shared", &after, 0), 0);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_size, before.st_size);
	assert_int_equal(after.st_nlink, 1);
	assert_int_equal(fstatat(fd, "userns-15.img", &after, 0), 0);
	assert_int_equal(after.st_mode & 07777, 0640);
}

/* Ids that were not the guest's must not become another's. */
static void test_foreign_ids(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct err err = ERR_INIT;

	save_guest(fd);
	put_userns(fd, IDS_FROM - 1, 65536);
	assert_int_equal(change(fd, &err), -EBADMSG);
	assert_err_has(&err, "userns-15.img");
	put_userns(fd, IDS_FROM, 65537);
	assert_int_equal(change(fd, &err), -EBADMSG);
	put_userns(fd, IDS_FROM + 65536, 2);
	assert_int_equal(change(fd, &err), -EBADMSG);
	put_userns(fd, IDS_FROM, 65536);
	assert_ok(change(fd, &err), &err);
}

static void test_damaged(void **state)
{
	static const char *const images[] = { "ids-1.img", "userns-15.img", "utsns-12.img", "netdev-10.img" };
	int fd = ((struct scratch *)*state)->fd;

	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		_cleanup_free_ char *text = NULL;
		struct err err = ERR_INIT;
		ssize_t len;

		save_guest(fd);
		len = fd_read_file_at(fd, images[i], 1 << 20, &text);
		assert_true(len > 0);
		put_bytes(fd, images[i], text, (size_t)len - 1);
		assert_int_equal(change(fd, &err), -EBADMSG);
		assert_err_has(&err, images[i]);
		save_guest(fd);
		assert_int_equal(unlinkat(fd, images[i], 0), 0);
		err = ERR_INIT;
		assert_int_equal(change(fd, &err), -ENOENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_change),
		SCRATCH_TEST(test_foreign_ids),
		SCRATCH_TEST(test_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
