/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "unit.h"

#include <time.h>

#include "base/str.h"
#include "runtime/checkpoint/ghosts.h"
#include "scratch.h"

/* What criu/include/magic.h has, as it lies in a file. */
#define HEAD_FILES "\x19\x43\x56\x54\x38\x31\x30\x56"
#define HEAD_REMAP "\x19\x43\x56\x54\x54\x39\x13\x59"
#define HEAD_GHOST "\x19\x43\x56\x54\x05\x36\x58\x52"

/* Types of remaps. */
#define LINKED 0
#define GHOST  1

/* The folder has images/ and root/; what is beside them is not the guest's. */
struct world {
	int images;
	int root;
	struct strbuf files;
	struct strbuf remaps;
};

static void put_message(struct strbuf *image, const struct strbuf *message)
{
	char head[4] = { (char)message->len, (char)(message->len >> 8), 0, 0 };

	strbuf_add_bytes(image, head, sizeof(head));
	strbuf_add_bytes(image, message->data, message->len);
}

static void world_open(struct world *w, void **state)
{
	int fd = ((struct scratch *)*state)->fd;

	put_dir(fd, "images");
	put_dir(fd, "root");
	*w = (struct world){
		.images = path_open_dir(fd, "images", O_RDONLY),
		.root = path_open_dir(fd, "root", O_RDONLY),
	};
	assert_true(w->images >= 0 && w->root >= 0);
	strbuf_add_bytes(&w->files, HEAD_FILES, 8);
	strbuf_add_bytes(&w->remaps, HEAD_REMAP, 8);
}

/* {type: REG, id, reg: {id, name}}; the reg's length has two bytes. */
static void put_reg(struct world *w, char id, const char *name, size_t len)
{
	size_t size = len + 5;
	char head[] = { 0x08, 0x01, 0x10, id, 0x1a, (char)(size | 0x80), (char)(size >> 7) };
	char reg[] = { 0x08, id, 0x32, (char)(len | 0x80), (char)(len >> 7) };
	struct strbuf message = { 0 };

	strbuf_add_bytes(&message, head, sizeof(head));
	strbuf_add_bytes(&message, reg, sizeof(reg));
	strbuf_add_bytes(&message, name, len);
	put_message(&w->files, &message);
	strbuf_free(&message);
}

static void put_remap(struct world *w, char file, char id, char type)
{
	char bytes[] = { 0x08, file, 0x10, id, 0x18, type };
	struct strbuf message = { 0 };

	strbuf_add_bytes(&message, bytes, sizeof(bytes));
	put_message(&w->remaps, &message);
	strbuf_free(&message);
}

/* {uid: 0, gid: 0, mode}, and what was in the file. */
static void put_ghost(struct world *w, int id, unsigned int mode)
{
	char bytes[] = { 0x08, 0, 0x10, 0, 0x18, (char)(mode | 0x80), (char)(mode >> 7 | 0x80), (char)(mode >> 14) };
	struct strbuf image = { 0 }, message = { 0 };
	_cleanup_free_ char *name = str_printf("ghost-file-%x.img", (unsigned int)id);

	strbuf_add_bytes(&image, HEAD_GHOST, 8);
	strbuf_add_bytes(&message, bytes, sizeof(bytes));
	put_message(&image, &message);
	strbuf_add(&image, "what was in it");
	put_bytes(w->images, name, image.data, image.len);
	strbuf_free(&image);
	strbuf_free(&message);
}

/* A file that had been deleted. */
static void put_deleted(struct world *w, char file, int id, const char *name, unsigned int mode)
{
	put_reg(w, file, name, strlen(name));
	put_remap(w, file, (char)id, GHOST);
	put_ghost(w, id, mode);
}

/* The images are `age_s` seconds old. */
static void save(struct world *w, int age_s)
{
	struct timespec times[2];

	clock_gettime(CLOCK_REALTIME, &times[0]);
	times[0].tv_sec -= age_s;
	times[1] = times[0];
	put_bytes(w->images, "files.img", w->files.data, w->files.len);
	put_bytes(w->images, "remap-fpath.img", w->remaps.data, w->remaps.len);
	assert_int_equal(utimensat(w->images, "remap-fpath.img", times, 0), 0);
}

static void world_close(struct world *w)
{
	strbuf_free(&w->files);
	strbuf_free(&w->remaps);
	close(w->images);
	close(w->root);
}

static void swept(struct world *w)
{
	struct err err = ERR_INIT;

	assert_ok(checkpoint_sweep_ghosts(w->images, w->root, &err), &err);
}

static void refused(struct world *w, const char *image)
{
	struct err err = ERR_INIT;

	save(w, 60);
	assert_int_equal(checkpoint_sweep_ghosts(w->images, w->root, &err), -EBADMSG);
	assert_err_has(&err, image);
}

/* The name has the ghost's id in hexadecimal digits, not the file's; a link that the dump made is kept, whatever it is called. */
static void test_files(void **state)
{
	struct world w;

	world_open(&w, state);
	put_dir(w.root, "var");
	put_reg(&w, 1, "/etc/passwd", 11);
	put_deleted(&w, 9, 0x1f, "/var/log", S_IFREG | 0600);
	put_deleted(&w, 3, 2, "/top", S_IFREG | 0600);
	put_deleted(&w, 4, 4, "/var/pipe", S_IFIFO | 0600);
	put_reg(&w, 5, "/var/linked", 11);
	put_reg(&w, 6, "/var/link_remap.6", 17);
	put_remap(&w, 5, 6, LINKED);
	save(&w, 60);
	put_file(w.root, "var/log.cr.1f.ghost", "a ghost");
	put_file(w.root, "top.cr.2.ghost", "a ghost");
	assert_int_equal(mkfifoat(w.root, "var/pipe.cr.4.ghost", 0600), 0);
	put_file(w.root, "var/link_remap.6", "kept");
	put_file(w.root, "var/linked.cr.6.ghost", "kept");
	put_file(w.root, "var/log", "kept");
	put_file(w.root, "var/log.cr.31.ghost", "kept");
	put_file(w.root, "var/log.cr.9.ghost", "kept");
	swept(&w);
	assert_false(path_exists_at(w.root, "var/log.cr.1f.ghost"));
	assert_false(path_exists_at(w.root, "top.cr.2.ghost"));
	assert_false(path_exists_at(w.root, "var/pipe.cr.4.ghost"));
	assert_file(w.root, "var/link_remap.6", "kept");
	assert_file(w.root, "var/linked.cr.6.ghost", "kept");
	assert_file(w.root, "var/log", "kept");
	assert_file(w.root, "var/log.cr.31.ghost", "kept");
	assert_file(w.root, "var/log.cr.9.ghost", "kept");
	swept(&w);
	world_close(&w);
}

/* One ghost of two names, and an entry that was doubled: any of them may have been CRIU's first. */
static void test_several_names(void **state)
{
	struct world w;

	world_open(&w, state);
	put_deleted(&w, 3, 1, "/one", S_IFREG | 0600);
	put_reg(&w, 4, "/two", 4);
	put_remap(&w, 4, 1, GHOST);
	put_remap(&w, 3, 2, GHOST);
	put_ghost(&w, 2, S_IFREG | 0600);
	save(&w, 60);
	put_file(w.root, "one.cr.1.ghost", "a ghost");
	put_file(w.root, "one.cr.2.ghost", "a ghost");
	put_file(w.root, "two.cr.1.ghost", "a ghost");
	swept(&w);
	assert_false(path_exists_at(w.root, "one.cr.1.ghost"));
	assert_false(path_exists_at(w.root, "one.cr.2.ghost"));
	assert_false(path_exists_at(w.root, "two.cr.1.ghost"));
	world_close(&w);
}

/* What was in a deleted folder is made in the nearest one that is there, which may have changed since. */
static void test_above(void **state)
{
	struct world w;

	world_open(&w, state);
	put_dir(w.root, "a");
	put_dir(w.root, "a/b");
	put_deleted(&w, 3, 1, "/a/gone/gone/f", S_IFREG | 0600);
	put_deleted(&w, 4, 2, "/a/b/g", S_IFREG | 0600);
	put_deleted(&w, 5, 3, "/gone/h", S_IFREG | 0600);
	save(&w, 60);
	put_file(w.root, "a/f.cr.1.ghost", "a ghost");
	put_file(w.root, "g.cr.2.ghost", "a ghost");
	put_file(w.root, "h.cr.3.ghost", "a ghost");
	swept(&w);
	assert_false(path_exists_at(w.root, "a/f.cr.1.ghost"));
	assert_false(path_exists_at(w.root, "g.cr.2.ghost"));
	assert_false(path_exists_at(w.root, "h.cr.3.ghost"));
	world_close(&w);
}

/* Nested ones, with a file's ghost in them; one that has something else in it stays. */
static void test_folders(void **state)
{
	struct world w;

	world_open(&w, state);
	put_deleted(&w, 3, 1, "/a", S_IFDIR | 0700);
	put_deleted(&w, 4, 2, "/a/b", S_IFDIR | 0700);
	put_deleted(&w, 5, 3, "/a/b/f", S_IFREG | 0600);
	put_deleted(&w, 6, 4, "/full", S_IFDIR | 0700);
	put_deleted(&w, 7, 5, "/file", S_IFDIR | 0700);
	save(&w, 60);
	put_dir(w.root, "a");
	put_dir(w.root, "a/b");
	put_file(w.root, "a/b/f.cr.3.ghost", "a ghost");
	put_dir(w.root, "full");
	put_file(w.root, "full/f", "kept");
	put_file(w.root, "file", "kept");
	swept(&w);
	assert_false(path_exists_at(w.root, "a"));
	assert_file(w.root, "full/f", "kept");
	assert_file(w.root, "file", "kept");
	world_close(&w);
}

/* The guest had made it anew before it was suspended. */
static void test_older_folder(void **state)
{
	struct world w;

	world_open(&w, state);
	put_dir(w.root, "a");
	put_deleted(&w, 3, 1, "/a", S_IFDIR | 0700);
	save(&w, -60);
	swept(&w);
	assert_true(path_exists_at(w.root, "a"));
	world_close(&w);
}

/* Neither a symlink nor ".." leads out, and no other guest's file goes. */
static void test_outside(void **state)
{
	int fd = ((struct scratch *)*state)->fd;
	struct world w;

	world_open(&w, state);
	put_dir(fd, "host");
	put_dir(fd, "host/empty");
	put_dir(w.root, "in");
	assert_int_equal(symlinkat("../host", w.root, "out"), 0);
	assert_int_equal(symlinkat("in", w.root, "link"), 0);
	assert_int_equal(symlinkat("in", w.root, "target.cr.6.ghost"), 0);
	put_deleted(&w, 1, 1, "/out/f", S_IFREG | 0600);
	put_deleted(&w, 2, 2, "/../host/f", S_IFREG | 0600);
	put_deleted(&w, 3, 3, "/link/f", S_IFREG | 0600);
	put_deleted(&w, 4, 4, "/../host/empty", S_IFDIR | 0700);
	put_deleted(&w, 5, 5, "/in/..", S_IFDIR | 0700);
	put_deleted(&w, 6, 6, "/target", S_IFLNK | 0777);
	put_deleted(&w, 7, 7, "//host/f", S_IFREG | 0600);
	put_deleted(&w, 8, 8, "/in/", S_IFDIR | 0700);
	save(&w, 60);
	put_file(fd, "host/f.cr.1.ghost", "kept");
	put_file(fd, "host/f.cr.2.ghost", "kept");
	put_file(fd, "host/f.cr.7.ghost", "kept");
	put_file(w.root, "in/f.cr.3.ghost", "kept");
	swept(&w);
	assert_file(fd, "host/f.cr.1.ghost", "kept");
	assert_file(fd, "host/f.cr.2.ghost", "kept");
	assert_file(fd, "host/f.cr.7.ghost", "kept");
	assert_file(w.root, "in/f.cr.3.ghost", "kept");
	assert_true(path_exists_at(fd, "host/empty"));
	assert_false(path_exists_at(w.root, "target.cr.6.ghost"));
	world_close(&w);
}

/* No file was deleted, or none is known any more. */
static void test_nothing(void **state)
{
	struct err err = ERR_INIT;
	struct world w;

	world_open(&w, state);
	assert_ok(checkpoint_sweep_ghosts(w.images, w.root, &err), &err);
	assert_int_equal(err.code, 0);
	save(&w, 60);
	swept(&w);
	put_remap(&w, 3, 1, GHOST);
	put_ghost(&w, 1, S_IFREG | 0600);
	save(&w, 60);
	swept(&w);
	world_close(&w);
}

static void check_name(void **state, const char *name, size_t len)
{
	struct world w;

	world_open(&w, state);
	put_reg(&w, 3, name, len);
	put_remap(&w, 3, 1, GHOST);
	put_ghost(&w, 1, S_IFREG | 0600);
	refused(&w, "files.img");
	world_close(&w);
	assert_int_equal(path_remove_tree_at(((struct scratch *)*state)->fd, "images"), 0);
	assert_int_equal(path_remove_tree_at(((struct scratch *)*state)->fd, "root"), 0);
}

static void test_names(void **state)
{
	char longest[4096];

	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	check_name(state, "/a\0b", 4);
	check_name(state, "a", 1);
	check_name(state, "ab", 2);
	check_name(state, "/", 1);
	check_name(state, "", 0);
	check_name(state, longest, sizeof(longest));
}

static void test_damaged_ghost(void **state)
{
	const char *const bad[] = { "", "\x19\x43\x56\x54\x05\x36\x58\x52\x09",
				    "\x19\x43\x56\x54\x05\x36\x58\x53\x02zzz\x18\x01" };
	struct world w;

	world_open(&w, state);
	put_deleted(&w, 3, 1, "/a", S_IFREG | 0600);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		put_file(w.images, "ghost-file-1.img", bad[i]);
		refused(&w, "ghost-file-1.img");
	}
	/* The entry is longer than the file; far too long; and has no mode. */
	put_bytes(w.images, "ghost-file-1.img", HEAD_GHOST "\x03\0\0\0\x18\x01", 14);
	refused(&w, "ghost-file-1.img");
	put_bytes(w.images, "ghost-file-1.img", HEAD_GHOST "\xff\xff\xff\xff\x18\x01", 14);
	refused(&w, "ghost-file-1.img");
	put_bytes(w.images, "ghost-file-1.img", HEAD_GHOST "\x02\0\0\0\x10\x01", 14);
	refused(&w, "ghost-file-1.img");
	put_bytes(w.images, "ghost-file-1.img", HEAD_GHOST "\x00\0\0\0\x10\x01", 14);
	refused(&w, "ghost-file-1.img");
	world_close(&w);
}

/* It has its mode, behind a symlink's target that is longer than any path. */
static void test_large_ghost(void **state)
{
	char image[12 + 3 + 9000 + 2] = HEAD_GHOST "\x2d\x23\0\0\x5a\xa8\x46";
	struct world w;

	image[sizeof(image) - 2] = 0x18;
	image[sizeof(image) - 1] = 0x01;
	world_open(&w, state);
	put_deleted(&w, 3, 1, "/a", S_IFREG | 0600);
	put_bytes(w.images, "ghost-file-1.img", image, sizeof(image));
	refused(&w, "ghost-file-1.img");
	world_close(&w);
}

static void test_damaged_remap(void **state)
{
	struct world w;

	world_open(&w, state);
	strbuf_add_bytes(&w.remaps, "\x04\0\0\0\x08\x01\x10\x01", 8);
	refused(&w, "remap-fpath.img");
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_files),	SCRATCH_TEST(test_several_names), SCRATCH_TEST(test_above),
		SCRATCH_TEST(test_folders),	SCRATCH_TEST(test_older_folder),  SCRATCH_TEST(test_outside),
		SCRATCH_TEST(test_nothing),	SCRATCH_TEST(test_names),	  SCRATCH_TEST(test_damaged_ghost),
		SCRATCH_TEST(test_large_ghost), SCRATCH_TEST(test_damaged_remap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
