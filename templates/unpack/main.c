/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/str.h"
#include "templates/unpack/confine.h"
#include "templates/unpack/extract.h"
#include "templates/unpack/report.h"

/*
 * ctctl-unpack MAX_BYTES MAX_FILES <ARCHIVE >REPORT
 *
 * Unpacks an archive of strangers into its working folder. A program of its own, so that what reads the archive has neither
 * ctctl's memory and descriptors nor its privileges; fill_archive.c starts it. An internal program: its arguments are no
 * interface.
 */

static struct json *make_report(const struct counts *c, const struct err *err)
{
	struct json *doc = json_object_new_doc();

	if (!doc)
		return NULL;
	if (err->code) {
		json_add_u64(doc, REPORT_EXIT, err->exit);
		json_add_string(doc, REPORT_ERROR, err->msg);
		return doc;
	}
	json_add_u64(doc, REPORT_FILES, c->files);
	json_add_u64(doc, REPORT_BYTES, c->bytes);
	json_add_u64(doc, REPORT_DEVICES, c->devices);
	json_add_u64(doc, REPORT_SOCKETS, c->sockets);
	json_add_u64(doc, REPORT_XATTRS, c->xattrs);
	json_add_u64(doc, REPORT_WARNINGS, c->warnings);
	return doc;
}

static int write_report(const struct counts *counts, const struct err *err)
{
	_cleanup_json_ struct json *doc = make_report(counts, err);
	_cleanup_free_ char *text = doc ? json_render(doc, false) : NULL;

	return text ? fd_write_all(STDOUT_FILENO, text, strlen(text)) : -ENOMEM;
}

static int run(int argc, char **argv, struct counts *counts, struct err *err)
{
	struct limits limits;

	if (argc != 3 || str_to_u64(argv[1], INT64_MAX, &limits.max_bytes) < 0 ||
	    str_to_u64(argv[2], INT64_MAX, &limits.max_files) < 0)
		return err_exit(err, EXIT_USAGE, EINVAL, "ctctl-unpack is started by ctctl: see 'ctctl template import --help'");
	/* Names in archives are UTF-8; the C library has this locale built in, so no file is needed later. */
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		return err_set(err, ENOENT, "the C library has no locale C.UTF-8");
	umask(022);

	int r = confine(&limits, err);

	return r < 0 ? r : extract_archive(STDIN_FILENO, &limits, counts, err);
}

int main(int argc, char **argv)
{
	struct counts counts = { 0 };
	struct err err = ERR_INIT;
	int r = run(argc, argv, &counts, &err);

	if (write_report(&counts, &err) < 0)
		r = -EIO;
	/* Not exit(): nothing is left to do, and the filter allows little. */
	_exit(r < 0);
}
