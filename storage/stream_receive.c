/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "base/str.h"
#include "storage/area_stream_priv.h"
#include "storage/pool_priv.h"
#include "storage/tree_priv.h"

struct receiver {
	struct pool *pool;
	const struct area_source *source;
	struct tree_target target;
	uint8_t *payload; /* STREAM_RECORD_MAX, and a zero */
	size_t len;
	uint64_t n_entries;
	bool is_complete; /* `upper` has ended */

	/* What was begun last and has not ended: a file, or the folder that we are in. */
	int file_fd;	 /* -EBADF: the folder */
	mode_t type;	 /* of the file */
	char name[256];	 /* of the file, */
	uint64_t number; /* and its number */
	uint64_t end;	 /* of the data so far */
	bool has_meta;	 /* its META was there */
	struct tree_meta meta;
};

static int refuse(const struct receiver *r, struct err *err, const char *what)
{
	return err_set(err, EBADMSG, "pool '%s': the received private area is damaged or forged: %s", r->pool->name, what);
}

static int write_err(const struct receiver *r, struct err *err, int code, const char *name)
{
	if (code == EINVAL || code == EEXIST || code == ENOENT || code == EMLINK || code == EPERM)
		return err_set(err, EBADMSG,
			       "pool '%s': the received private area is damaged or forged: '%s' cannot be made (%s)",
			       r->pool->name, name, strerrordesc_np(code));
	return pool_err(r->pool, err, code, "write '%s' of a received private area", name);
}

/* The rest of the payload from `at` on, as a name; NULL if it is none. What it names is below a folder, and in no other place. */
static const char *name_at(const struct receiver *r, size_t at)
{
	const char *name = (const char *)r->payload + at;

	return at < r->len && !memchr(name, '\0', r->len - at) && tree_is_name(name) ? name : NULL;
}

static uint64_t number_at(const struct receiver *r, size_t at)
{
	uint64_t wire;

	memcpy(&wire, r->payload + at, sizeof(wire));
	return le64toh(wire);
}

/* Something comes into the folder that we are in. */
static int check_may_add(struct receiver *r, struct err *err)
{
	if (r->file_fd >= 0 || r->has_meta)
		return refuse(r, err, "something begins in a file, or in a folder that has ended");
	if (r->target.place.depth == 0)
		return refuse(r, err, "something begins outside of its folder");
	r->n_entries++;
	return 0;
}

static int on_BEGIN(struct receiver *r, struct err *err)
{
	const char *name = name_at(r, 0);
	bool is_first = r->target.place.depth == 0 && !r->is_complete && r->file_fd < 0;
	int code;

	if (!name)
		return refuse(r, err, "a folder's name is none");
	if (is_first && strcmp(name, AREA_UPPER) != 0)
		return refuse(r, err, "it does not begin with '" AREA_UPPER "'");
	code = is_first ? 0 : check_may_add(r, err);
	if (code < 0)
		return code;
	r->n_entries += is_first;
	code = tree_target_enter(&r->target, name);
	return code < 0 ? write_err(r, err, -code, name) : 0;
}

static int begin_file(struct receiver *r, mode_t type, uint64_t number, const char *name, const char *link_to, struct err *err)
{
	int code = name && str_copy(r->name, sizeof(r->name), name) == 0 ? check_may_add(r, err)
									 : refuse(r, err, "a file's name is none");

	if (code < 0)
		return code;
	code = tree_target_make(&r->target, name, type, 0, link_to);
	if (code < 0)
		return write_err(r, err, -code, name);
	r->file_fd = code;
	r->type = type;
	r->number = number;
	r->end = 0;
	return 0;
}

static int on_FILE(struct receiver *r, struct err *err)
{
	return begin_file(r, S_IFREG, number_at(r, 0), name_at(r, 8), NULL, err);
}

static int on_LINK(struct receiver *r, struct err *err)
{
	const char *name = (const char *)r->payload + 8;
	size_t name_len = strnlen(name, r->len - 8);
	const char *to = name + name_len + 1;

	/* The target is whatever the guest wrote: nobody follows it here. */
	if (8 + name_len + 1 >= r->len || strlen(to) != r->len - 8 - name_len - 1 || !tree_is_name(name))
		return refuse(r, err, "a symbolic link has no name or leads nowhere");
	return begin_file(r, S_IFLNK, number_at(r, 0), name, to, err);
}

static int on_NODE(struct receiver *r, struct err *err)
{
	uint32_t wire;

	memcpy(&wire, r->payload + 8, sizeof(wire));

	mode_t type = le32toh(wire);

	if (type != S_IFIFO && type != S_IFSOCK && type != S_IFCHR)
		return refuse(r, err, "a file is of a type that no guest can make");
	return begin_file(r, type, number_at(r, 0), name_at(r, 12), NULL, err);
}

static int on_DATA(struct receiver *r, struct err *err)
{
	uint64_t offset = number_at(r, 0);
	size_t n = r->len - 8;

	if (r->file_fd < 0 || r->type != S_IFREG || r->has_meta)
		return refuse(r, err, "data outside of a file");
	if (offset < r->end || offset > (uint64_t)INT64_MAX - n)
		return refuse(r, err, "data at a place where none can be");
	for (size_t done = 0; done < n;) {
		ssize_t put = pwrite(r->file_fd, r->payload + 8 + done, n - done, (off_t)(offset + done));

		if (put < 0)
			return write_err(r, err, errno, r->name);
		done += (size_t)put;
	}
	r->end = offset + n;
	return 0;
}

/* The descriptor of what was begun last. */
static int current_fd(const struct receiver *r)
{
	return r->file_fd >= 0 ? r->file_fd : r->target.place.fd;
}

static const char *current_name(const struct receiver *r)
{
	return r->file_fd >= 0 ? r->name : "a folder";
}

static int on_META(struct receiver *r, struct err *err)
{
	mode_t type = r->file_fd >= 0 ? r->type : S_IFDIR;
	struct stream_meta wire;
	uint64_t size;
	int code;

	memcpy(&wire, r->payload, sizeof(wire));
	size = le64toh(wire.size);
	r->meta = (struct tree_meta){
		.mode = le32toh(wire.mode),
		.uid = le32toh(wire.uid),
		.gid = le32toh(wire.gid),
		.atime = { (time_t)le64toh((uint64_t)wire.atime), le32toh(wire.atime_ns) },
		.mtime = { (time_t)le64toh((uint64_t)wire.mtime), le32toh(wire.mtime_ns) },
	};
	if (r->has_meta || (r->file_fd < 0 && r->target.place.depth == 0))
		return refuse(r, err, "an owner of nothing");
	/* -1 is no id but "leave it", and so is a fraction of a second that is none "now". */
	if ((r->meta.mode & S_IFMT) != type || r->meta.mode & ~(S_IFMT | 07777U) || r->meta.uid == UINT32_MAX ||
	    r->meta.gid == UINT32_MAX || r->meta.atime.tv_nsec > 999999999 || r->meta.mtime.tv_nsec > 999999999)
		return refuse(r, err, "an owner, a mode or a time that cannot be");
	if (size < r->end || size > INT64_MAX || (type != S_IFREG && size > 0))
		return refuse(r, err, "a size that cannot be");
	r->has_meta = true;
	if (type == S_IFREG && size > r->end && ftruncate(r->file_fd, (off_t)size) < 0)
		return write_err(r, err, errno, r->name);
	code = tree_set_owner(current_fd(r), &r->meta);
	return code < 0 ? write_err(r, err, -code, current_name(r)) : 0;
}

static int on_ATTR(struct receiver *r, struct err *err)
{
	const char *name = (const char *)r->payload;
	size_t name_len = strnlen(name, r->len);
	int code;

	if (!r->has_meta || name_len == r->len || name_len > 255 || !stream_has_attr(name))
		return refuse(r, err, "an extended attribute of nothing, or of a kind that no guest has");
	code = tree_set_attr(current_fd(r), name, name + name_len + 1, r->len - name_len - 1);
	if (code == 0)
		return 0;
	return code == -ENOSPC || code == -E2BIG || code == -EOPNOTSUPP
		       ? err_exit(err, EXIT_UNSUPPORTED, -code,
				  "pool '%s': its file system cannot keep the extended attribute '%s' of '%s': use another pool",
				  r->pool->name, name, current_name(r))
		       : write_err(r, err, -code, current_name(r));
}

static int end_file(struct receiver *r)
{
	int code = r->number > 0 ? tree_target_keep(&r->target, r->name, r->number) : 0;

	close(r->file_fd);
	r->file_fd = -EBADF;
	return code;
}

static int end_folder(struct receiver *r)
{
	r->is_complete = r->target.place.depth == 1;
	return tree_place_leave(&r->target.place);
}

static int on_END(struct receiver *r, struct err *err)
{
	int code;

	if (!r->has_meta)
		return refuse(r, err, "something ends that has no owner");
	code = tree_set_rest(current_fd(r), &r->meta);
	if (code == 0)
		code = r->file_fd >= 0 ? end_file(r) : end_folder(r);
	r->has_meta = false;
	r->end = 0;
	return code < 0 ? write_err(r, err, -code, current_name(r)) : 0;
}

static int on_AGAIN(struct receiver *r, struct err *err)
{
	const char *name = name_at(r, 8);
	int code = name ? check_may_add(r, err) : refuse(r, err, "one more name is none");

	if (code < 0)
		return code;
	code = tree_target_again(&r->target, name, number_at(r, 0));
	return code < 0 ? write_err(r, err, -code, name) : 0;
}

static int on_DONE(struct receiver *r, struct err *err)
{
	if (!r->is_complete)
		return refuse(r, err, "it ends in the middle");
	return number_at(r, 0) != r->n_entries ? refuse(r, err, "files are missing") : 1;
}

static const struct {
	size_t least, most;
	int (*take)(struct receiver *r, struct err *err);
} records[] = {
#define X(name, number, least, most) [number] = { least, most, on_##name },
	STREAM_RECORDS(X)
#undef X
};

/* One record. 1: the last. */
static int take_record(struct receiver *r, struct err *err)
{
	struct stream_record_head head;
	int code = r->source->read(r->source->context, &head, sizeof(head), err);
	uint32_t type = le32toh(head.type);

	if (code < 0)
		return code;
	r->len = le32toh(head.len);
	if (type >= ARRAY_SIZE(records) || !records[type].take)
		return refuse(r, err, "a record of an unknown type");
	if (r->len < records[type].least || r->len > records[type].most)
		return refuse(r, err, "a record of a length that cannot be");
	code = r->len > 0 ? r->source->read(r->source->context, r->payload, r->len, err) : 0;
	if (code < 0)
		return code;
	r->payload[r->len] = '\0';
	return records[type].take(r, err);
}

static int take_head(struct receiver *r, struct err *err)
{
	struct stream_head head;
	int code = r->source->read(r->source->context, &head, sizeof(head), err);

	if (code < 0)
		return code;
	if (memcmp(head.magic, STREAM_MAGIC, sizeof(head.magic)) != 0)
		return refuse(r, err, "it does not begin as one");
	if (le32toh(head.version) != STREAM_VERSION)
		return err_exit(
			err, EXIT_UNSUPPORTED, EPROTONOSUPPORT,
			"the received private area is in version %u of its form, and this ctctl knows version %d: install the "
			"same version of ctctl on both hosts",
			le32toh(head.version), STREAM_VERSION);
	return 0;
}

/* Empty: its index would be of another host. */
static int make_work(int area_fd, struct err *err)
{
	if (mkdirat(area_fd, AREA_WORK, 0755) < 0 || fchmodat(area_fd, AREA_WORK, 0755, 0) < 0)
		return err_sys(err, errno, "create the folder '%s' of an area", AREA_WORK);
	return 0;
}

static int take_all(struct receiver *r, int area_fd, struct err *err)
{
	int code = take_head(r, err);

	if (code == 0)
		code = make_work(area_fd, err);
	while (code == 0)
		code = take_record(r, err);
	return code < 0 ? code : tree_target_finish(&r->target, area_fd, err);
}

int stream_receive(struct pool *pool, int area_fd, const struct area_source *source, struct err *err)
{
	struct receiver r = { .pool = pool, .source = source, .file_fd = -EBADF };
	int code = tree_target_begin(&r.target, area_fd, err);

	r.payload = malloc(STREAM_RECORD_MAX + 1);
	if (code == 0)
		code = r.payload ? take_all(&r, area_fd, err) : err_oom(err);
	cleanup_fd(&r.file_fd);
	free(r.payload);
	tree_target_free(&r.target);
	if (code == 0 && syncfs(area_fd) < 0)
		return pool_err(pool, err, errno, "put a received private area on the disk");
	return code;
}
