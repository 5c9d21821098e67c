/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include "base/str.h"
#include "runtime/checkpoint/images.h"

#define MANIFEST_PATH CHECKPOINT_DIR "/" CHECKPOINT_MANIFEST

static const struct checkpoint_manifest full = {
	.taken_at = 1700000000,
	.boot = "0123456789abcdef0123456789abcdef",
	.uuid = "2b0f3f0e-93a7-4a52-9a76-111111111111",
	.template_ref = "debian-12@20240101",
	.console = "tty[8803:1a]",
	.cgroup = "ctctl/web1",
	.kernel = "6.1.0-18-amd64",
	.features = UINT64_MAX,
	.ids_first = UINT32_MAX,
	.started_at = 1,
	.for_shutdown = 1,
	.groups = {
		.list = (struct cgroup_tree_node[]){
			{ .path = (char *)"", .uid = 100000, .gid = 100000, .controllers = (char *)"cpu memory" },
			{ .path = (char *)"init.scope", .uid = 100000, .gid = 100001, .controllers = (char *)"" },
		},
		.n = 2,
	},
};

static struct guest guest_of(const struct scratch *s)
{
	return (struct guest){ .name = "web1", .dir_fd = s->fd, .run_fd = -EBADF, .lock_fd = -EBADF };
}

/* A whole checkpoint with one image, whose text says which one it is. */
static int save(const struct guest *guest, const char *image, struct err *err)
{
	_cleanup_fd_ int images = checkpoint_begin(guest, err);

	if (images < 0)
		return images;
	put_file(images, "pages-1.img", image);

	int r = checkpoint_write_manifest(images, &full, err);

	return r < 0 ? r : checkpoint_commit(guest, images, err);
}

static void save_ok(const struct guest *guest, const char *image)
{
	struct err err = ERR_INIT;

	assert_ok(save(guest, image, &err), &err);
}

static void assert_whole(const struct guest *guest, const char *image)
{
	struct checkpoint_manifest found = { 0 };
	struct err err = ERR_INIT;
	_cleanup_fd_ int images = checkpoint_open(guest, &found, &err);

	assert_ok(images, &err);
	assert_string_equal(found.uuid, full.uuid);
	assert_int_equal(found.groups.n, 2);
	assert_file(images, "pages-1.img", image);
	checkpoint_manifest_free(&found);
}

static void test_round_trip(void **state)
{
	const struct guest guest = guest_of(*state);
	struct checkpoint_manifest found = { 0 };
	struct err err = ERR_INIT;
	struct stat st;

	assert_false(checkpoint_exists(&guest));
	assert_int_equal(checkpoint_open(&guest, &found, &err), -ENOENT);
	assert_int_equal(err.exit, EXIT_NOT_SUSPENDED);
	save_ok(&guest, "one");
	assert_true(checkpoint_exists(&guest));
	assert_false(path_exists_at(guest.dir_fd, CHECKPOINT_DIR_NEW));
	assert_int_equal(fstatat(guest.dir_fd, CHECKPOINT_DIR, &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);

	_cleanup_fd_ int images = checkpoint_open(&guest, &found, &err);

	assert_ok(images, &err);
	assert_true(found.taken_at == full.taken_at && found.features == full.features && found.ids_first == full.ids_first &&
		    found.started_at == full.started_at && found.for_shutdown == full.for_shutdown);
	assert_string_equal(found.boot, full.boot);
	assert_string_equal(found.uuid, full.uuid);
	assert_string_equal(found.template_ref, full.template_ref);
	assert_string_equal(found.console, full.console);
	assert_string_equal(found.cgroup, full.cgroup);
	assert_string_equal(found.kernel, full.kernel);
	assert_int_equal(found.groups.n, 2);
	assert_string_equal(found.groups.list[0].controllers, "cpu memory");
	assert_string_equal(found.groups.list[1].path, "init.scope");
	assert_int_equal(found.groups.list[1].gid, 100001);
	checkpoint_manifest_free(&found);
}

static void test_begin_is_empty(void **state)
{
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;

	put_dir(guest.dir_fd, CHECKPOINT_DIR_NEW);
	put_file(guest.dir_fd, CHECKPOINT_DIR_NEW "/old.img", "x");

	_cleanup_fd_ int images = checkpoint_begin(&guest, &err);

	assert_ok(images, &err);
	assert_false(path_exists_at(images, "old.img"));
	assert_ok(checkpoint_abandon(&guest, &err), &err);
	assert_false(path_exists_at(guest.dir_fd, CHECKPOINT_DIR_NEW));
	assert_ok(checkpoint_abandon(&guest, &err), &err);
}

/* One that is there is the guest's only copy: nothing takes its place. */
static void test_commit_replaces_nothing(void **state)
{
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;

	save_ok(&guest, "one");
	assert_true(save(&guest, "two", &err) < 0);
	assert_err_has(&err, "web1");
	assert_whole(&guest, "one");
}

static void test_commit_refuses_folder(void **state)
{
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;
	_cleanup_fd_ int images = checkpoint_begin(&guest, &err);

	put_dir(images, "more");
	assert_int_equal(checkpoint_commit(&guest, images, &err), -EISDIR);
	assert_false(checkpoint_exists(&guest));
}

static void test_discard(void **state)
{
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;

	assert_ok(checkpoint_discard(&guest, &err), &err);
	save_ok(&guest, "one");
	put_dir(guest.dir_fd, CHECKPOINT_DIR_NEW);
	put_file(guest.dir_fd, CHECKPOINT_DIR_NEW "/old.img", "x");
	assert_ok(checkpoint_discard(&guest, &err), &err);
	assert_false(checkpoint_exists(&guest));
	assert_false(path_exists_at(guest.dir_fd, CHECKPOINT_DIR_NEW));
}

/* Some file systems give it its blocks only then. */
static void sync_file(int dir_fd, const char *name)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);

	assert_int_equal(fsync(fd), 0);
}

static void test_stat(void **state)
{
	const struct guest guest = guest_of(*state);
	uint64_t before, bytes, taken_at;
	_cleanup_free_ char *big = calloc(1, 300000);

	assert_int_equal(checkpoint_stat(&guest, &bytes, &taken_at), -ENOENT);
	save_ok(&guest, "one");
	assert_int_equal(checkpoint_stat(&guest, &before, &taken_at), 0);
	assert_true(taken_at == full.taken_at);
	memset(big, 'x', 300000);
	put_bytes(guest.dir_fd, CHECKPOINT_DIR "/pages-2.img", big, 300000);
	sync_file(guest.dir_fd, CHECKPOINT_DIR "/pages-2.img");
	assert_int_equal(checkpoint_stat(&guest, &bytes, &taken_at), 0);
	assert_in_range(bytes - before, 300000, 500000);
	put_file(guest.dir_fd, MANIFEST_PATH, "");
	assert_int_equal(checkpoint_stat(&guest, &bytes, &taken_at), -EBADMSG);
}

static void assert_damaged(const struct guest *guest, const char *part)
{
	struct checkpoint_manifest found = { 0 };
	struct err err = ERR_INIT;
	int fd = checkpoint_open(guest, &found, &err);

	if (fd >= 0)
		fail_msg("taken, where an error with '%s' was expected", part);
	assert_int_equal(fd, -EBADMSG);
	assert_int_equal(err.exit, EXIT_RECOVERY);
	assert_err_has(&err, "web1");
	assert_err_has(&err, MANIFEST_PATH);
	assert_err_has(&err, part);
	assert_null(found.groups.list);
}

/* The manifest with one of its lines replaced. */
static void put_line(const struct guest *guest, const char *text, const char *key, const char *instead)
{
	_cleanup_free_ char *start = str_printf("\n%s ", key), *whole = str_printf("\n%s", text), *new = NULL;
	char *at = strstr(whole, start);

	assert_non_null(at);
	*at++ = '\0';
	new = str_printf("%s\n%s%s", whole, instead, strchr(at, '\n') + 1);
	put_file(guest->dir_fd, MANIFEST_PATH, new + 1 + (new[1] == '\n'));
}

static void test_each_key(void **state)
{
	static const char *const keys[] = { "taken-at", "boot",	  "uuid",     "template", "console",
					    "cgroup",	"kernel", "features", "ids",	  "started-at" };
	static const char *const numbers[] = { "taken-at", "features", "ids", "started-at", "for-shutdown" };
	const struct guest guest = guest_of(*state);
	_cleanup_free_ char *text = NULL;

	save_ok(&guest, "one");
	assert_true(fd_read_file_at(guest.dir_fd, MANIFEST_PATH, 4096, &text) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		_cleanup_free_ char *twice = str_printf("%s 1\n%s 1\n", keys[i], keys[i]);

		put_line(&guest, text, keys[i], "");
		assert_damaged(&guest, keys[i]);
		put_line(&guest, text, keys[i], twice);
		assert_damaged(&guest, "twice");
	}
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		_cleanup_free_ char *line = str_printf("%s 1x\n", numbers[i]);

		put_line(&guest, text, numbers[i], line);
		assert_damaged(&guest, "is no number");
	}
}

static void test_damaged(void **state)
{
	static const struct {
		const char *key, *instead, *says;
	} rows[] = {
		{ "uuid", "uuid \n", "'uuid'" },
		{ "uuid", "uuid\n", "" },
		{ "uuid", "uuid 0123456789012345678901234567890123456789\n", "'uuid'" },
		{ "kernel", "kernel a\033b\n", "'kernel'" },
		{ "features", "features 18446744073709551616\n", "'features'" },
		{ "groups", "groups 3\n", "'groups'" },
		{ "groups", "groups 1\n", "'groups'" },
		{ "groups", "groups x\n", "'groups'" },
		{ "groups", "groups 2\nnew key\n", "'groups'" },
		{ "groups", "groups 3\n0 0 - ../x\n", "'groups'" },
		{ "groups", "", "" },
	};
	const struct guest guest = guest_of(*state);
	_cleanup_free_ char *text = NULL;

	save_ok(&guest, "one");
	assert_true(fd_read_file_at(guest.dir_fd, MANIFEST_PATH, 4096, &text) > 0);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_line(&guest, text, rows[i].key, rows[i].instead);
		assert_damaged(&guest, rows[i].says);
	}
	put_bytes(guest.dir_fd, MANIFEST_PATH, text, strlen(text) + 1);
	assert_damaged(&guest, "zero byte");
	assert_int_equal(unlinkat(guest.dir_fd, MANIFEST_PATH, 0), 0);
	assert_damaged(&guest, "is missing");
}

/* Cut anywhere, it is damaged, and never a guest with fewer groups. */
static void test_cut_at_each_byte(void **state)
{
	const struct guest guest = guest_of(*state);
	_cleanup_free_ char *text = NULL;

	save_ok(&guest, "one");

	ssize_t n = fd_read_file_at(guest.dir_fd, MANIFEST_PATH, 4096, &text);

	assert_true(n > 0);
	for (ssize_t len = 0; len < n; len++) {
		put_bytes(guest.dir_fd, MANIFEST_PATH, text, (size_t)len);
		assert_damaged(&guest, "");
	}
	put_bytes(guest.dir_fd, MANIFEST_PATH, text, (size_t)n);
	assert_whole(&guest, "one");
}

static void test_unknown_key(void **state)
{
	const struct guest guest = guest_of(*state);
	_cleanup_free_ char *text = NULL, *longer = NULL;

	save_ok(&guest, "one");
	assert_true(fd_read_file_at(guest.dir_fd, MANIFEST_PATH, 4096, &text) > 0);
	longer = str_printf("of-a-later-ctctl a b c\n%s", text);
	put_file(guest.dir_fd, MANIFEST_PATH, longer);
	assert_whole(&guest, "one");
}

/* What a ctctl wrote that did not know of shutdowns was asked for by somebody. */
static void test_of_an_earlier_ctctl(void **state)
{
	const struct guest guest = guest_of(*state);
	_cleanup_(checkpoint_manifest_free) struct checkpoint_manifest found = { 0 };
	_cleanup_free_ char *text = NULL;
	struct err err = ERR_INIT;

	save_ok(&guest, "one");
	assert_true(fd_read_file_at(guest.dir_fd, MANIFEST_PATH, 4096, &text) > 0);
	put_line(&guest, text, "for-shutdown", "");

	_cleanup_fd_ int images = checkpoint_open(&guest, &found, &err);

	assert_ok(images, &err);
	assert_int_equal(found.for_shutdown, 0);
	assert_int_equal(found.groups.n, full.groups.n);
}

/* A value that would be two lines is not written; a console that was lost is none. */
static void test_write_refuses(void **state)
{
	const struct scratch *s = *state;
	struct checkpoint_manifest manifest = full;
	struct err err = ERR_INIT;

	strcpy(manifest.kernel, "6.1\nuuid x");
	assert_int_equal(checkpoint_write_manifest(s->fd, &manifest, &err), -EINVAL);
	assert_err_has(&err, "kernel");
	manifest = full;
	manifest.uuid[0] = '\0';
	assert_int_equal(checkpoint_write_manifest(s->fd, &manifest, &err), -EINVAL);
	manifest = full;
	manifest.groups.n = 0;
	assert_int_equal(checkpoint_write_manifest(s->fd, &manifest, &err), -EBADMSG);
	assert_false(path_exists_at(s->fd, CHECKPOINT_MANIFEST));
	manifest = full;
	manifest.console[0] = '\0';
	assert_ok(checkpoint_write_manifest(s->fd, &manifest, &err), &err);
}

static int discard(const struct guest *guest, struct err *err)
{
	return checkpoint_discard(guest, err);
}

static int save_new(const struct guest *guest, struct err *err)
{
	return save(guest, "new", err);
}

/* In a process of its own, interrupted at a fault point: 128 + SIGKILL, or 1 for an error. */
static int interrupted(const struct guest *guest, const char *how, const char *where,
		       int (*act)(const struct guest *guest, struct err *err))
{
	pid_t pid = fork_child();

	assert_true(pid >= 0);
	if (pid == 0) {
		struct err err = ERR_INIT;

		setenv(how, where, 1);
		_exit(act(guest, &err) < 0 ? 1 : 0);
	}
	return wait_status(pid);
}

static const struct {
	const char *how;
	int status;
} ways[] = { { "CTCTL_FAULT_KILL", 128 + SIGKILL }, { "CTCTL_FAULT_FAIL", 1 } };

/* Before the rename there is no checkpoint, after it a whole one; in either case the next one finds its way. */
static void test_interrupted_save(void **state)
{
	static const struct {
		const char *where;
		bool is_saved;
	} rows[] = { { "suspend.begun", false }, { "suspend.synced", false }, { "suspend.renamed", true } };
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows) * ARRAY_SIZE(ways); i++) {
		const char *where = rows[i / ARRAY_SIZE(ways)].where;
		bool is_saved = rows[i / ARRAY_SIZE(ways)].is_saved;

		assert_int_equal(interrupted(&guest, ways[i % ARRAY_SIZE(ways)].how, where, save_new),
				 ways[i % ARRAY_SIZE(ways)].status);
		assert_int_equal(checkpoint_exists(&guest), is_saved);
		if (!is_saved)
			save_ok(&guest, "new");
		assert_whole(&guest, "new");
		assert_ok(checkpoint_discard(&guest, &err), &err);
	}
}

static void test_interrupted_discard(void **state)
{
	const struct guest guest = guest_of(*state);
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		save_ok(&guest, "one");
		assert_int_equal(interrupted(&guest, ways[i].how, "resume.discarding", discard), ways[i].status);
		assert_false(checkpoint_exists(&guest));
		assert_true(path_exists_at(guest.dir_fd, CHECKPOINT_DIR_NEW));
		assert_ok(checkpoint_discard(&guest, &err), &err);
		assert_false(path_exists_at(guest.dir_fd, CHECKPOINT_DIR_NEW));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_round_trip),
		SCRATCH_TEST(test_begin_is_empty),
		SCRATCH_TEST(test_commit_replaces_nothing),
		SCRATCH_TEST(test_commit_refuses_folder),
		SCRATCH_TEST(test_discard),
		SCRATCH_TEST(test_stat),
		SCRATCH_TEST(test_each_key),
		SCRATCH_TEST(test_damaged),
		SCRATCH_TEST(test_cut_at_each_byte),
		SCRATCH_TEST(test_unknown_key),
		SCRATCH_TEST(test_of_an_earlier_ctctl),
		SCRATCH_TEST(test_write_refuses),
		SCRATCH_TEST(test_interrupted_save),
		SCRATCH_TEST(test_interrupted_discard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
