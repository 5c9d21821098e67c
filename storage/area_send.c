/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "storage/area_stream_priv.h"
#include "storage/pool_priv.h"
#include "storage/tree_priv.h"

/* Records are gathered: most are a few bytes. */
struct sender {
	const struct pool *pool;
	const struct area_sink *sink;
	uint8_t *buffer; /* STREAM_RECORD_MAX and a head */
	size_t used;
	uint64_t n_entries;
	struct err *err; /* of put_attr() */
};

#define BUFFER_BYTES (sizeof(struct stream_record_head) + STREAM_RECORD_MAX)

bool stream_has_attr(const char *name)
{
	static const char *const names[] = {
		"security.capability",	  "system.posix_acl_access",  "system.posix_acl_default",
		"trusted.overlay.opaque", "trusted.overlay.redirect",
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(name, names[i]) == 0)
			return true;
	}
	return str_has_prefix(name, "user.");
}

static int flush(struct sender *s, struct err *err)
{
	int r = s->used > 0 ? s->sink->write(s->sink->context, s->buffer, s->used, err) : 0;

	s->used = 0;
	return r < 0 ? r : 0;
}

/* The room for a record, whose payload the caller fills. NULL with the error in `err`. */
static uint8_t *add_record(struct sender *s, enum stream_record type, size_t len, struct err *err)
{
	struct stream_record_head head = { .type = htole32(type), .len = htole32((uint32_t)len) };
	uint8_t *at;

	if (s->used + sizeof(head) + len > BUFFER_BYTES && flush(s, err) < 0)
		return NULL;
	at = s->buffer + s->used;
	memcpy(at, &head, sizeof(head));
	s->used += sizeof(head) + len;
	return at + sizeof(head);
}

static int put_record(struct sender *s, enum stream_record type, const void *first, size_t n, const void *second, size_t m,
		      struct err *err)
{
	uint8_t *at = add_record(s, type, n + m, err);

	if (!at)
		return -err->code;
	memcpy(at, first, n);
	memcpy(at + n, second, m);
	return 0;
}

static int put_numbered(struct sender *s, enum stream_record type, uint64_t number, const void *rest, size_t len, struct err *err)
{
	uint64_t wire = htole64(number);

	return put_record(s, type, &wire, sizeof(wire), rest, len, err);
}

static int read_err(const struct sender *s, struct err *err, int code, const char *name)
{
	return pool_err(s->pool, err, code, "read '%s' of a private area", name);
}

static int put_attr(void *context, const char *name, const void *value, size_t len)
{
	struct sender *s = context;

	return stream_has_attr(name) ? put_record(s, STREAM_ATTR, name, strlen(name) + 1, value, len, s->err) : 0;
}

/* What comes after the contents, in the order of tree_set_owner(). */
static int put_rest(struct sender *s, const char *name, int fd, const struct stat *st, struct err *err)
{
	const struct stream_meta meta = {
		.mode = htole32(st->st_mode),
		.uid = htole32(st->st_uid),
		.gid = htole32(st->st_gid),
		.atime_ns = htole32((uint32_t)st->st_atim.tv_nsec),
		.mtime_ns = htole32((uint32_t)st->st_mtim.tv_nsec),
		.atime = (int64_t)htole64((uint64_t)st->st_atim.tv_sec),
		.mtime = (int64_t)htole64((uint64_t)st->st_mtim.tv_sec),
		.size = htole64(S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0),
	};
	struct err attr_err = ERR_INIT;
	int r = put_record(s, STREAM_META, &meta, sizeof(meta), "", 0, err);

	if (r < 0)
		return r;
	s->err = &attr_err;
	r = tree_each_attr(fd, put_attr, s);
	s->err = NULL;
	if (r < 0 && attr_err.code == 0)
		return read_err(s, err, -r, name);
	if (r < 0)
		*err = attr_err;
	return r < 0 ? r : put_record(s, STREAM_END, "", 0, "", 0, err);
}

static int begin(void *context, const char *name, struct err *err)
{
	struct sender *s = context;

	s->n_entries++;
	return put_record(s, STREAM_BEGIN, name, strlen(name), "", 0, err);
}

static int end(void *context, int fd, const struct stat *st, struct err *err)
{
	return put_rest(context, ".", fd, st, err);
}

/* One run of data, in pieces. */
static int put_run(struct sender *s, const char *name, int fd, uint64_t start, uint64_t end_of_run, struct err *err)
{
	while (start < end_of_run) {
		uint64_t left = end_of_run - start, wire = htole64(start);
		size_t n = left < STREAM_DATA_MAX ? (size_t)left : STREAM_DATA_MAX;
		uint8_t *at = add_record(s, STREAM_DATA, sizeof(wire) + n, err);

		if (!at)
			return -err->code;
		memcpy(at, &wire, sizeof(wire));
		for (size_t done = 0; done < n;) {
			ssize_t got = pread(fd, at + sizeof(wire) + done, n - done, (off_t)(start + done));

			if (got <= 0)
				return read_err(s, err, got < 0 ? errno : ESTALE, name);
			done += (size_t)got;
		}
		start += n;
	}
	return 0;
}

static int put_data(struct sender *s, const char *name, int fd, uint64_t size, struct err *err)
{
	uint64_t start = 0, end_of_run = 0;

	for (;;) {
		int r = tree_next_data(fd, end_of_run, size, &start, &end_of_run);

		if (r <= 0)
			return r < 0 ? read_err(s, err, -r, name) : 0;
		r = put_run(s, name, fd, start, end_of_run, err);
		if (r < 0)
			return r;
	}
}

static int put_link(struct sender *s, const char *name, int fd, const struct stat *st, uint64_t number, struct err *err)
{
	_cleanup_(strbuf_free) struct strbuf b = { 0 };
	_cleanup_free_ char *to = NULL;
	int r = tree_read_link(fd, st, &to);

	if (r < 0)
		return read_err(s, err, -r, name);
	strbuf_add_bytes(&b, name, strlen(name) + 1);
	strbuf_add(&b, to);
	return b.failed ? err_oom(err) : put_numbered(s, STREAM_LINK, number, b.data, b.len, err);
}

static int put_node(struct sender *s, const char *name, const struct stat *st, uint64_t number, struct err *err)
{
	struct {
		uint64_t number;
		uint32_t type;
	} __attribute__((packed)) wire = { htole64(number), htole32(st->st_mode & S_IFMT) };

	if (S_ISBLK(st->st_mode) || (S_ISCHR(st->st_mode) && st->st_rdev != 0))
		return err_set(
			err, EPERM,
			"pool '%s': '%s' of a private area is a device, which no guest can have made: remove it from there",
			s->pool->name, name);
	return put_record(s, STREAM_NODE, &wire, sizeof(wire), name, strlen(name), err);
}

static int file(void *context, const char *name, int fd, const struct stat *st, uint64_t number, struct err *err)
{
	struct sender *s = context;
	int r;

	s->n_entries++;
	if (S_ISREG(st->st_mode)) {
		r = put_numbered(s, STREAM_FILE, number, name, strlen(name), err);
		if (r == 0)
			r = put_data(s, name, fd, (uint64_t)st->st_size, err);
	} else if (S_ISLNK(st->st_mode)) {
		r = put_link(s, name, fd, st, number, err);
	} else {
		r = put_node(s, name, st, number, err);
	}
	return r < 0 ? r : put_rest(s, name, fd, st, err);
}

static int again(void *context, const char *name, uint64_t number, struct err *err)
{
	struct sender *s = context;

	s->n_entries++;
	return put_numbered(s, STREAM_AGAIN, number, name, strlen(name), err);
}

static int send_all(struct sender *s, int area_fd, struct err *err)
{
	static const struct tree_visitor visitor = { .begin = begin, .end = end, .file = file, .again = again };
	const struct stream_head head = { .magic = STREAM_MAGIC, .version = htole32(STREAM_VERSION) };
	struct tree_inodes inodes = { 0 };
	int r;

	memcpy(s->buffer, &head, sizeof(head));
	s->used = sizeof(head);
	r = tree_walk(area_fd, AREA_UPPER, &inodes, &visitor, s, err);
	tree_inodes_free(&inodes);
	if (r == 0)
		r = put_numbered(s, STREAM_DONE, s->n_entries, "", 0, err);
	return r < 0 ? r : flush(s, err);
}

int area_send(struct pool *pool, const char *id, const struct area_sink *sink, struct err *err)
{
	_cleanup_fd_ int area = area_open(pool, id, err);
	struct sender s = { .pool = pool, .sink = sink };
	int r;

	if (area < 0)
		return area;
	s.buffer = malloc(BUFFER_BYTES);
	if (!s.buffer)
		return err_oom(err);
	r = send_all(&s, area, err);
	free(s.buffer);
	return r;
}
