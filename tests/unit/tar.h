/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"

/*
 * Tar archives written header by header, so that tests can write what no honest program would: POSIX.1-2017, pax, "ustar
 * Interchange Format".
 */
struct tar_entry {
	const char *name;
	char type; /* '0' file, '1' hard link, '2' symlink, '3' character device, '5' folder, '6' fifo, 'x' pax header */
	const char *link;
	const char *data; /* NULL: none */
	uint64_t size;	  /* claimed; 0: that of data */
	uint32_t uid;
	uint32_t mode; /* 0: 0755 */
};

static inline void tar_pad(struct strbuf *b)
{
	static const char zeros[512];

	if (b->len % 512)
		strbuf_add_bytes(b, zeros, 512 - b->len % 512);
}

/* Octal in `room` - 1 digits, or GNU's base-256 form for what does not fit. */
static inline void tar_number(char *at, size_t room, uint64_t value)
{
	char text[32];

	if (value < (UINT64_C(1) << (3 * (room - 1)))) {
		snprintf(text, sizeof(text), "%0*llo", (int)room - 1, (unsigned long long)value);
		memcpy(at, text, room);
		return;
	}
	for (size_t i = room; i-- > 0; value >>= 8)
		at[i] = (char)(value & 0xff);
	at[0] = (char)0x80;
}

static inline _unused_ void tar_add(struct strbuf *b, struct tar_entry e)
{
	static const char magic[] = { 'u', 's', 't', 'a', 'r', 0, '0', '0' };
	char h[512] = { 0 };
	size_t data_len = e.data ? strlen(e.data) : 0;
	unsigned int sum = 0;

	memcpy(h, e.name, strnlen(e.name, 100));
	tar_number(h + 100, 8, e.mode ? e.mode : 0755);
	tar_number(h + 108, 8, e.uid);
	tar_number(h + 116, 8, e.uid);
	tar_number(h + 124, 12, e.size ? e.size : data_len);
	tar_number(h + 136, 12, 1700000000);
	memset(h + 148, ' ', 8);
	h[156] = e.type;
	if (e.link)
		memcpy(h + 157, e.link, strnlen(e.link, 100));
	memcpy(h + 257, magic, sizeof(magic));
	tar_number(h + 329, 8, 1);
	tar_number(h + 337, 8, 3);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	h[155] = ' ';
	strbuf_add_bytes(b, h, sizeof(h));
	if (data_len)
		strbuf_add_bytes(b, e.data, data_len);
	tar_pad(b);
}

/* A pax extended header for the next entry: one record "LEN KEY=VALUE\n". */
static inline _unused_ void tar_pax(struct strbuf *b, const char *key, const char *value)
{
	size_t rest = strlen(key) + strlen(value) + 3, len = rest + 1;
	char digits[16];

	while ((size_t)snprintf(digits, sizeof(digits), "%zu", len) + rest != len)
		len++;

	_cleanup_free_ char *record = str_printf("%zu %s=%s\n", len, key, value);

	tar_add(b, (struct tar_entry){ .name = "pax", .type = 'x', .data = record ? record : "" });
}

static inline _unused_ void tar_end(struct strbuf *b)
{
	static const char zeros[1024];

	strbuf_add_bytes(b, zeros, sizeof(zeros));
}
