/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/image_file.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"

/* Of all images: criu/include/magic.h. */
#define MAGIC_COMMON 0x54564319
/* Over a million open files; the guest's own memory limit has long refused that. */
#define SIZE_LIMIT (512UL << 20)

int image_file_damaged(const struct image_file *image, struct err *err)
{
	return err_set(err, EBADMSG, "CRIU's image '%s' is damaged: expected what CRIU 4 writes; save the guest again",
		       image->name);
}

static uint32_t read_number(const void *data)
{
	uint32_t le;

	memcpy(&le, data, sizeof(le));
	return le32toh(le);
}

int image_file_read(int images_fd, const char *name, uint32_t magic, struct image_file *ret, struct err *err)
{
	ssize_t len = fd_read_file_at(images_fd, name, SIZE_LIMIT, &ret->data);

	ret->name = name;
	if (len < 0)
		return err_sys(err, (int)-len, "read CRIU's image '%s'", name);
	ret->len = (size_t)len;
	if (ret->len < IMAGE_FILE_HEAD || read_number(ret->data) != MAGIC_COMMON || read_number(ret->data + 4) != magic)
		return image_file_damaged(ret, err);
	ret->rest = (struct pb_in){
		.data = (const unsigned char *)ret->data + IMAGE_FILE_HEAD,
		.len = ret->len - IMAGE_FILE_HEAD,
	};
	return 0;
}

int image_file_next(struct image_file *image, struct pb_in *ret, struct err *err)
{
	struct pb_in *rest = &image->rest;

	if (rest->len == 0)
		return 0;
	if (rest->len < sizeof(uint32_t))
		return image_file_damaged(image, err);
	*ret = (struct pb_in){ .data = rest->data + sizeof(uint32_t), .len = read_number(rest->data) };
	if (ret->len > rest->len - sizeof(uint32_t))
		return image_file_damaged(image, err);
	rest->data += sizeof(uint32_t) + ret->len;
	rest->len -= sizeof(uint32_t) + ret->len;
	return 1;
}

void image_file_put(struct strbuf *image, const struct pb_out *message)
{
	uint32_t le = htole32((uint32_t)message->len);

	strbuf_add_bytes(image, (const char *)&le, sizeof(le));
	if (message->len > 0)
		strbuf_add_bytes(image, (const char *)message->data, message->len);
	image->failed |= message->failed;
}

int image_file_replace(int images_fd, const char *name, struct strbuf *image, struct err *err)
{
	struct stat st;
	size_t len = image->len;
	_cleanup_free_ char *data = strbuf_take(image);

	if (!data)
		return err_oom(err);
	if (fstatat(images_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, errno, "look at CRIU's image '%s'", name);

	int r = fd_replace_file_at(images_fd, name, data, len, false, err);

	if (r == 0 && fchmodat(images_fd, name, st.st_mode & 07777, 0) < 0)
		r = err_sys(err, errno, "let CRIU read its image '%s'", name);
	return r;
}
