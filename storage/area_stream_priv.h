/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * An area as a stream of bytes, the same from every kind of pool. Numbers are little endian.
 *
 *   stream   magic[8] version:u32 record...
 *   record   type:u32 length:u32 payload[length]
 *
 *   BEGIN    name                           a folder begins; what follows until its META is in it
 *   FILE     number:u64 name                a regular file
 *   DATA     offset:u64 bytes               in it; each behind the one before, the rest is holes
 *   LINK     number:u64 name \0 target      a symbolic link
 *   NODE     number:u64 type:u32 name       a fifo, a socket, or a character device, which is a whiteout (0:0): no other is known
 *   META     struct stream_meta             of the file or folder that was begun last; nothing more comes into it
 *   ATTR     name \0 value                  one of its extended attributes
 *   END      -                              of it
 *   AGAIN    number:u64 name                one more name of the file of that number; 0 is a file's that has no other
 *   DONE     entries:u64                    how many were begun or named again: the end, without which all before it is nothing
 *
 * The first record begins the folder `upper`, whose end is followed by DONE. What overlayfs keeps only to find a file of the
 * template by its handle does not travel: `work` with its index, trusted.overlay.origin and the like. So where two names of one
 * file of the template led to one changed file by way of the index, the name that was not used shows what the template has.
 * Attributes of other kinds (security.selinux, what a file system has of its own) are a host's and stay there.
 *
 * The receiver takes all of it for hostile.
 */
#define STREAM_MAGIC	  "ctctl-ar"
#define STREAM_VERSION	  1
#define STREAM_DATA_MAX	  (256 * 1024)
#define STREAM_RECORD_MAX (STREAM_DATA_MAX + 8)

/* X(NAME, number, least payload, most payload) */
#define STREAM_RECORDS(X)                                                  \
	X(BEGIN, 1, 1, 255)                                                \
	X(FILE, 2, 8 + 1, 8 + 255)                                         \
	X(DATA, 3, 8 + 1, 8 + STREAM_DATA_MAX)                             \
	X(LINK, 4, 8 + 1 + 1 + 1, 8 + 255 + 1 + 4095)                      \
	X(NODE, 5, 12 + 1, 12 + 255)                                       \
	X(META, 6, sizeof(struct stream_meta), sizeof(struct stream_meta)) \
	X(ATTR, 7, 1 + 1, 255 + 1 + 65536)                                 \
	X(END, 8, 0, 0)                                                    \
	X(AGAIN, 9, 8 + 1, 8 + 255)                                        \
	X(DONE, 10, 8, 8)

enum stream_record {
#define X(name, number, least, most) STREAM_##name = number,
	STREAM_RECORDS(X)
#undef X
};

struct stream_head {
	char magic[8];
	uint32_t version;
} __attribute__((packed));

struct stream_record_head {
	uint32_t type;
	uint32_t len;
} __attribute__((packed));

struct stream_meta {
	uint32_t mode; /* with the type */
	uint32_t uid, gid;
	uint32_t atime_ns, mtime_ns;
	int64_t atime, mtime;
	uint64_t size; /* of a regular file, else 0 */
} __attribute__((packed));

/* Does an extended attribute of this name travel? */
bool stream_has_attr(const char *name);

struct pool;
struct area_source;

/*
 * Makes `upper` and `work` in the empty folder `area_fd` of an area, by the host's root; on the disk when it returns. What is
 * refused is -EBADMSG. A failure or a kill leaves a part of it.
 */
int stream_receive(struct pool *pool, int area_fd, const struct area_source *source, struct err *err) _must_check_;
