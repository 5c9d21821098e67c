/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "storage/area_unit.h"

#include <endian.h>

#include "storage/area_stream_priv.h"

/* A stream in memory: what was sent, or what a test makes up record by record. */
struct stream {
	struct strbuf bytes;
	size_t at;
};

static inline _unused_ int stream_write(void *context, const void *data, size_t n, struct err *err)
{
	struct stream *s = context;

	strbuf_add_bytes(&s->bytes, data, n);
	return s->bytes.failed ? err_oom(err) : 0;
}

static inline _unused_ int stream_read(void *context, void *data, size_t n, struct err *err)
{
	struct stream *s = context;

	if (n > s->bytes.len - s->at)
		return err_set(err, ENODATA, "the stream has ended");
	memcpy(data, s->bytes.data + s->at, n);
	s->at += n;
	return 0;
}

static inline _unused_ int stream_send(struct stream *s, struct pool *pool, const char *id, struct err *err)
{
	const struct area_sink sink = { .write = stream_write, .context = s };

	*s = (struct stream){ 0 };
	return area_send(pool, id, &sink, err);
}

static inline _unused_ int stream_take(struct stream *s, struct pool *pool, const char *id, struct err *err)
{
	const struct area_source source = { .read = stream_read, .context = s };

	s->at = 0;
	*err = ERR_INIT;
	return area_receive(pool, id, 0, &source, err);
}

static inline _unused_ void put_head(struct stream *s, const char *magic, uint32_t version)
{
	struct stream_head head = { .version = htole32(version) };

	memcpy(head.magic, magic, sizeof(head.magic));
	strbuf_free(&s->bytes);
	strbuf_add_bytes(&s->bytes, (const char *)&head, sizeof(head));
}

static inline _unused_ void put_raw(struct stream *s, uint32_t type, uint32_t len, const void *payload, size_t n)
{
	struct stream_record_head head = { htole32(type), htole32(len) };

	strbuf_add_bytes(&s->bytes, (const char *)&head, sizeof(head));
	strbuf_add_bytes(&s->bytes, payload, n);
}

static inline _unused_ void put_bytes(struct stream *s, uint32_t type, const void *payload, size_t n)
{
	put_raw(s, type, (uint32_t)n, payload, n);
}

static inline _unused_ void put_text(struct stream *s, uint32_t type, const char *text)
{
	put_bytes(s, type, text, strlen(text));
}

/* FILE, AGAIN, DATA, and LINK, where `len` goes over the zero between name and target. */
static inline _unused_ void put_numbered(struct stream *s, uint32_t type, uint64_t number, const char *rest, size_t len)
{
	_cleanup_(strbuf_free) struct strbuf b = { 0 };
	uint64_t wire = htole64(number);

	strbuf_add_bytes(&b, (const char *)&wire, sizeof(wire));
	strbuf_add_bytes(&b, rest, len);
	put_bytes(s, type, b.data, b.len);
}

static inline _unused_ void put_node(struct stream *s, uint32_t mode, const char *name)
{
	_cleanup_(strbuf_free) struct strbuf b = { 0 };
	uint32_t wire = htole32(mode);

	strbuf_add_bytes(&b, (const char *)&wire, sizeof(wire));
	strbuf_add(&b, name);
	put_numbered(s, STREAM_NODE, 0, b.data, b.len);
}

static inline _unused_ struct stream_meta make_meta(uint32_t mode, uint64_t size)
{
	return (struct stream_meta){ .mode = htole32(mode), .size = htole64(size) };
}

static inline _unused_ void put_meta(struct stream *s, uint32_t mode, uint64_t size)
{
	struct stream_meta meta = make_meta(mode, size);

	put_bytes(s, STREAM_META, &meta, sizeof(meta));
}

static inline _unused_ void put_end(struct stream *s, uint32_t mode, uint64_t size)
{
	put_meta(s, mode, size);
	put_text(s, STREAM_END, "");
}

static inline _unused_ void put_done(struct stream *s, uint64_t n)
{
	uint64_t wire = htole64(n);

	put_bytes(s, STREAM_DONE, &wire, sizeof(wire));
}

/* The beginning of a good one. */
static inline _unused_ void put_begin(struct stream *s)
{
	put_head(s, STREAM_MAGIC, STREAM_VERSION);
	put_text(s, STREAM_BEGIN, "upper");
}
