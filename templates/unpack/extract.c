/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates/unpack/extract.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

#define BLOCK_BYTES (256 * 1024)

/*
 * A symbolic link is never passed through on the way to an entry, and ".." and "/" are refused once more, behind our own policy.
 */
#define WRITE_OPTIONS                                                                                                        \
	(ARCHIVE_EXTRACT_TIME | ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_OWNER | ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR | \
	 ARCHIVE_EXTRACT_SECURE_SYMLINKS | ARCHIVE_EXTRACT_SECURE_NODOTDOT | ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS)

struct extraction {
	struct archive *in;
	struct archive *out;
	const struct limits *limits;
	struct counts *counts;
	struct err *err;
};

/* `where` is the entry, NULL before the first. A full disk is nobody's fault; everything else is the archive's. */
static int fail(const struct extraction *x, struct archive *a, const char *where, const char *what)
{
	const char *text = archive_error_string(a);
	int code = archive_errno(a);
	char shown[POLICY_SHOWN_ROOM], why[POLICY_SHOWN_ROOM];

	policy_show(where ? where : "", shown);
	policy_show(text ? text : "unknown error", why);
	if (code == ENOSPC || code == EDQUOT)
		return err_exit(x->err, EXIT_NO_SPACE, ENOSPC, "no space left while writing '%s'", shown);
	if (!where)
		return err_exit(x->err, EXIT_BAD_TEMPLATE, EBADMSG, "%s: %s", what, why);
	return err_exit(x->err, EXIT_BAD_TEMPLATE, EBADMSG, "entry '%s': %s: %s", shown, what, why);
}

static enum entry_kind kind_of(struct archive_entry *e)
{
	if (archive_entry_hardlink(e))
		return ENTRY_HARDLINK;
	switch (archive_entry_filetype(e)) {
	case AE_IFREG:
		return ENTRY_FILE;
	case AE_IFDIR:
		return ENTRY_DIR;
	case AE_IFLNK:
		return ENTRY_SYMLINK;
	case AE_IFIFO:
		return ENTRY_FIFO;
	case AE_IFCHR:
	case AE_IFBLK:
		return ENTRY_DEVICE;
	case AE_IFSOCK:
		return ENTRY_SOCKET;
	default:
		return ENTRY_UNKNOWN;
	}
}

static struct entry describe(struct archive_entry *e)
{
	return (struct entry){
		.kind = kind_of(e),
		.path = archive_entry_pathname(e),
		.target = archive_entry_hardlink(e),
		.size = archive_entry_size(e),
		.uid = archive_entry_uid(e),
		.gid = archive_entry_gid(e),
	};
}

/* libarchive cannot remove one attribute: all are taken off and those to keep put back. */
static void filter_xattrs(struct archive_entry *e, struct counts *counts)
{
	struct archive_entry *copy = archive_entry_xattr_count(e) > 0 ? archive_entry_clone(e) : NULL;
	const char *name;
	const void *value;
	size_t len;

	archive_entry_xattr_clear(e);
	if (!copy)
		return;
	archive_entry_xattr_reset(copy);
	while (archive_entry_xattr_next(copy, &name, &value, &len) == ARCHIVE_OK) {
		if (policy_keeps_xattr(name))
			archive_entry_xattr_add_entry(e, name, value, len);
		else
			counts->xattrs++;
	}
	archive_entry_free(copy);
}

static int copy_content(const struct extraction *x, const char *path)
{
	for (;;) {
		const void *data;
		size_t len;
		la_int64_t offset;
		int r = archive_read_data_block(x->in, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return fail(x, x->in, path, "cannot be read");
		if (offset < 0 || policy_check_content(path, (uint64_t)offset + len, x->limits, x->err) < 0)
			return -EBADMSG;
		if (archive_write_data_block(x->out, data, len, offset) < ARCHIVE_WARN)
			return fail(x, x->out, path, "cannot be written");
	}
}

static int write_entry(const struct extraction *x, struct archive_entry *e, const char *path)
{
	filter_xattrs(e, x->counts);

	int r = archive_write_header(x->out, e);

	if (r < ARCHIVE_WARN)
		return fail(x, x->out, path, "cannot be made");
	x->counts->warnings += r == ARCHIVE_WARN;
	if (archive_entry_size(e) > 0) {
		r = copy_content(x, path);
		if (r < 0)
			return r;
	}
	r = archive_write_finish_entry(x->out);
	if (r < ARCHIVE_WARN)
		return fail(x, x->out, path, "cannot be completed");
	x->counts->warnings += r == ARCHIVE_WARN;
	return 0;
}

/* 1 for an entry, 0 at the end. */
static int next_entry(const struct extraction *x, struct archive_entry **ret)
{
	int r = archive_read_next_header(x->in, ret);

	if (r == ARCHIVE_EOF)
		return 0;
	if (r < ARCHIVE_WARN)
		return fail(x, x->in, NULL, x->counts->files ? "the archive is damaged" : "this is no tar archive");
	return 1;
}

static int extract_all(const struct extraction *x)
{
	struct archive_entry *e;
	int r;

	while ((r = next_entry(x, &e)) > 0) {
		struct entry entry = describe(e);

		r = policy_judge(&entry, x->limits, x->counts, x->err);
		if (r > 0)
			r = write_entry(x, e, entry.path);
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	if (x->counts->files == 0)
		return err_exit(x->err, EXIT_BAD_TEMPLATE, EBADMSG, "the archive is empty");
	/* Modes and times of folders are set now. */
	return archive_write_close(x->out) < ARCHIVE_WARN ? fail(x, x->out, NULL, "the folders could not be completed") : 0;
}

static int open_archive(struct archive *in, int fd)
{
	archive_read_support_format_tar(in);
	archive_read_support_filter_gzip(in);
	archive_read_support_filter_bzip2(in);
	archive_read_support_filter_xz(in);
	archive_read_support_filter_zstd(in);
	return archive_read_open_fd(in, fd, BLOCK_BYTES);
}

int extract_archive(int fd, const struct limits *limits, struct counts *counts, struct err *err)
{
	struct extraction x = {
		.in = archive_read_new(), .out = archive_write_disk_new(), .limits = limits, .counts = counts, .err = err
	};
	int r;

	*counts = (struct counts){ 0 };
	if (!x.in || !x.out)
		r = err_oom(err);
	else if (archive_write_disk_set_options(x.out, WRITE_OPTIONS) != ARCHIVE_OK)
		r = fail(&x, x.out, NULL, "libarchive lacks a needed option");
	else if (open_archive(x.in, fd) != ARCHIVE_OK)
		r = fail(&x, x.in, NULL, "this is no tar archive");
	else
		r = extract_all(&x);
	archive_write_free(x.out);
	archive_read_free(x.in);
	return r;
}
