/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/*
 * What may be in a template: decided entry by entry, before anything of it is written. Knows no archive format.
 *
 * Refused as a whole: absolute paths and "..", also as the target of a hard link; names that are too long to be handled by every
 * tool later; ids that no guest has; more bytes or files than allowed. Left out and counted: device nodes and sockets, which many
 * honest archives have in /dev and /run. Symbolic links are kept as they are, wherever they point: /etc/mtab is one to /proc in
 * every system, and nothing follows them with the host's privilege.
 */
enum entry_kind {
	ENTRY_FILE,
	ENTRY_DIR,
	ENTRY_SYMLINK,
	ENTRY_HARDLINK,
	ENTRY_FIFO,
	ENTRY_DEVICE,
	ENTRY_SOCKET,
	ENTRY_UNKNOWN,
};

struct entry {
	enum entry_kind kind;
	const char *path;   /* NULL if it cannot be expressed */
	const char *target; /* of a hard link; otherwise NULL */
	int64_t size;
	int64_t uid;
	int64_t gid;
};

struct limits {
	uint64_t max_bytes; /* apparent size of all files together */
	uint64_t max_files;
};

struct counts {
	uint64_t files;
	uint64_t bytes;
	uint64_t devices;
	uint64_t sockets;
	uint64_t xattrs;
	uint64_t warnings;
};

/* The longest path of an entry: with the staging folder before it, it stays below PATH_MAX for the tools that make the image. */
#define POLICY_PATH_MAX 2048

/* Highest id: the ids of a guest are 0 to 65535. */
#define POLICY_ID_MAX 65535

/* 1: keep it, 0: leave it out, -EBADMSG: refuse the archive (BAD_TEMPLATE, the entry is named). Counts it. */
int policy_judge(const struct entry *e, const struct limits *limits, struct counts *counts, struct err *err) _must_check_;

/*
 * Are `more` bytes of content, up to the offset `end` of one file, still allowed? For content that is larger than its header
 * says.
 */
int policy_check_content(const char *path, uint64_t end, const struct limits *limits, struct err *err) _must_check_;

/*
 * Kept: user.*, ACLs and file capabilities. What else means something to the host (trusted.*, security.*) is no business of a
 * template.
 */
bool policy_keeps_xattr(const char *name);

/* A name of strangers for a message: printable, cut to the room. */
#define POLICY_SHOWN_ROOM 160
void policy_show(const char *path, char room[POLICY_SHOWN_ROOM]);
