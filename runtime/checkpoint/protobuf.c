/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "runtime/checkpoint/protobuf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* 64 bits in groups of seven. */
#define VARINT_MAX 10

/* "The smallest field number you can specify is 1, and the largest is 536,870,911" (the guide). */
#define FIELD_MAX 536870911

#define ROOM_AT_FIRST 256

static void append(struct pb_out *out, const void *data, size_t len)
{
	if (out->failed || len == 0)
		return;
	if (len > out->room - out->len) {
		size_t room = out->room ? out->room : ROOM_AT_FIRST;

		while (room - out->len < len && room <= SIZE_MAX / 2)
			room *= 2;

		unsigned char *bigger = room - out->len < len ? NULL : realloc(out->data, room);

		if (!bigger) {
			out->failed = true;
			return;
		}
		out->data = bigger;
		out->room = room;
	}
	memcpy(out->data + out->len, data, len);
	out->len += len;
}

static void append_varint(struct pb_out *out, uint64_t value)
{
	unsigned char bytes[VARINT_MAX];
	size_t n = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[n++] = (unsigned char)(value | 0x80);
	bytes[n++] = (unsigned char)value;
	append(out, bytes, n);
}

static void append_key(struct pb_out *out, unsigned int field, enum pb_wire wire)
{
	append_varint(out, (uint64_t)field << 3 | wire);
}

void pb_put_varint(struct pb_out *out, unsigned int field, uint64_t value)
{
	append_key(out, field, PB_VARINT);
	append_varint(out, value);
}

void pb_put_int(struct pb_out *out, unsigned int field, int64_t value)
{
	pb_put_varint(out, field, (uint64_t)value);
}

void pb_put_bool(struct pb_out *out, unsigned int field, bool value)
{
	pb_put_varint(out, field, value);
}

void pb_put_bytes(struct pb_out *out, unsigned int field, const void *data, size_t len)
{
	append_key(out, field, PB_BYTES);
	append_varint(out, len);
	append(out, data, len);
}

void pb_put_string(struct pb_out *out, unsigned int field, const char *text)
{
	pb_put_bytes(out, field, text, strlen(text));
}

void pb_put_message(struct pb_out *out, unsigned int field, const struct pb_out *message)
{
	if (message->failed)
		out->failed = true;
	pb_put_bytes(out, field, message->data, message->len);
}

void pb_put_field(struct pb_out *out, const struct pb_field *field)
{
	append(out, field->start, field->size);
}

static int take_varint(struct pb_in *in, uint64_t *ret)
{
	uint64_t value = 0;

	for (size_t i = 0; i < in->len && i < VARINT_MAX; i++) {
		unsigned char byte = in->data[i];

		/* Of the last one only the lowest bit has room. */
		if (i == VARINT_MAX - 1 && byte > 1)
			return -EBADMSG;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			in->data += i + 1;
			in->len -= i + 1;
			*ret = value;
			return 0;
		}
	}
	return -EBADMSG;
}

static int take_bytes(struct pb_in *in, size_t len, const unsigned char **ret)
{
	if (len > in->len)
		return -EBADMSG;
	*ret = in->data;
	in->data += len;
	in->len -= len;
	return 0;
}

/* Little-endian, `size` bytes. */
static int take_fixed(struct pb_in *in, size_t size, uint64_t *ret)
{
	const unsigned char *bytes;
	int r = take_bytes(in, size, &bytes);

	*ret = 0;
	for (size_t i = 0; r == 0 && i < size; i++)
		*ret |= (uint64_t)bytes[i] << (8 * i);
	return r;
}

static int take_value(struct pb_in *in, struct pb_field *field)
{
	uint64_t len;
	int r;

	switch (field->wire) {
	case PB_VARINT:
		return take_varint(in, &field->value);
	case PB_FIXED64:
		return take_fixed(in, sizeof(uint64_t), &field->value);
	case PB_FIXED32:
		return take_fixed(in, sizeof(uint32_t), &field->value);
	case PB_BYTES:
		r = take_varint(in, &len);
		if (r < 0 || len > in->len)
			return -EBADMSG;
		field->len = (size_t)len;
		return take_bytes(in, field->len, &field->data);
	}
	return -EBADMSG; /* groups, and what never was */
}

int pb_next(struct pb_in *in, struct pb_field *ret)
{
	struct pb_in rest = *in;
	uint64_t key;

	if (in->len == 0)
		return 0;
	if (take_varint(&rest, &key) < 0 || key >> 3 == 0 || key >> 3 > FIELD_MAX)
		return -EBADMSG;
	*ret = (struct pb_field){ .number = (unsigned int)(key >> 3), .wire = (enum pb_wire)(key & 7), .start = in->data };

	int r = take_value(&rest, ret);

	if (r < 0)
		return r;
	ret->size = in->len - rest.len;
	*in = rest;
	return 1;
}
