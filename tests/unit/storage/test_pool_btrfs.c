/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/storage_unit.h"

#include <errno.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>

#include "storage/btrfs_priv.h"
#include "storage/mounts.h"
#include "storage/pool.h"
#include "storage/rootfs.h"

#define ID   "0f0f0f0f-1111-4222-8333-444444444444"
#define ID_2 "0f0f0f0f-1111-4222-8333-555555555555"
#define MIB  (1ULL << 20)

/* Pools of the kind btrfs on a loop file: real file systems, real limits. */

struct pools {
	struct scratch scratch;
	char *dir;
	char *data; /* where the pool `one` is mounted */
};

static void pools_begin(struct pools *p, void **state)
{
	scratch_begin(&p->scratch, state);
	p->dir = str_printf("%s/pools", p->scratch.path);
	p->data = str_printf("%s/one/data", p->dir);
}

static int work_create_pool(void *context)
{
	struct pools *p = context;
	const struct pool_spec spec = { .name = "one", .kind = POOL_BTRFS, .size_bytes = 512 * MIB };
	struct err err = ERR_INIT;

	return pool_create(p->dir, &spec, NULL, &err);
}

static struct pool *open_one(struct pools *p)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	assert_ok(pool_open(p->dir, "one", &pool, &err), &err);
	return pool;
}

static struct pool *create_and_open(struct pools *p)
{
	const struct pool_spec spec = { .name = "one", .kind = POOL_BTRFS, .size_bytes = 512 * MIB };
	struct err err = ERR_INIT;

	assert_ok(pool_create(p->dir, &spec, NULL, &err), &err);
	return open_one(p);
}

/* Removing the pool proves that nothing holds its mount; scratch_end() that the mount is gone. */
static void pools_end(struct pools *p, struct pool *pool)
{
	struct err err = ERR_INIT;

	pool_close(pool);
	if (pool)
		assert_ok(pool_remove(p->dir, "one", &err), &err);
	free(p->dir);
	free(p->data);
	scratch_end(&p->scratch);
}

static int data_of(struct pools *p)
{
	int fd = open(p->data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void test_create_and_mount(void **state)
{
	_cleanup_(mount_entry_clear) struct mount_entry entry = { 0 };
	struct pools p;
	struct err err = ERR_INIT;
	struct pool_stat ps;
	struct statvfs vfs;
	struct stat st;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_int_equal(pool_get_kind(pool), POOL_BTRFS);
	assert_ok(pool_get_stat(pool, &ps, &err), &err);
	assert_true(ps.has_limits);
	assert_int_equal(ps.total_bytes, 512 * MIB);
	assert_int_equal(mounts_find(p.data, &entry, &err), 1);
	assert_string_equal(entry.type, "btrfs");
	assert_true(str_has_prefix(entry.source, "/dev/loop"));
	assert_int_equal(statvfs(p.data, &vfs), 0);
	assert_int_equal(vfs.f_flag & (ST_NOSUID | ST_NODEV), ST_NOSUID | ST_NODEV);
	assert_int_equal(stat(p.data, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	/* Sparse. */
	assert_int_equal(fstatat(p.scratch.fd, "pools/one/data.img", &st, 0), 0);
	assert_true((uint64_t)st.st_size == 512 * MIB && (uint64_t)st.st_blocks * 512 < 64 * MIB);
	pools_end(&p, pool);
}

static void test_small_size(void **state)
{
	const struct pool_spec small = { .name = "one", .kind = POOL_BTRFS, .size_bytes = 10 * MIB };
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);
	assert_true(pool_create(p.dir, &small, NULL, &err) < 0);
	assert_err_has(&err, "256");
	assert_int_equal(err.exit, EXIT_INVALID);
	assert_false(path_exists_at(p.scratch.fd, "pools/one"));
	pools_end(&p, NULL);
}

/* A folder on what is no btrfs. */
static void test_path_elsewhere(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	_cleanup_free_ char *path = str_printf("%s/elsewhere", p.scratch.path);
	const struct pool_spec spec = { .name = "one", .kind = POOL_BTRFS, .path = path };

	assert_true(pool_create(p.dir, &spec, NULL, &err) < 0);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
	assert_err_has(&err, path);
	assert_false(path_exists_at(p.scratch.fd, "pools/one"));
	pools_end(&p, NULL);
}

/* A pool in a folder of the first one's btrfs. */
static void test_path_on_btrfs(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct pool *two = NULL;
	struct area_stat as;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);
	/* Its name begins with a dot, so that the first pool does not take it for an area. */
	_cleanup_free_ char *path = str_printf("%s/.two", p.data);
	const struct pool_spec spec = { .name = "two", .kind = POOL_BTRFS, .path = path };

	assert_ok(pool_create(p.dir, &spec, NULL, &err), &err);
	assert_ok(pool_open(p.dir, "two", &two, &err), &err);
	assert_ok(area_create(two, ID, 20 * MIB, &err), &err);
	assert_ok(area_get_stat(two, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 20 * MIB);
	assert_int_equal(pool_remove(p.dir, "two", &err), -EBUSY);
	assert_ok(area_destroy(two, ID, &err), &err);
	pool_close(two);
	assert_ok(pool_remove(p.dir, "two", &err), &err);
	make_file(p.scratch.fd, "pools/one/data/.two/x", "", 0600, 0);
	assert_true(pool_create(p.dir, &spec, NULL, &err) < 0);
	assert_err_has(&err, "not empty");
	pools_end(&p, pool);
}

/* In the guest: writes until it is told to stop. 100 + the whole MiB that fitted, 199 if 90 did, 200 if the end was not EDQUOT. */
static int fill_the_disk(void)
{
	static char block[1 << 20];
	_cleanup_fd_ int fd = open("/big", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	size_t total = 0;

	if (fd < 0)
		return errno == EDQUOT ? 100 : 200;
	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = (char)(i * 2654435761U >> 13);
	while (total < 90 * MIB) {
		/* The last writes before the end are short ones. */
		ssize_t n = write(fd, block, sizeof(block));

		if (n < 0)
			return errno == EDQUOT ? 100 + (int)(total / MIB) : 200;
		total += (size_t)n;
	}
	return 199;
}

static int fill_as_guest(struct pools *p, struct pool *pool, const struct rootfs_spec *spec)
{
	struct err err = ERR_INIT;
	struct rootfs_spec s = *spec;
	_cleanup_free_ char *point = str_printf("%s/mnt", p->scratch.path);

	s.area_fd = area_open(pool, ID, &err);
	assert_ok(s.area_fd, &err);

	int root = rootfs_assemble(&s, &err);

	assert_ok(root, &err);

	int result = run_in_guest(s.userns_fd, root, point, fill_the_disk);

	close(root);
	close(s.area_fd);
	return result;
}

static void test_limit_holds_through_overlay(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct area_stat as;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	make_tree(p.scratch.fd, "layer");
	make_dir(p.scratch.fd, "mnt");

	struct rootfs_spec spec = {
		.layer_fds = { openat(p.scratch.fd, "layer", O_PATH | O_CLOEXEC) },
		.n_layers = 1,
		.userns_fd = make_userns(),
		.root_uid = TEST_ROOT_UID,
	};

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 10 * MIB);

	int first = fill_as_guest(&p, pool, &spec);

	/* Its metadata counts too: never the whole limit. */
	assert_in_range(first, 107, 109);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_true(as.is_exact);
	/* More room, without a restart. */
	assert_ok(area_set_limit(pool, ID, 30 * MIB, &err), &err);
	assert_in_range(fill_as_guest(&p, pool, &spec), 116, 122);

	int data = data_of(&p);

	assert_int_equal(syncfs(data), 0);
	close(data);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_in_range(as.used_bytes, 25 * MIB, 30 * MIB);
	assert_int_equal(as.limit_bytes, 30 * MIB);
	/* Below what is used: allowed, and nothing more can be written. */
	assert_ok(area_set_limit(pool, ID, 5 * MIB, &err), &err);
	assert_int_equal(fill_as_guest(&p, pool, &spec), 100);
	/* The root of a guest that is over its limit could be mounted, by more room for a moment, which is gone again. */
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 5 * MIB);
	assert_ok(area_set_limit(pool, ID, 0, &err), &err);
	assert_ok(area_get_stat(pool, ID, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 0);
	assert_int_equal(fill_as_guest(&p, pool, &spec), 199);
	assert_ok(area_destroy(pool, ID, &err), &err);
	close(spec.layer_fds[0]);
	close(spec.userns_fd);
	pools_end(&p, pool);
}

/* One guest's limit is not the other's. */
static void test_areas_are_apart(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	struct area_stat one, two;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);
	assert_ok(area_create(pool, ID_2, 20 * MIB, &err), &err);
	assert_ok(area_get_stat(pool, ID, &one, &err), &err);
	assert_ok(area_get_stat(pool, ID_2, &two, &err), &err);
	assert_int_equal(one.limit_bytes, 10 * MIB);
	assert_int_equal(two.limit_bytes, 20 * MIB);
	assert_true(area_create(pool, ID, 0, &err) < 0);
	assert_int_equal(err.exit, EXIT_AREA_EXISTS);
	assert_ok(area_get_stat(pool, ID, &one, &err), &err);
	assert_int_equal(one.limit_bytes, 10 * MIB);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_ok(area_destroy(pool, ID_2, &err), &err);
	pools_end(&p, pool);
}

static uint64_t subvolume_of(struct pools *p)
{
	_cleanup_free_ char *path = str_printf("%s/" ID, p->data);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	uint64_t id = 0;

	assert_true(fd >= 0);
	assert_int_equal(btrfs_subvolume_id(fd, &id), 0);
	return id;
}

static bool has_group(struct pools *p, uint64_t subvolume)
{
	struct btrfs_quota quota;
	_cleanup_fd_ int data = data_of(p);

	return btrfs_quota_read(data, subvolume, &quota) == 0;
}

static int work_create_area(void *context)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(((struct pools *)context)->dir, "one", &pool, &err);

	return r < 0 ? 0 : area_create(pool, ID, 10 * MIB, &err);
}

static int work_destroy_area(void *context)
{
	struct err err = ERR_INIT;
	struct pool *pool = NULL;
	int r = pool_open(((struct pools *)context)->dir, "one", &pool, &err);

	return r < 0 ? 0 : area_destroy(pool, ID, &err);
}

/* Waits until the kernel has given back the space of removed subvolumes: only then do newer kernels let their groups go. */
static void wait_for_cleaner(struct pools *p)
{
	int data = data_of(p);

	/* Wakes the cleaner, which else sleeps for up to 30 s. */
	assert_int_equal(ioctl(data, BTRFS_IOC_SYNC), 0);
	close(data);

	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1) == 1)
			execlp("btrfs", "btrfs", "subvolume", "sync", "-s", "1", p->data, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_killed_area(void **state)
{
	static const char *const points[] = { "area.subvolume", "area.limit", "area.folders" };
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		struct area_stat as;

		try_with_fault("CTCTL_FAULT_KILL", points[i], work_create_area, &p);
		assert_false(area_exists(pool, ID));
		assert_ok(area_create(pool, ID, 20 * MIB, &err), &err);
		assert_ok(area_get_stat(pool, ID, &as, &err), &err);
		assert_int_equal(as.limit_bytes, 20 * MIB);
		assert_ok(area_destroy(pool, ID, &err), &err);
		try_with_fault("CTCTL_FAULT_FAIL", points[i], work_create_area, &p);
		assert_int_equal(area_open(pool, ID, &err), -ENOENT);
		assert_err_has(&err, "no area");
	}
	pools_end(&p, pool);
}

/* Killed between the subvolume and its group: the next removal, which finds no subvolume, takes the group. */
static void test_killed_destroy(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);

	uint64_t subvolume = subvolume_of(&p);

	assert_true(has_group(&p, subvolume));
	try_with_fault("CTCTL_FAULT_KILL", "area.destroyed", work_destroy_area, &p);
	assert_false(area_exists(pool, ID));
	wait_for_cleaner(&p);
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_false(has_group(&p, subvolume));
	pools_end(&p, pool);
}

static void test_group_goes_with_area(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);

	uint64_t first = subvolume_of(&p);

	assert_ok(area_create(pool, ID_2, 10 * MIB, &err), &err);
	assert_ok(area_destroy(pool, ID, &err), &err);
	wait_for_cleaner(&p);
	/* A removal of what is not there sweeps, and leaves the groups of the living. */
	assert_ok(area_destroy(pool, ID, &err), &err);
	assert_false(has_group(&p, first));

	struct area_stat as;

	assert_ok(area_get_stat(pool, ID_2, &as, &err), &err);
	assert_int_equal(as.limit_bytes, 10 * MIB);
	assert_ok(area_destroy(pool, ID_2, &err), &err);
	pools_end(&p, pool);
}

static void test_killed_pool(void **state)
{
	static const char *const points[] = { "pool.image", "pool.format", "pool.mount" };
	struct pools p;
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	NEED_ROOT();
	pools_begin(&p, state);
	for (size_t i = 0; i < ARRAY_SIZE(points); i++) {
		try_with_fault("CTCTL_FAULT_KILL", points[i], work_create_pool, &p);
		assert_true(pool_open(p.dir, "one", &pool, &err) < 0);
		assert_int_equal(err.exit, EXIT_NO_POOL);
		/* Made anew, or removed, mount and all. */
		if (i % 2 == 0) {
			pool = create_and_open(&p);
			pool_close(pool);
		}
		assert_ok(pool_remove(p.dir, "one", &err), &err);
		assert_int_equal(count_mounts(), p.scratch.n_mounts);
		try_with_fault("CTCTL_FAULT_FAIL", points[i], work_create_pool, &p);
		assert_false(path_exists_at(p.scratch.fd, "pools/one"));
		assert_int_equal(count_mounts(), p.scratch.n_mounts);
	}
	/* After the last step it is there. */
	try_with_fault("CTCTL_FAULT_KILL", "pool.conf", work_create_pool, &p);
	pools_end(&p, open_one(&p));
}

/* After a boot of the host: several processes find the pool unmounted. */
static void test_mounted_once(void **state)
{
	enum { N = 8 };
	struct pools p;
	struct err err = ERR_INIT;
	int gate[2];
	pid_t pids[N];

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_ok(area_create(pool, ID, 10 * MIB, &err), &err);
	pool_close(pool);
	assert_int_equal(umount2(p.data, 0), 0);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	for (int n = 0; n < N; n++) {
		pids[n] = fork();
		if (pids[n] == 0) {
			char c;

			close(gate[1]);
			_exit(read(gate[0], &c, 1) != 0 || pool_open(p.dir, "one", &pool, &err) < 0 || !area_exists(pool, ID));
		}
	}
	close(gate[0]);
	close(gate[1]);
	for (int n = 0; n < N; n++) {
		int status;

		assert_int_equal(waitpid(pids[n], &status, 0), pids[n]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(count_mounts(), p.scratch.n_mounts + 1);
	pool = open_one(&p);
	assert_ok(area_destroy(pool, ID, &err), &err);
	pools_end(&p, pool);
}

/* Somebody has the pool mounted in a namespace of his own: it must be the same file system here, or both destroy it. */
static void test_mounted_elsewhere(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;
	int gate[2], ready[2];
	char c;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	pool_close(pool);
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);

	pid_t pid = fork();

	if (pid == 0) {
		close(gate[1]);
		if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		_exit(read(gate[0], &c, 1) != 0);
	}
	close(gate[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	assert_int_equal(umount2(p.data, 0), 0);
	pool = open_one(&p);
	assert_ok(area_create(pool, ID, 0, &err), &err);

	_cleanup_free_ char *there = str_printf("/proc/%d/root%s/" ID "/upper", pid, p.data);

	assert_int_equal(access(there, F_OK), 0);
	assert_ok(area_destroy(pool, ID, &err), &err);
	close(gate[1]);

	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	pools_end(&p, pool);
}

static void test_remove_while_used(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	assert_int_equal(pool_remove(p.dir, "one", &err), -EBUSY);
	/* Nothing was lost. */
	assert_ok(area_create(pool, ID, 0, &err), &err);
	assert_ok(area_destroy(pool, ID, &err), &err);
	pools_end(&p, pool);
}

static void test_damaged_file(void **state)
{
	struct pools p;
	struct err err = ERR_INIT;

	NEED_ROOT();
	pools_begin(&p, state);

	struct pool *pool = create_and_open(&p);

	pool_close(pool);
	assert_int_equal(umount2(p.data, 0), 0);

	_cleanup_fd_ int img = openat(p.scratch.fd, "pools/one/data.img", O_WRONLY | O_CLOEXEC);

	/* The superblock, at 64 KiB. */
	assert_int_equal(pwrite(img, "no file system at all", 21, 65536 + 64), 21);
	assert_true(pool_open(p.dir, "one", &pool, &err) < 0);
	assert_int_equal(err.exit, EXIT_MOUNT);
	assert_err_has(&err, "pool 'one'");
	assert_int_equal(count_mounts(), p.scratch.n_mounts);
	close(TAKE_FD(img));
	pools_end(&p, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STORAGE_TEST(test_create_and_mount),
		STORAGE_TEST(test_small_size),
		STORAGE_TEST(test_path_elsewhere),
		STORAGE_TEST(test_path_on_btrfs),
		STORAGE_TEST(test_limit_holds_through_overlay),
		STORAGE_TEST(test_areas_are_apart),
		STORAGE_TEST(test_killed_area),
		STORAGE_TEST(test_killed_destroy),
		STORAGE_TEST(test_group_goes_with_area),
		STORAGE_TEST(test_killed_pool),
		STORAGE_TEST(test_mounted_once),
		STORAGE_TEST(test_mounted_elsewhere),
		STORAGE_TEST(test_remove_while_used),
		STORAGE_TEST(test_damaged_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
