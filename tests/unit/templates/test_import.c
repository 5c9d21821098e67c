/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "templates_unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "base/proc.h"
#include "tar.h"

/*
 * The whole way, with the real ctctl-unpack of this build and its confinement: only as root. The archive aims at /tmp/.../canary
 * and at folders beside the tree.
 */
#define CANARY "untouched"

struct import {
	struct template_build_spec spec;
	char helper_dir[256];
	char tarball[96];
};

/* Of build/tests/unit/templates/test_import, build/ is where ctctl-unpack is. */
static void prepare(const struct scratch *s, struct import *im)
{
	ssize_t n = readlink("/proc/self/exe", im->helper_dir, sizeof(im->helper_dir) - 1);

	assert_true(n > 0);
	im->helper_dir[n] = '\0';

	char *at = strstr(im->helper_dir, "/tests/unit/");

	assert_non_null(at);
	*at = '\0';
	snprintf(im->tarball, sizeof(im->tarball), "%s/archive.tar", s->path);
	im->spec = (struct template_build_spec){ .dir = s->catalog,
						 .helper_dir = im->helper_dir,
						 .name = "imported",
						 .tarball = im->tarball,
						 .make_image = fake_image,
						 .max_bytes = 4 << 20,
						 .max_files = 100 };
	put_text(s->fd, "canary", CANARY);
}

/* What makes a tree a system: an init for this machine, which is what this test is. */
static void add_init(struct strbuf *b)
{
	char head[65] = { 0 };
	_cleanup_fd_ int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	assert_int_equal(fd_read_exact(self, head, 64), 0);
	tar_add(b, (struct tar_entry){ .name = "sbin/", .type = '5' });
	/* The header of a program has NUL bytes: its size is claimed and its bytes follow. */
	tar_add(b, (struct tar_entry){ .name = "sbin/init", .type = '0', .size = 64 });
	strbuf_add_bytes(b, head, 64);
	tar_pad(b);
}

static void put_archive(const struct scratch *s, struct strbuf *b)
{
	assert_false(b->failed);
	put_file(s->fd, "archive.tar", b->data, b->len, 0600);
	strbuf_free(b);
}

static void assert_refused(const struct scratch *s, const struct import *im, enum exit_code exit, const char *part)
{
	_cleanup_free_ char *canary = NULL;
	struct template_manifest m;
	struct err err = ERR_INIT;

	assert_true(template_import(&im->spec, &m, &s->sink, &err) < 0);
	assert_err_has(&err, part);
	assert_int_equal(err.exit, exit);
	assert_catalog_empty(s);
	assert_true(fd_read_file_at(s->fd, "canary", 100, &canary) > 0);
	assert_string_equal(canary, CANARY);
	/* archive.tar, canary, catalog, recipes, tree: nothing else appeared. */
	assert_int_equal(count_names(s->path, ""), 5);
}

#define NEED_ROOT()                 \
	do {                        \
		if (geteuid() != 0) \
			skip();     \
	} while (0)

/* Looks at the tree while it is there: owners unshifted, modes, file capabilities. */
static int look_at_tree(const char *tree, const char *file, const char *uuid, struct err *err)
{
	_cleanup_free_ char *owned = str_printf("%s/owned", tree);
	_cleanup_free_ char *capable = str_printf("%s/capable", tree);
	_cleanup_free_ char *null = str_printf("%s/dev/null", tree);
	char value[64];
	struct stat st;

	if (stat(owned, &st) < 0 || st.st_uid != 1000 || st.st_gid != 1000 || st.st_mode != (S_IFREG | 06755))
		return err_set(err, EBADMSG, "owner or mode of a file is wrong: %d:%d %o", st.st_uid, st.st_gid, st.st_mode);
	/* As root of the host sees it: without a namespace's id in it, which is 20 bytes (capability.h, VFS_CAP_REVISION_2). */
	if (getxattr(capable, "security.capability", value, sizeof(value)) != 20)
		return err_set(err, EBADMSG, "the file capability is lost");
	if (getxattr(capable, "trusted.overlay.opaque", value, sizeof(value)) >= 0)
		return err_set(err, EBADMSG, "an attribute of the host came through");
	if (lstat(null, &st) == 0)
		return err_set(err, EBADMSG, "a device node came through");
	return fake_image(tree, file, uuid, err);
}

static void an_honest_archive_becomes_a_template(void **state)
{
	/* cap_net_raw=ep, revision 2; as pax text it may have NUL bytes, so it is put together here. */
	static const char record[] = "57 SCHILY.xattr.security.capability=\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\n";
	struct scratch *s = *state;
	struct import im;
	struct strbuf b = { 0 };
	struct template_manifest m;
	struct err err = ERR_INIT;

	NEED_ROOT();
	prepare(s, &im);
	add_init(&b);
	tar_add(&b, (struct tar_entry){ .name = "owned", .type = '0', .uid = 1000, .mode = 06755 });
	tar_add(&b, (struct tar_entry){ .name = "x", .type = 'x', .size = sizeof(record) - 1 });
	strbuf_add_bytes(&b, record, sizeof(record) - 1);
	tar_pad(&b);
	tar_add(&b, (struct tar_entry){ .name = "capable", .type = '0', .data = "x" });
	tar_pax(&b, "SCHILY.xattr.trusted.overlay.opaque", "y");
	tar_add(&b, (struct tar_entry){ .name = "marked", .type = '0', .data = "x" });
	tar_add(&b, (struct tar_entry){ .name = "dev/null", .type = '3' });
	tar_add(&b, (struct tar_entry){ .name = "etc/mtab", .type = '2', .link = "/proc/self/mounts" });
	tar_add(&b, (struct tar_entry){ .name = "etc/\xc3\xa9t\xc3\xa9", .type = '0' });
	tar_end(&b);
	put_archive(s, &b);
	im.spec.make_image = look_at_tree;
	assert_ok(template_import(&im.spec, &m, &s->sink, &err), &err);
	assert_string_equal(m.source, "import archive.tar");
	assert_non_null(strstr(s->log, "1 device nodes"));
	assert_non_null(strstr(s->log, "1 extended attributes"));
}

static void hostile_archives_are_refused_and_named(void **state)
{
	static const struct {
		struct tar_entry entries[3];
		const char *part;
	} cases[] = {
		{ { { .name = "../x", .type = '0', .data = "evil" } }, "../x" },
		{ { { .name = "/tmp/x", .type = '0', .data = "evil" } }, "/tmp/x" },
		{ { { .name = "d", .type = '2', .link = "/tmp" }, { .name = "d/x", .type = '0', .data = "evil" } }, "d/x" },
		{ { { .name = "d/", .type = '5' },
		    { .name = "d", .type = '2', .link = "../.." },
		    { .name = "d/canary", .type = '0' } },
		  "d/canary" },
		{ { { .name = "h", .type = '1', .link = "/etc/passwd" } }, "/etc/passwd" },
		{ { { .name = "h", .type = '1', .link = "../../../canary" } }, "../../../canary" },
		{ { { .name = "huge", .type = '0', .size = UINT64_C(1) << 40 } }, "huge" },
		{ { { .name = "owner", .type = '0', .uid = 70000 } }, "70000" },
		{ { { .name = "pax", .type = 'x', .size = UINT64_C(1) << 40 } }, "too large" },
		{ { { .name = "long", .type = 'L', .size = UINT64_C(1) << 31 } }, "too large" },
	};
	struct scratch *s = *state;
	struct import im;

	NEED_ROOT();
	prepare(s, &im);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf b = { 0 };

		add_init(&b);
		for (size_t j = 0; j < ARRAY_SIZE(cases[i].entries) && cases[i].entries[j].name; j++)
			tar_add(&b, cases[i].entries[j]);
		tar_end(&b);
		put_archive(s, &b);
		assert_refused(s, &im, EXIT_BAD_TEMPLATE, cases[i].part);
	}
}

static void what_is_no_system_is_refused(void **state)
{
	struct scratch *s = *state;
	struct import im;
	struct strbuf b = { 0 };

	NEED_ROOT();
	prepare(s, &im);
	tar_add(&b, (struct tar_entry){ .name = "file", .type = '0', .data = "x" });
	tar_end(&b);
	put_archive(s, &b);
	assert_refused(s, &im, EXIT_BAD_TEMPLATE, "no init");
	put_text(s->fd, "archive.tar", "a letter to my mother");
	assert_refused(s, &im, EXIT_BAD_TEMPLATE, "no tar archive");
	put_text(s->fd, "archive.tar", "");
	assert_refused(s, &im, EXIT_BAD_TEMPLATE, "archive");
}

static void gzip(const struct scratch *s)
{
	const char *const argv[] = { "gzip", "-9", "-c", NULL };
	_cleanup_fd_ int in = openat(s->fd, "archive.tar", O_RDONLY | O_CLOEXEC);
	_cleanup_fd_ int out = openat(s->fd, "archive.gz", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct proc_spec run = PROC_SPEC_INIT;
	struct err err = ERR_INIT;

	run.argv = argv;
	run.stdin_fd = in;
	run.stdout_fd = out;
	assert_ok(proc_run(&run, "gzip", &err), &err);
	assert_int_equal(renameat(s->fd, "archive.gz", s->fd, "archive.tar"), 0);
}

/* 64 MiB of zeros in 64 KiB: stopped at the limit, by what comes out and not by what goes in. */
static void a_compression_bomb_stops_at_the_limit(void **state)
{
	struct scratch *s = *state;
	struct import im;
	struct strbuf b = { 0 };
	_cleanup_free_ char *zeros = calloc(1, 1 << 20);
	struct stat st;

	NEED_ROOT();
	prepare(s, &im);
	for (int i = 0; i < 64; i++) {
		tar_add(&b, (struct tar_entry){ .name = "zeros", .type = '0', .size = 1 << 20 });
		strbuf_add_bytes(&b, zeros, 1 << 20);
	}
	tar_end(&b);
	put_archive(s, &b);
	gzip(s);
	assert_int_equal(fstatat(s->fd, "archive.tar", &st, 0), 0);
	assert_true(st.st_size < 1 << 18);
	assert_refused(s, &im, EXIT_BAD_TEMPLATE, "4194304 bytes");
	/* The same archive, cut off. */
	im.spec.max_bytes = 0;
	assert_int_equal(truncate(im.tarball, st.st_size / 2), 0);
	assert_refused(s, &im, EXIT_BAD_TEMPLATE, "zeros");
}

static void too_many_files_are_refused(void **state)
{
	struct scratch *s = *state;
	struct import im;
	struct strbuf b = { 0 };

	NEED_ROOT();
	prepare(s, &im);
	for (int i = 0; i < 200; i++) {
		_cleanup_free_ char *name = str_printf("f%d", i);

		tar_add(&b, (struct tar_entry){ .name = name, .type = '0' });
	}
	tar_end(&b);
	put_archive(s, &b);
	assert_refused(s, &im, EXIT_BAD_TEMPLATE, "100 files");
}

static void what_is_no_file_is_refused_at_once(void **state)
{
	struct scratch *s = *state;
	struct template_manifest m;
	struct err err = ERR_INIT;
	struct import im;

	NEED_ROOT();
	prepare(s, &im);
	assert_int_equal(mkfifoat(s->fd, "archive.tar", 0600), 0);
	assert_true(template_import(&im.spec, &m, &s->sink, &err) < 0);
	assert_int_equal(err.exit, EXIT_INVALID);
	im.spec.tarball = "/nonexistent/archive.tar";
	assert_true(template_import(&im.spec, &m, &s->sink, &err) < 0);
	assert_err_has(&err, "/nonexistent/archive.tar");
}

static void a_missing_helper_is_named(void **state)
{
	struct scratch *s = *state;
	struct import im;
	struct strbuf b = { 0 };

	NEED_ROOT();
	prepare(s, &im);
	add_init(&b);
	tar_end(&b);
	put_archive(s, &b);
	im.spec.helper_dir = "/nonexistent";
	assert_refused(s, &im, EXIT_UNSUPPORTED, "ctctl-unpack");
}

static void a_killed_import_is_swept_by_the_next(void **state)
{
	struct scratch *s = *state;
	struct template_manifest m;
	struct err err = ERR_INIT;
	struct import im;
	struct strbuf b = { 0 };
	int status;

	NEED_ROOT();
	prepare(s, &im);
	add_init(&b);
	tar_end(&b);
	put_archive(s, &b);

	pid_t pid = fork();

	if (pid == 0) {
		setenv("CTCTL_FAULT_KILL", "template.unpack", 1);
		_exit(template_import(&im.spec, &m, NULL, &err) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, SIGKILL);
	assert_int_equal(count_names(s->catalog, ".build-"), 1);
	assert_ok(template_import(&im.spec, &m, &s->sink, &err), &err);
	assert_int_equal(count_names(s->catalog, ".build-"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(an_honest_archive_becomes_a_template),
		EACH(hostile_archives_are_refused_and_named),
		EACH(what_is_no_system_is_refused),
		EACH(a_compression_bomb_stops_at_the_limit),
		EACH(too_many_files_are_refused),
		EACH(what_is_no_file_is_refused_at_once),
		EACH(a_missing_helper_is_named),
		EACH(a_killed_import_is_swept_by_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
