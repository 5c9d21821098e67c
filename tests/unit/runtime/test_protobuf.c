/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include "runtime/checkpoint/protobuf.h"

DEFINE_CLEANUP(struct pb_out, cleanup_pb_out, free(p->data));
#define _cleanup_pb_out_ _cleanup_(cleanup_pb_out)

static struct pb_in all_of(const struct pb_out *out)
{
	assert_false(out->failed);
	return (struct pb_in){ .data = out->data, .len = out->len };
}

static struct pb_field next(struct pb_in *in, unsigned int number, enum pb_wire wire)
{
	struct pb_field field;

	assert_int_equal(pb_next(in, &field), 1);
	assert_int_equal(field.number, number);
	assert_int_equal(field.wire, wire);
	return field;
}

static void expect_end(struct pb_in *in)
{
	struct pb_field field;

	assert_int_equal(pb_next(in, &field), 0);
}

static void varints_come_back(void **state _unused_)
{
	static const uint64_t values[] = { 0, 1, 127, 128, 16383, 16384, UINT32_MAX, (uint64_t)1 << 63, UINT64_MAX };
	_cleanup_pb_out_ struct pb_out out = PB_OUT_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		pb_put_varint(&out, (unsigned int)i + 1, values[i]);
	pb_put_int(&out, 536870911, -2);
	pb_put_bool(&out, 16, true);
	pb_put_bool(&out, 16, false);

	struct pb_in in = all_of(&out);

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		assert_int_equal(next(&in, (unsigned int)i + 1, PB_VARINT).value, values[i]);
	assert_int_equal((int64_t)next(&in, 536870911, PB_VARINT).value, -2);
	assert_int_equal(next(&in, 16, PB_VARINT).value, 1);
	assert_int_equal(next(&in, 16, PB_VARINT).value, 0);
	expect_end(&in);
}

/* The guide's own examples: field 1 is 150, field 2 is "testing", and field 3 a message of the first. */
static void bytes_are_as_in_the_guide(void **state _unused_)
{
	static const unsigned char expected[] = "\x08\x96\x01\x12\x07testing\x1a\x03\x08\x96\x01";
	_cleanup_pb_out_ struct pb_out out = PB_OUT_INIT, inner = PB_OUT_INIT;

	pb_put_varint(&inner, 1, 150);
	pb_put_varint(&out, 1, 150);
	pb_put_string(&out, 2, "testing");
	pb_put_message(&out, 3, &inner);
	assert_int_equal(out.len, sizeof(expected) - 1);
	assert_memory_equal(out.data, expected, sizeof(expected) - 1);
}

/* -1 of an int32 is ten bytes, as other writers have it. */
static void a_negative_number_has_ten_bytes(void **state _unused_)
{
	static const unsigned char expected[] = "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
	_cleanup_pb_out_ struct pb_out out = PB_OUT_INIT;

	pb_put_int(&out, 1, -1);
	assert_int_equal(out.len, sizeof(expected) - 1);
	assert_memory_equal(out.data, expected, sizeof(expected) - 1);
}

static void large_and_empty_bytes_come_back(void **state _unused_)
{
	_cleanup_pb_out_ struct pb_out out = PB_OUT_INIT, empty = PB_OUT_INIT;
	size_t len = 100000;
	_cleanup_free_ unsigned char *large = malloc(len);

	assert_non_null(large);
	for (size_t i = 0; i < len; i++)
		large[i] = (unsigned char)(i * 7);
	pb_put_bytes(&out, 1, large, len);
	pb_put_string(&out, 2, "");
	pb_put_message(&out, 3, &empty);

	struct pb_in in = all_of(&out);
	struct pb_field field = next(&in, 1, PB_BYTES);

	assert_int_equal(field.len, len);
	assert_memory_equal(field.data, large, len);
	assert_int_equal(next(&in, 2, PB_BYTES).len, 0);
	assert_int_equal(next(&in, 3, PB_BYTES).len, 0);
	expect_end(&in);
}

static void fixed_ones_are_little_endian(void **state _unused_)
{
	static const unsigned char message[] = "\x0d\x01\x02\x03\x84\x11\x01\x02\x03\x04\x05\x06\x07\x88";
	struct pb_in in = { .data = message, .len = sizeof(message) - 1 };

	assert_int_equal(next(&in, 1, PB_FIXED32).value, 0x84030201);
	assert_int_equal(next(&in, 2, PB_FIXED64).value, 0x8807060504030201);
	expect_end(&in);
}

static void fields_are_copied_as_they_were(void **state _unused_)
{
	/* A number in more bytes than it needs, which some writers reserve, fixed ones, and bytes. */
	static const unsigned char message[] =
		"\x08\x81\x80\x00\x15\x01\x02\x03\x04\x19\x01\x02\x03\x04\x05\x06\x07\x08\x22\x02xy";
	struct pb_in in = { .data = message, .len = sizeof(message) - 1 };
	_cleanup_pb_out_ struct pb_out out = PB_OUT_INIT;
	struct pb_field field;

	while (pb_next(&in, &field) == 1)
		pb_put_field(&out, &field);
	assert_int_equal(out.len, sizeof(message) - 1);
	assert_memory_equal(out.data, message, sizeof(message) - 1);
}

static void a_failed_message_fails_what_has_it(void **state _unused_)
{
	_cleanup_pb_out_ struct pb_out out = PB_OUT_INIT;
	struct pb_out inner = { .failed = true };

	pb_put_varint(&out, 1, 1);
	pb_put_message(&out, 2, &inner);
	assert_true(out.failed);
}

static void malformed_ones_are_refused(void **state _unused_)
{
	static const struct {
		const char *what;
		const char *bytes;
		size_t len;
	} cases[] = {
		{ "a cut key", "\x88", 1 },
		{ "a key alone", "\x08", 1 },
		{ "a cut varint", "\x08\x96", 2 },
		{ "a varint of eleven bytes", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12 },
		{ "a varint of 65 bits", "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11 },
		{ "bytes past the end", "\x12\x08testing", 9 },
		{ "bytes far past the end", "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11 },
		{ "bytes without a length", "\x12", 1 },
		{ "a cut length", "\x12\x80", 2 },
		{ "three bytes of 32 bits", "\x0d\x01\x02\x03", 4 },
		{ "seven bytes of 64 bits", "\x09\x01\x02\x03\x04\x05\x06\x07", 8 },
		{ "a group's begin", "\x0b\x0c", 2 },
		{ "a group's end", "\x0c", 1 },
		{ "wire type 6", "\x0e\x01", 2 },
		{ "wire type 7", "\x0f\x01", 2 },
		{ "field 0", "\x00\x01", 2 },
		{ "a field number of 30 bits", "\x80\x80\x80\x80\x10\x01", 6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		/* On the heap and no byte larger, so that the address sanitizer sees a read behind it. */
		_cleanup_free_ unsigned char *bytes = malloc(cases[i].len);
		struct pb_in in = { .data = bytes, .len = cases[i].len };
		struct pb_field field;

		assert_non_null(bytes);
		memcpy(bytes, cases[i].bytes, cases[i].len);

		int r = pb_next(&in, &field);

		if (r != -EBADMSG)
			fail_msg("%s: %d", cases[i].what, r);
		assert_ptr_equal(in.data, bytes);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(varints_come_back),
		cmocka_unit_test(bytes_are_as_in_the_guide),
		cmocka_unit_test(a_negative_number_has_ten_bytes),
		cmocka_unit_test(large_and_empty_bytes_come_back),
		cmocka_unit_test(fixed_ones_are_little_endian),
		cmocka_unit_test(fields_are_copied_as_they_were),
		cmocka_unit_test(a_failed_message_fails_what_has_it),
		cmocka_unit_test(malformed_ones_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
