/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "base/cleanup.h"
#include "runtime/checkpoint/image_file.h"
#include "runtime/checkpoint/mend_images.h"
#include "runtime/checkpoint/mend_priv.h"

/* Fields: images/fdinfo.proto, timerfd.proto. */
#define FILE_ENTRY_TIMER  12
#define TIMER_TICKS	  5
#define TIMER_VALUE_S	  7
#define TIMER_VALUE_NS	  8
#define TIMER_INTERVAL_S  9
#define TIMER_INTERVAL_NS 10

DEFINE_CLEANUP(struct pb_out, cleanup_pb_out, free(p->data))

/* 0 if it is missing. */
static int read_number(struct pb_in message, unsigned int number, uint64_t *ret)
{
	struct pb_field field = { .value = 0 };
	int r = mend_find_field(message, number, PB_VARINT, &field);

	*ret = field.value;
	return r < 0 ? r : 0;
}

/* 1 if it is periodic and has expired, and nobody has read that: one that was disarmed has no ticks. */
static int is_spent(struct pb_in timer)
{
	uint64_t ticks, value_s, value_ns, interval_s, interval_ns;
	int r = read_number(timer, TIMER_TICKS, &ticks);

	if (r == 0)
		r = read_number(timer, TIMER_VALUE_S, &value_s);
	if (r == 0)
		r = read_number(timer, TIMER_VALUE_NS, &value_ns);
	if (r == 0)
		r = read_number(timer, TIMER_INTERVAL_S, &interval_s);
	if (r == 0)
		r = read_number(timer, TIMER_INTERVAL_NS, &interval_ns);
	return r < 0 ? r : ticks > 0 && value_s == 0 && value_ns == 0 && (interval_s > 0 || interval_ns > 0);
}

/* Copies an entry: 1 if its timer was wound up. */
static int copy_entry(struct pb_in message, struct strbuf *image)
{
	_cleanup_(cleanup_pb_out) struct pb_out timer = PB_OUT_INIT, file = PB_OUT_INIT;
	const struct mend_change in_timer = { .number = TIMER_VALUE_NS, .value = 1 };
	const struct mend_change in_file = { .number = FILE_ENTRY_TIMER, .message = &timer };
	struct pb_field field;
	int r = mend_find_field(message, FILE_ENTRY_TIMER, PB_BYTES, &field), is_changed = 0;

	if (r > 0)
		is_changed = r = is_spent((struct pb_in){ .data = field.data, .len = field.len });
	if (r > 0)
		r = mend_copy_changed((struct pb_in){ .data = field.data, .len = field.len }, &in_timer, 1, &timer);
	if (r == 0)
		r = mend_copy_changed(message, &in_file, is_changed, &file);
	if (r < 0)
		return r;
	image_file_put(image, &file);
	return is_changed;
}

int mend_timers(int images_fd, struct err *err)
{
	_cleanup_(image_file_free) struct image_file files = { 0 };
	_cleanup_(strbuf_free) struct strbuf image = { 0 };
	struct pb_in message;
	bool is_changed = false;
	int r = image_file_read(images_fd, "files.img", MEND_MAGIC_FILES, &files, err);

	if (r < 0)
		return r;
	strbuf_add_bytes(&image, files.data, IMAGE_FILE_HEAD);
	while ((r = image_file_next(&files, &message, err)) > 0) {
		r = copy_entry(message, &image);
		if (r < 0)
			return image_file_damaged(&files, err);
		is_changed |= r > 0;
	}
	return r == 0 && is_changed ? image_file_replace(images_fd, files.name, &image, err) : r;
}
