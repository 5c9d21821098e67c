/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fd.h"
#include "base/path.h"
#include "tar.h"
#include "templates/unpack/extract.h"

/*
 * Without the confinement: the policy and libarchive's checks must hold by themselves. Each archive is unpacked into TOP/in; TOP
 * has a canary file and a folder that hostile archives aim at, and must be as it was afterwards.
 */
#define CANARY "untouched"

struct place {
	char top[64];
	int top_fd;
};

/* What the child that unpacks sends back. */
struct result {
	int r;
	struct err err;
	struct counts counts;
};

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	snprintf(p->top, sizeof(p->top), "/tmp/test_extract.XXXXXX");
	if (!mkdtemp(p->top))
		return -1;
	p->top_fd = path_open_dir(AT_FDCWD, p->top, O_RDONLY);

	struct err err = ERR_INIT;

	*state = p;
	return mkdirat(p->top_fd, "in", 0755) < 0 || mkdirat(p->top_fd, "out", 0755) < 0 ||
	       fd_replace_file_at(p->top_fd, "canary", CANARY, strlen(CANARY), false, &err) < 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	int r = path_remove_tree_at(AT_FDCWD, p->top);

	close(p->top_fd);
	free(p);
	return r;
}

static int archive_fd_of(struct strbuf *b)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_false(b->failed);
	assert_int_equal(fd_write_all(fd, b->data, b->len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	strbuf_free(b);
	return fd;
}

static void assert_nothing_outside(const struct place *p)
{
	_cleanup_free_ char *canary = NULL;
	_cleanup_dir_ DIR *out = fdopendir(openat(p->top_fd, "out", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	struct stat st;
	int n = 0;

	assert_true(fd_read_file_at(p->top_fd, "canary", 100, &canary) > 0);
	assert_string_equal(canary, CANARY);
	assert_int_equal(fstatat(p->top_fd, "canary", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	for (struct dirent *e = readdir(out); e; e = readdir(out))
		n++;
	assert_int_equal(n, 2);
	assert_false(path_exists_at(p->top_fd, "x"));
	assert_false(path_exists_at(AT_FDCWD, "/test_extract.x"));
}

/* libarchive unpacks into the working folder: in a child. The archive is given back to memory. */
static struct result unpack(const struct place *p, struct strbuf *b, uint64_t max_bytes, uint64_t max_files)
{
	struct limits limits = { .max_bytes = max_bytes, .max_files = max_files };
	struct result res = { .err = ERR_INIT };
	int fds[2], fd = archive_fd_of(b), status = 0;

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);

	pid_t pid = fork();

	if (pid == 0) {
		int in = openat(p->top_fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		setlocale(LC_CTYPE, "C.UTF-8");
		if (fchdir(in) < 0)
			_exit(2);
		res.r = extract_archive(fd, &limits, &res.counts, &res.err);
		_exit(fd_write_all(fds[1], &res, sizeof(res)) < 0);
	}
	close(fds[1]);
	assert_int_equal(fd_read_exact(fds[0], &res, sizeof(res)), 0);
	close(fds[0]);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_nothing_outside(p);
	return res;
}

#define MANY 1000000

static void assert_refused(const struct place *p, struct strbuf *b, const char *part)
{
	struct result res = unpack(p, b, MANY, 100);

	assert_int_equal(res.r, -EBADMSG);
	assert_int_equal(res.err.exit, EXIT_BAD_TEMPLATE);
	assert_err_has(&res.err, part);
}

static void an_honest_archive_is_unpacked(void **state)
{
	struct place *p = *state;
	struct strbuf b = { 0 };
	struct stat st;
	char target[64] = "";

	if (geteuid() != 0)
		skip(); /* owners */
	tar_add(&b, (struct tar_entry){ .name = "./", .type = '5' });
	tar_add(&b, (struct tar_entry){ .name = "./usr/", .type = '5', .mode = 0700 });
	tar_add(&b, (struct tar_entry){ .name = "./usr/file", .type = '0', .data = "hello", .uid = 1000, .mode = 04755 });
	tar_add(&b, (struct tar_entry){ .name = "./usr/hard", .type = '1', .link = "./usr/file" });
	tar_add(&b, (struct tar_entry){ .name = "./mtab", .type = '2', .link = "/proc/self/mounts" });
	tar_add(&b, (struct tar_entry){ .name = "./dev/null", .type = '3' });
	tar_add(&b, (struct tar_entry){ .name = "./fifo", .type = '6' });
	tar_end(&b);

	struct result res = unpack(p, &b, MANY, 100);

	assert_ok(res.r, &res.err);
	assert_int_equal(res.counts.files, 7);
	assert_int_equal(res.counts.bytes, 5);
	assert_int_equal(res.counts.devices, 1);
	assert_int_equal(fstatat(p->top_fd, "in/usr/file", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04755);
	assert_int_equal(st.st_uid, 1000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(fstatat(p->top_fd, "in/usr", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	assert_true(readlinkat(p->top_fd, "in/mtab", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "/proc/self/mounts");
	assert_false(path_exists_at(p->top_fd, "in/dev/null"));
	assert_int_equal(fstatat(p->top_fd, "in/fifo", &st, 0), 0);
	assert_true(S_ISFIFO(st.st_mode));
}

static void paths_out_of_the_tree_are_refused(void **state)
{
	static const char *const names[] = { "../x", "a/../../x", "/test_extract.x", "./../out/x" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct strbuf b = { 0 };

		tar_add(&b, (struct tar_entry){ .name = names[i], .type = '0', .data = "evil" });
		tar_end(&b);
		assert_refused(*state, &b, names[i]);
	}
}

static void nothing_is_written_through_a_symlink(void **state)
{
	static const char *const targets[] = { "../out", "/tmp", ".", "../canary" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct strbuf b = { 0 };

		tar_add(&b, (struct tar_entry){ .name = "dir", .type = '2', .link = targets[i] });
		tar_add(&b, (struct tar_entry){ .name = "dir/x", .type = '0', .data = "evil" });
		tar_end(&b);
		assert_refused(*state, &b, "dir/x");
	}
}

static void a_folder_replaced_by_a_symlink_is_no_way_out(void **state)
{
	struct strbuf b = { 0 };

	tar_add(&b, (struct tar_entry){ .name = "dir/", .type = '5' });
	tar_add(&b, (struct tar_entry){ .name = "dir", .type = '2', .link = "../out" });
	tar_add(&b, (struct tar_entry){ .name = "dir/x", .type = '0', .data = "evil" });
	tar_end(&b);
	assert_refused(*state, &b, "dir/x");
}

/* A file entry over a symlink replaces the link; what it points at stays. */
static void a_file_over_a_symlink_replaces_it(void **state)
{
	struct place *p = *state;
	struct strbuf b = { 0 };
	struct stat st;

	tar_add(&b, (struct tar_entry){ .name = "f", .type = '2', .link = "../canary" });
	tar_add(&b, (struct tar_entry){ .name = "f", .type = '0', .data = "evil", .uid = geteuid() });
	tar_end(&b);

	struct result res = unpack(p, &b, MANY, 100);

	assert_ok(res.r, &res.err);
	assert_int_equal(fstatat(p->top_fd, "in/f", &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void hard_links_to_outside_are_refused(void **state)
{
	static const char *const targets[] = { "../canary", "/etc/passwd", "a/../../canary" };

	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		struct strbuf b = { 0 };

		tar_add(&b, (struct tar_entry){ .name = "h", .type = '1', .link = targets[i] });
		tar_end(&b);
		assert_refused(*state, &b, targets[i]);
	}

	struct strbuf b = { 0 };

	/* By way of a symlink, and then written to: the classic. */
	tar_add(&b, (struct tar_entry){ .name = "d", .type = '2', .link = ".." });
	tar_add(&b, (struct tar_entry){ .name = "h", .type = '1', .link = "d/canary" });
	tar_add(&b, (struct tar_entry){ .name = "h", .type = '0', .data = "evil" });
	tar_end(&b);
	assert_refused(*state, &b, "'h'");
}

static void enormous_sizes_are_refused_unread(void **state)
{
	struct strbuf b = { 0 };

	tar_add(&b, (struct tar_entry){ .name = "huge", .type = '0', .size = UINT64_C(1) << 40 });
	assert_refused(*state, &b, "huge");
	tar_add(&b, (struct tar_entry){ .name = "a", .type = '0', .data = "12345678" });
	tar_add(&b, (struct tar_entry){ .name = "b", .type = '0', .data = "12345678" });
	tar_end(&b);

	struct result res = unpack(*state, &b, 10, 100);

	assert_int_equal(res.r, -EBADMSG);
	assert_err_has(&res.err, "'b'");
}

static void too_many_files_are_refused(void **state)
{
	struct strbuf b = { 0 };

	for (int i = 0; i < 101; i++)
		tar_add(&b, (struct tar_entry){ .name = "same", .type = '5' });
	tar_end(&b);
	assert_refused(*state, &b, "100 files");
}

static void ids_of_no_guest_are_refused(void **state)
{
	struct strbuf b = { 0 };

	tar_add(&b, (struct tar_entry){ .name = "f", .type = '0', .uid = 70000 });
	tar_end(&b);
	assert_refused(*state, &b, "70000");
}

static void huge_names_are_refused(void **state)
{
	char name[3000];
	struct strbuf b = { 0 };

	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = i % 100 == 99 ? '/' : 'n';
	name[sizeof(name) - 1] = '\0';
	tar_pax(&b, "path", name);
	tar_add(&b, (struct tar_entry){ .name = "f", .type = '0', .data = "x" });
	tar_end(&b);
	assert_refused(*state, &b, "too long");
}

static void what_is_no_archive_is_refused(void **state)
{
	struct strbuf b = { 0 };

	strbuf_add(&b, "#!/bin/sh\necho this is no archive at all\n");
	assert_refused(*state, &b, "no tar archive");
	strbuf_add(&b, "");
	strbuf_add_bytes(&b, "", 0);
	assert_int_equal(unpack(*state, &b, MANY, 100).r, -EBADMSG);
	tar_end(&b);
	assert_refused(*state, &b, "empty");
}

static void a_truncated_archive_is_refused(void **state)
{
	char text[5000];
	struct strbuf b = { 0 };

	memset(text, 't', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	tar_add(&b, (struct tar_entry){ .name = "f", .type = '0', .data = text });
	b.len = 2000;
	assert_refused(*state, &b, "'f'");
}

/* The names are the archive's: what reaches a terminal is printable. */
static void names_cannot_speak_to_the_terminal(void **state)
{
	struct strbuf b = { 0 };

	tar_add(&b, (struct tar_entry){ .name = "../\x1b[2J\n", .type = '0' });
	tar_end(&b);

	struct result res = unpack(*state, &b, MANY, 100);

	assert_int_equal(res.r, -EBADMSG);
	assert_null(strpbrk(res.err.msg, "\x1b\n"));
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		EACH(an_honest_archive_is_unpacked),	    EACH(paths_out_of_the_tree_are_refused),
		EACH(nothing_is_written_through_a_symlink), EACH(a_folder_replaced_by_a_symlink_is_no_way_out),
		EACH(a_file_over_a_symlink_replaces_it),    EACH(hard_links_to_outside_are_refused),
		EACH(enormous_sizes_are_refused_unread),    EACH(too_many_files_are_refused),
		EACH(ids_of_no_guest_are_refused),	    EACH(huge_names_are_refused),
		EACH(what_is_no_archive_is_refused),	    EACH(a_truncated_archive_is_refused),
		EACH(names_cannot_speak_to_the_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
