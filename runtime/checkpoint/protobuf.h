/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The wire format of protocol buffers (protobuf.dev/programming-guides/encoding), as far as CRIU's requests and images need it:
 * fields of varints, of 32 and 64 bits, and of bytes, without descriptions of messages. What is written is built in memory; what
 * is read stays where it is.
 */

/* A message that is being written. After a put that found no memory, `failed` is set and later ones do nothing. */
struct pb_out {
	unsigned char *data; /* the caller frees */
	size_t len;
	size_t room;
	bool failed;
};
#define PB_OUT_INIT ((struct pb_out){ .data = NULL })

void pb_put_varint(struct pb_out *out, unsigned int field, uint64_t value);
/* int32 and int64 of .proto: negative ones have ten bytes. */
void pb_put_int(struct pb_out *out, unsigned int field, int64_t value);
void pb_put_bool(struct pb_out *out, unsigned int field, bool value);
void pb_put_bytes(struct pb_out *out, unsigned int field, const void *data, size_t len);
void pb_put_string(struct pb_out *out, unsigned int field, const char *text);
/* A message as a field. If it has failed, so has `out`. */
void pb_put_message(struct pb_out *out, unsigned int field, const struct pb_out *message);

struct pb_field;
/* A field that was read, as it was. */
void pb_put_field(struct pb_out *out, const struct pb_field *field);

enum pb_wire {
	PB_VARINT = 0,
	PB_FIXED64 = 1,
	PB_BYTES = 2,
	PB_FIXED32 = 5,
};

struct pb_field {
	unsigned int number;
	enum pb_wire wire;
	uint64_t value;		   /* of all but bytes */
	const unsigned char *data; /* of bytes, in the message that is read */
	size_t len;
	const unsigned char *start; /* of the whole field, key included, for who copies it; it ends where the next begins */
	size_t size;
};

/* What is left to read of a message. */
struct pb_in {
	const unsigned char *data;
	size_t len;
};

/* The next field: 1; 0 at the end; -EBADMSG if it is cut short, too large, or of a kind that is not in use any more (groups). */
int pb_next(struct pb_in *in, struct pb_field *ret) __attribute__((warn_unused_result));
