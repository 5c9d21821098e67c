/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/storage_unit.h"

#include <errno.h>
#include <sys/statvfs.h>

#include "base/proc.h"
#include "storage/erofs_priv.h"
#include "storage/image.h"
#include "storage/mounted_priv.h"
#include "storage/rootfs_priv.h"

#define UUID "12345678-9abc-4def-8123-456789abcdef"

struct image {
	struct scratch scratch;
	char *mounts;
	char *file;
	int fd;
};

/* Something that no compression makes small. */
static void make_big_file(int dir_fd)
{
	_cleanup_fd_ int fd = openat(dir_fd, "tree/big", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	uint32_t words[16384], x = 1;

	for (size_t n = 0; n < ARRAY_SIZE(words); n++) {
		x = x * 1664525 + 1013904223; /* Knuth's generator */
		words[n] = x ^ x >> 16;
	}
	assert_int_equal(fd_write_all(fd, words, sizeof(words)), 0);
}

static void image_begin(struct image *i, void **state)
{
	struct err err = ERR_INIT;

	scratch_begin(&i->scratch, state);
	make_tree(i->scratch.fd, "tree");
	make_big_file(i->scratch.fd);
	make_dir(i->scratch.fd, "mounts");
	i->mounts = str_printf("%s/mounts", i->scratch.path);
	i->file = str_printf("%s/image", i->scratch.path);

	_cleanup_free_ char *tree = str_printf("%s/tree", i->scratch.path);

	assert_ok(image_make(tree, i->file, UUID, &err), &err);
	i->fd = open(i->file, O_RDONLY | O_CLOEXEC);
	assert_true(i->fd >= 0);
}

static void image_end(struct image *i)
{
	close(i->fd);
	free(i->mounts);
	free(i->file);
	scratch_end(&i->scratch);
}

static void test_make(void **state)
{
	struct image i;
	struct stat st, made;
	unsigned char uuid[16];

	NEED_ROOT();
	image_begin(&i, state);
	assert_int_equal(fstat(i.fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size % 4096, 0);
	assert_int_equal(pread(i.fd, uuid, sizeof(uuid), 1024 + 48), sizeof(uuid));
	assert_memory_equal(uuid, "\x12\x34\x56\x78\x9a\xbc\x4d\xef\x81\x23\x45\x67\x89\xab\xcd\xef", 16);
	assert_false(path_exists_at(i.scratch.fd, "image.new"));

	/* Names, owners, modes and times are those of the tree. */
	struct err err = ERR_INIT;
	int root = image_open(i.mounts, "one", i.fd, &err);

	assert_ok(root, &err);
	assert_int_equal(fstatat(i.scratch.fd, "tree/etc/web", &st, 0), 0);
	assert_int_equal(fstatat(root, "etc/web", &made, 0), 0);
	assert_int_equal(made.st_uid, 33);
	assert_int_equal(made.st_mode, st.st_mode);
	assert_int_equal(made.st_mtime, st.st_mtime);
	close(root);
	assert_ok(image_release(i.mounts, "one", &err), &err);
	image_end(&i);
}

static void test_make_refuses(void **state)
{
	struct image i;
	struct err err = ERR_INIT;

	NEED_ROOT();
	image_begin(&i, state);

	_cleanup_free_ char *other = str_printf("%s/other", i.scratch.path);

	assert_true(image_make("/no/such/tree", other, UUID, &err) < 0);
	assert_err_has(&err, "/no/such/tree");
	assert_false(path_exists_at(i.scratch.fd, "other"));
	assert_false(path_exists_at(i.scratch.fd, "other.new"));
	image_end(&i);
}

static void test_open_and_release(void **state)
{
	struct image i;
	struct err err = ERR_INIT;
	struct statvfs st;

	NEED_ROOT();
	image_begin(&i, state);

	int first = image_open(i.mounts, "one", i.fd, &err);

	assert_ok(first, &err);
	assert_int_equal(count_mounts(), i.scratch.n_mounts + 1);
	/* The way of every start: without the lock, which can be missing, and without the file. */
	_cleanup_free_ char *lock = str_printf("%s/.lock", i.mounts);

	assert_int_equal(unlink(lock), 0);

	int second = image_open(i.mounts, "one", -1, &err);

	assert_ok(second, &err);
	assert_int_equal(access(lock, F_OK), -1);
	assert_int_equal(count_mounts(), i.scratch.n_mounts + 1);
	assert_int_equal(fstatvfs(second, &st), 0);
	assert_int_equal(st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV), ST_RDONLY | ST_NOSUID | ST_NODEV);
	assert_true(fcntl(second, F_GETFL) & O_PATH);
	close(first);
	close(second);
	assert_ok(image_release(i.mounts, "one", &err), &err);
	assert_int_equal(count_mounts(), i.scratch.n_mounts);
	assert_ok(image_release(i.mounts, "one", &err), &err);
	assert_ok(image_release("/no/such/folder", "one", &err), &err);
	image_end(&i);
}

static void test_is_private(void **state)
{
	struct image i;
	struct err err = ERR_INIT;
	_cleanup_free_ char *table = NULL;

	NEED_ROOT();
	image_begin(&i, state);

	int root = image_open(i.mounts, "one", i.fd, &err);

	assert_ok(root, &err);
	assert_true(fd_read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 24, &table) > 0);

	char *line = strstr(table, i.mounts);

	assert_non_null(line);
	*strchrnul(line, '\n') = '\0';
	assert_null(strstr(line, "shared:"));
	/* The table names the file, where no loop device was needed. */
	assert_true(strstr(line, i.file) || strstr(line, "/dev/loop"));
	close(root);
	assert_ok(image_release(i.mounts, "one", &err), &err);
	image_end(&i);
}

static void check_refused(struct image *i, const char *part)
{
	struct err err = ERR_INIT;
	int fd = open(i->file, O_RDONLY | O_CLOEXEC);

	assert_true(image_open(i->mounts, "bad", fd, &err) < 0);
	assert_int_equal(err.exit, EXIT_BAD_TEMPLATE);
	assert_err_has(&err, "image 'bad'");
	assert_err_has(&err, part);
	close(fd);
	assert_int_equal(count_mounts(), i->scratch.n_mounts);

	_cleanup_free_ char *point = str_printf("%s/bad", i->mounts);

	assert_int_equal(access(point, F_OK), -1);
}

static void overwrite(const struct image *i, off_t offset, const void *data, size_t len)
{
	_cleanup_fd_ int fd = open(i->file, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, data, len, offset), len);
}

static void test_damaged(void **state)
{
	struct image i;
	struct stat st;

	NEED_ROOT();
	image_begin(&i, state);
	assert_int_equal(fstat(i.fd, &st), 0);
	assert_int_equal(truncate(i.file, st.st_size - 4096), 0);
	check_refused(&i, "cut short");
	assert_int_equal(truncate(i.file, st.st_size), 0);
	/* A bit in the superblock that only its checksum covers. */
	overwrite(&i, 1024 + 24, "\xff\xff", 2);
	check_refused(&i, "damaged");
	overwrite(&i, 1024 + 12, "\x40", 1);
	check_refused(&i, "damaged");
	overwrite(&i, 1024, "ext4", 4);
	check_refused(&i, "no erofs");
	assert_int_equal(truncate(i.file, 0), 0);
	check_refused(&i, "no erofs");
	image_end(&i);
}

static void test_names(void **state)
{
	static const char *const bad[] = { "", ".", "..", ".lock", "a/b", "../x" };
	struct err err = ERR_INIT;

	(void)state;
	for (size_t n = 0; n < ARRAY_SIZE(bad); n++) {
		assert_int_equal(image_open("/tmp", bad[n], -1, &err), -EINVAL);
		assert_int_equal(image_release("/tmp", bad[n], &err), -EINVAL);
	}
}

/* Several processes find the image unmounted at the same time. */
static void test_mounted_once(void **state)
{
	enum { N = 8 };
	struct image i;
	struct err err = ERR_INIT;
	int gate[2];
	pid_t pids[N];

	NEED_ROOT();
	image_begin(&i, state);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int n = 0; n < N; n++) {
		pids[n] = fork();
		if (pids[n] == 0) {
			char c;

			close(gate[1]);
			_exit(read(gate[0], &c, 1) != 0 || image_open(i.mounts, "one", i.fd, &err) < 0);
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int n = 0; n < N; n++) {
		int status;

		assert_int_equal(waitpid(pids[n], &status, 0), pids[n]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_mounts(), i.scratch.n_mounts + 1);
	assert_ok(image_release(i.mounts, "one", &err), &err);
	image_end(&i);
}

/* What kernels before 6.12 do. */
static void test_by_loop_device(void **state)
{
	struct image i;
	struct err err = ERR_INIT;

	NEED_ROOT();
	image_begin(&i, state);

	int a = erofs_mount_by(EROFS_BY_LOOP, i.fd, &err);

	assert_ok(a, &err);
	assert_true(path_exists_at(a, "etc/hosts"));

	/* The same file again: the same device, so one superblock and one copy in memory. */
	int b = erofs_mount_by(EROFS_BY_LOOP, i.fd, &err);
	struct stat sa, sb;

	assert_ok(b, &err);
	assert_int_equal(fstat(a, &sa), 0);
	assert_int_equal(fstat(b, &sb), 0);
	assert_int_equal(sa.st_dev, sb.st_dev);
	close(a);
	close(b);
	image_end(&i);
}

static int see_the_image(void)
{
	struct stat st;

	if (stat("/etc/web", &st) < 0 || st.st_uid != 33)
		return 1;
	return fd_write_file_at(AT_FDCWD, "/etc/web", "changed") < 0 ? 2 : 0;
}

/* A guest on an image: what all of this is for. Also after the image's release, as long as it runs. */
static void check_guest_on_image(void **state, enum rootfs_way way)
{
	struct err err = ERR_INIT;
	struct image i;

	image_begin(&i, state);
	make_dir(i.scratch.fd, "area");
	make_dir(i.scratch.fd, "area/upper");
	make_dir(i.scratch.fd, "area/work");
	make_dir(i.scratch.fd, "mnt");

	struct rootfs_spec spec = {
		.layer_fds = { image_open(i.mounts, "one", i.fd, &err) },
		.n_layers = 1,
		.area_fd = openat(i.scratch.fd, "area", O_PATH | O_CLOEXEC),
		.userns_fd = make_userns(),
		.root_uid = TEST_ROOT_UID,
	};

	assert_ok(spec.layer_fds[0], &err);

	_cleanup_free_ char *point = str_printf("%s/mnt", i.scratch.path);
	int root = rootfs_assemble_by(way, &spec, &err);

	close(spec.layer_fds[0]);
	if (root != -EOPNOTSUPP) {
		assert_ok(root, &err);
		assert_ok(image_release(i.mounts, "one", &err), &err);
		assert_int_equal(run_in_guest(spec.userns_fd, root, point, see_the_image), 0);
		assert_int_equal(uid_of(i.scratch.fd, "area/upper/etc/web"), 33);
		close(root);
	}
	assert_ok(image_release(i.mounts, "one", &err), &err);
	close(spec.area_fd);
	close(spec.userns_fd);
	image_end(&i);
}

static void test_guest_on_image(void **state)
{
	NEED_ROOT();
	check_guest_on_image(state, ROOTFS_BY_FD);
	check_guest_on_image(state, ROOTFS_BY_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_make),	 STORAGE_TEST(test_make_refuses),   STORAGE_TEST(test_open_and_release),
		STORAGE_TEST(test_is_private),	 STORAGE_TEST(test_damaged),	    STORAGE_TEST(test_names),
		STORAGE_TEST(test_mounted_once), STORAGE_TEST(test_by_loop_device), STORAGE_TEST(test_guest_on_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
