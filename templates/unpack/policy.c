/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/unpack/policy.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

void policy_show(const char *path, char room[POLICY_SHOWN_ROOM])
{
	size_t used = 0;

	for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
		if (used + 5 >= POLICY_SHOWN_ROOM) {
			used = POLICY_SHOWN_ROOM - 4;
			memcpy(room + used, "...", 3);
			used += 3;
			break;
		}
		if (isprint(*p) && *p < 0x80)
			room[used++] = (char)*p;
		else
			used += (size_t)snprintf(room + used, 5, "\\x%02x", *p);
	}
	room[used] = '\0';
}

_printf_(3, 4) static int refuse(struct err *err, const char *path, const char *fmt, ...)
{
	char shown[POLICY_SHOWN_ROOM], why[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	policy_show(path, shown);
	return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG, "entry '%s': %s", shown, why);
}

/* What is wrong with a path of the archive; NULL if nothing is. */
static const char *path_fault(const char *path)
{
	if (!*path)
		return "is empty";
	if (*path == '/')
		return "is absolute";
	if (strlen(path) > POLICY_PATH_MAX)
		return "is too long";
	for (const char *part = path; *part;) {
		size_t len = strcspn(part, "/");

		if (len == 2 && part[0] == '.' && part[1] == '.')
			return "leads out of the tree by '..'";
		if (len > NAME_MAX)
			return "has a component longer than 255 bytes";
		part += len;
		part += strspn(part, "/");
	}
	return NULL;
}

static int judge_names(const struct entry *e, struct err *err)
{
	if (!e->path)
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG, "an entry has no name that can be read");

	const char *fault = path_fault(e->path);

	if (fault)
		return refuse(err, e->path, "its path %s", fault);
	if (e->kind != ENTRY_HARDLINK)
		return 0;
	fault = e->target ? path_fault(e->target) : "is missing";
	if (!fault)
		return 0;

	char shown[POLICY_SHOWN_ROOM];

	policy_show(e->target ? e->target : "", shown);
	return refuse(err, e->path, "the target '%s' of this hard link %s", shown, fault);
}

static int judge_size(const struct entry *e, const struct limits *limits, struct counts *counts, struct err *err)
{
	if (++counts->files > limits->max_files)
		return refuse(err, e->path, "one too many: at most %" PRIu64 " files are allowed", limits->max_files);
	if (e->size < 0)
		return refuse(err, e->path, "its size is negative");
	if ((uint64_t)e->size > limits->max_bytes || counts->bytes > limits->max_bytes - (uint64_t)e->size)
		return refuse(err, e->path,
			      "its %" PRId64 " bytes make the tree larger than the %" PRIu64 " bytes that are allowed", e->size,
			      limits->max_bytes);
	counts->bytes += (uint64_t)e->size;
	return 0;
}

int policy_judge(const struct entry *e, const struct limits *limits, struct counts *counts, struct err *err)
{
	int r = judge_names(e, err);

	if (r == 0)
		r = judge_size(e, limits, counts, err);
	if (r < 0)
		return r;
	if (e->uid < 0 || e->uid > POLICY_ID_MAX || e->gid < 0 || e->gid > POLICY_ID_MAX)
		return refuse(err, e->path,
			      "it is owned by %" PRId64 ":%" PRId64 ": expected ids from 0 to %d, which is what a guest has",
			      e->uid, e->gid, POLICY_ID_MAX);
	switch (e->kind) {
	case ENTRY_DEVICE:
		counts->devices++;
		return 0;
	case ENTRY_SOCKET:
		counts->sockets++;
		return 0;
	case ENTRY_UNKNOWN:
		return refuse(err, e->path, "it is of a kind that is no file, folder or link");
	case ENTRY_FILE:
	case ENTRY_DIR:
	case ENTRY_SYMLINK:
	case ENTRY_HARDLINK:
	case ENTRY_FIFO:
		return 1;
	}
	return refuse(err, e->path, "it is of no known kind");
}

int policy_check_content(const char *path, uint64_t end, const struct limits *limits, struct err *err)
{
	if (end <= limits->max_bytes)
		return 0;
	return refuse(err, path, "it has more content than the %" PRIu64 " bytes that are allowed", limits->max_bytes);
}

bool policy_keeps_xattr(const char *name)
{
	return str_has_prefix(name, "user.") || str_has_prefix(name, "system.posix_acl_") ||
	       strcmp(name, "security.capability") == 0;
}
