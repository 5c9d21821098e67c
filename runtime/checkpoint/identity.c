/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/identity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "runtime/checkpoint/image_file.h"
#include "runtime/checkpoint/mend_priv.h"
#include "runtime/checkpoint/protobuf.h"
#include "runtime/node.h"

/* criu/include/magic.h. */
#define MAGIC_IDS    0x54432030
#define MAGIC_USERNS 0x55474906
#define MAGIC_UTSNS  0x54473203
#define MAGIC_NETDEV 0x57373951

/* Fields: images/core.proto (task_kobj_ids_entry), userns.proto, utsns.proto, netdev.proto. */
enum {
	IDS_NET_NS = 6,
	IDS_UTS_NS = 8,
	IDS_USER_NS = 10,
	USERNS_UID_MAP = 1,
	USERNS_GID_MAP = 2,
	EXTENT_LOWER_FIRST = 2,
	EXTENT_COUNT = 3,
	UTSNS_NODENAME = 1,
	NETDEV_NAME = 5,
	NETDEV_ADDRESS = 7,
};

/* The guest's init, whose namespaces are the guest's own. */
#define IDS_OF_INIT "ids-1.img"

DEFINE_CLEANUP(struct pb_out, cleanup_pb_out, free(p->data))

/* What becomes of a message: it is written to `out`. */
typedef int (*change_fn)(const struct checkpoint_identity *identity, struct pb_in message, struct pb_out *out);

static int change_extent(const struct checkpoint_identity *identity, const struct pb_field *extent, unsigned int number,
			 struct pb_out *out)
{
	_cleanup_(cleanup_pb_out) struct pb_out changed = PB_OUT_INIT;
	struct pb_in message = { .data = extent->data, .len = extent->len };
	struct pb_field first, count;

	if (extent->wire != PB_BYTES || mend_find_field(message, EXTENT_LOWER_FIRST, PB_VARINT, &first) <= 0 ||
	    mend_find_field(message, EXTENT_COUNT, PB_VARINT, &count) <= 0)
		return -EBADMSG;

	uint64_t offset = first.value - identity->ids_from;

	/* Whoever is mapped to others' ids must not be moved to yet others'. */
	if (first.value < identity->ids_from || offset >= NODE_IDS_PER_GUEST || count.value > NODE_IDS_PER_GUEST - offset)
		return -EBADMSG;

	struct mend_change change = { .number = EXTENT_LOWER_FIRST, .value = identity->ids_to + offset };
	int r = mend_copy_changed(message, &change, 1, &changed);

	pb_put_message(out, number, &changed);
	return r;
}

static int change_userns(const struct checkpoint_identity *identity, struct pb_in message, struct pb_out *out)
{
	struct pb_field field;
	int r;

	while ((r = pb_next(&message, &field)) > 0) {
		if (field.number != USERNS_UID_MAP && field.number != USERNS_GID_MAP)
			pb_put_field(out, &field);
		else if (change_extent(identity, &field, field.number, out) < 0)
			return -EBADMSG;
	}
	return r;
}

/* The message with one of its texts in place of what it had. */
static int put_with_bytes(struct pb_in message, unsigned int number, const void *data, size_t len, struct pb_out *out)
{
	struct pb_field field;
	int r;

	while ((r = pb_next(&message, &field)) > 0) {
		if (field.number != number)
			pb_put_field(out, &field);
	}
	pb_put_bytes(out, number, data, len);
	return r;
}

static int change_utsns(const struct checkpoint_identity *identity, struct pb_in message, struct pb_out *out)
{
	return put_with_bytes(message, UTSNS_NODENAME, identity->hostname, strlen(identity->hostname), out);
}

static const struct net_plan *find_plan(const struct net_plans *nets, const struct pb_field *name)
{
	for (size_t i = 0; i < nets->n; i++) {
		const char *known = nets->list[i].guest_name;

		if (strlen(known) == name->len && memcmp(known, name->data, name->len) == 0)
			return &nets->list[i];
	}
	return NULL;
}

/* A device that ctctl did not give it, such as a tunnel of its own, stays as it is. */
static int change_netdev(const struct checkpoint_identity *identity, struct pb_in message, struct pb_out *out)
{
	struct pb_field name, field;
	const struct net_plan *plan;
	int r;

	if (mend_find_field(message, NETDEV_NAME, PB_BYTES, &name) <= 0)
		return -EBADMSG;
	plan = find_plan(identity->nets, &name);
	if (plan)
		return put_with_bytes(message, NETDEV_ADDRESS, plan->mac, sizeof(plan->mac), out);
	while ((r = pb_next(&message, &field)) > 0)
		pb_put_field(out, &field);
	return r;
}

static int change_messages(struct image_file *file, const struct checkpoint_identity *identity, change_fn change,
			   struct strbuf *image, struct err *err)
{
	struct pb_in message;
	int r;

	strbuf_add_bytes(image, file->data, IMAGE_FILE_HEAD);
	while ((r = image_file_next(file, &message, err)) > 0) {
		_cleanup_(cleanup_pb_out) struct pb_out out = PB_OUT_INIT;

		if (change(identity, message, &out) < 0)
			return image_file_damaged(file, err);
		image_file_put(image, &out);
	}
	return r;
}

/* The image "KIND-ID.img". */
static int change_image(int images_fd, const char *kind, uint64_t id, uint32_t magic, const struct checkpoint_identity *identity,
			change_fn change, struct err *err)
{
	_cleanup_(image_file_free) struct image_file file = { 0 };
	_cleanup_(strbuf_free) struct strbuf image = { 0 };
	_cleanup_free_ char *name = str_printf("%s-%" PRIu64 ".img", kind, id);
	int r = name ? image_file_read(images_fd, name, magic, &file, err) : err_oom(err);

	if (r == 0)
		r = change_messages(&file, identity, change, &image, err);
	return r < 0 ? r : image_file_replace(images_fd, name, &image, err);
}

struct namespaces {
	uint64_t net;
	uint64_t uts;
	uint64_t user;
};

static int find_namespaces(int images_fd, struct namespaces *ret, struct err *err)
{
	_cleanup_(image_file_free) struct image_file file = { 0 };
	struct pb_field net, uts, user;
	struct pb_in message = { .data = NULL };
	int r = image_file_read(images_fd, IDS_OF_INIT, MAGIC_IDS, &file, err);

	if (r == 0)
		r = image_file_next(&file, &message, err);
	if (r < 0)
		return r;
	if (r == 0 || mend_find_field(message, IDS_NET_NS, PB_VARINT, &net) <= 0 ||
	    mend_find_field(message, IDS_UTS_NS, PB_VARINT, &uts) <= 0 ||
	    mend_find_field(message, IDS_USER_NS, PB_VARINT, &user) <= 0)
		return image_file_damaged(&file, err);
	*ret = (struct namespaces){ .net = net.value, .uts = uts.value, .user = user.value };
	return 0;
}

int checkpoint_change_identity(int images_fd, const struct checkpoint_identity *identity, struct err *err)
{
	struct namespaces of = { 0 };
	int r = find_namespaces(images_fd, &of, err);

	if (r == 0)
		r = change_image(images_fd, "userns", of.user, MAGIC_USERNS, identity, change_userns, err);
	if (r == 0)
		r = change_image(images_fd, "utsns", of.uts, MAGIC_UTSNS, identity, change_utsns, err);
	if (r == 0)
		r = change_image(images_fd, "netdev", of.net, MAGIC_NETDEV, identity, change_netdev, err);
	return r;
}
