/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/str.h"
#include "templates/fill.h"
#include "templates/unpack/report.h"

#define BYTES_DEFAULT (UINT64_C(64) << 30)
#define FILES_DEFAULT UINT64_C(4000000)
#define REPORT_MAX    16384

/*
 * The unpacker has read an archive of strangers; in the worst case its report is theirs too. It is text for one line, and nothing
 * else.
 */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if (!isprint((unsigned char)*s) || (unsigned char)*s >= 0x80)
			*s = '?';
	}
}

static uint64_t counted(const struct json *report, const char *key)
{
	uint64_t n;

	return json_get_u64(report, key, &n) == 0 ? n : 0;
}

static void notice_what_was_left_out(const struct fill *f, const struct json *report)
{
	static const struct {
		const char *key;
		const char *text;
	} left_out[] = {
		{ REPORT_DEVICES, "device nodes were left out (a guest gets its own /dev)" },
		{ REPORT_SOCKETS, "sockets were left out" },
		{ REPORT_XATTRS, "extended attributes were left out (only user.*, ACLs and file capabilities are kept)" },
		{ REPORT_WARNINGS, "attributes could not be kept on this file system" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(left_out); i++) {
		uint64_t n = counted(report, left_out[i].key);

		/* In what a recipe made, that is no news to anybody. */
		if (n > 0)
			log_write(f->log, f->recipe ? LOG_LEVEL_DETAIL : LOG_LEVEL_NOTICE, "%" PRIu64 " %s", n, left_out[i].text);
	}
}

/* The report of a process that has ended. NULL if there is none. */
static struct json *read_report(int report_fd)
{
	struct err ignored = ERR_INIT;
	struct json *report = NULL;
	_cleanup_free_ char *text = calloc(1, REPORT_MAX + 1);

	if (!text || pread(report_fd, text, REPORT_MAX, 0) <= 0)
		return NULL;
	make_printable(text);
	return json_parse(text, "the report of ctctl-unpack", &report, &ignored) < 0 ? NULL : report;
}

/* The reason that the unpacker itself left, if it did; otherwise `err` says already what became of its process. */
static int refuse(const char *shown, const struct json *report, struct err *err)
{
	const char *reason = NULL;
	uint64_t status = 0;

	if (!report || json_get_string(report, REPORT_ERROR, &reason) < 0 || json_get_u64(report, REPORT_EXIT, &status) < 0)
		return err_wrap(err, "unpack '%.200s'", shown);
	switch (status) {
	case EXIT_BAD_TEMPLATE:
		return err_exit(err, EXIT_BAD_TEMPLATE, EBADMSG, "'%.200s' is refused: %s", shown, reason);
	case EXIT_NO_SPACE:
		return err_exit(err, EXIT_NO_SPACE, ENOSPC, "unpack '%.200s': %s", shown, reason);
	case EXIT_UNSUPPORTED:
		return err_exit(err, EXIT_UNSUPPORTED, EOPNOTSUPP, "unpack '%.200s': %s", shown, reason);
	default:
		return err_exit(err, EXIT_FAILED, EIO, "unpack '%.200s': %s", shown, reason);
	}
}

static int run_unpacker(const struct fill *f, int archive_fd, int report_fd, struct err *err)
{
	const struct template_build_spec *spec = f->spec;
	_cleanup_free_ char *program = str_printf("%s/ctctl-unpack", spec->helper_dir);
	_cleanup_free_ char *bytes = str_printf("%" PRIu64, spec->max_bytes ? spec->max_bytes : BYTES_DEFAULT);
	_cleanup_free_ char *files = str_printf("%" PRIu64, spec->max_files ? spec->max_files : FILES_DEFAULT);
	const char *const argv[] = { program, bytes, files, NULL };
	struct proc_spec run = PROC_SPEC_INIT;

	if (!program || !bytes || !files)
		return err_oom(err);
	run.argv = argv;
	run.stdin_fd = archive_fd;
	run.stdout_fd = report_fd;
	run.dir_fd = f->staging->tree_fd;
	return proc_run(&run, "ctctl", err);
}

int fill_archive(const struct fill *f, int archive_fd, const char *shown, struct err *err)
{
	_cleanup_fd_ int report_fd = memfd_create("report", MFD_CLOEXEC);

	if (report_fd < 0)
		return err_sys(err, errno, "make room for the report of ctctl-unpack");

	int r = fault_point("template.unpack", err);

	if (r < 0)
		return r;
	r = run_unpacker(f, archive_fd, report_fd, err);

	_cleanup_json_ struct json *report = read_report(report_fd);

	if (r < 0)
		return refuse(shown, report, err);
	if (!report)
		return err_set(err, EPROTO, "unpack '%.200s': ctctl-unpack ended without a report", shown);
	notice_what_was_left_out(f, report);
	return 0;
}
