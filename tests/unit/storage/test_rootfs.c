/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "storage/storage_unit.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

#include "storage/fsctx_priv.h"
#include "storage/rootfs_priv.h"

struct guest {
	struct scratch scratch;
	struct rootfs_spec spec;
};

static void guest_begin(struct guest *g, void **state)
{
	scratch_begin(&g->scratch, state);
	make_tree(g->scratch.fd, "layer");
	make_dir(g->scratch.fd, "area");
	make_dir(g->scratch.fd, "area/upper");
	make_dir(g->scratch.fd, "area/work");
	make_dir(g->scratch.fd, "mnt");
	g->spec = (struct rootfs_spec){
		.layer_fds = { openat(g->scratch.fd, "layer", O_PATH | O_DIRECTORY | O_CLOEXEC) },
		.n_layers = 1,
		.area_fd = openat(g->scratch.fd, "area", O_PATH | O_DIRECTORY | O_CLOEXEC),
		.userns_fd = make_userns(),
		.root_uid = TEST_ROOT_UID,
	};
	assert_true(g->spec.layer_fds[0] >= 0 && g->spec.area_fd >= 0);
}

static void guest_end(struct guest *g)
{
	for (int i = 0; i < g->spec.n_layers; i++)
		close(g->spec.layer_fds[i]);
	close(g->spec.area_fd);
	close(g->spec.userns_fd);
	scratch_end(&g->scratch);
}

/* In the guest. Each step that fails has its own number. */
static int use_the_root(void)
{
	_cleanup_free_ char *text = NULL;
	struct stat st;

	if (stat("/etc/hosts", &st) < 0 || st.st_uid != 0)
		return 1;
	if (stat("/etc/web", &st) < 0 || st.st_uid != 33 || st.st_gid != 33)
		return 2;
	if (stat("/su", &st) < 0 || (st.st_mode & 07777) != 04755)
		return 3;
	if (fd_write_file_at(AT_FDCWD, "/etc/hosts", "localhost 127.0.0.1\n") < 0)
		return 4;
	if (mkdir("/home", 0755) < 0 || chown("/home", 1000, 1000) < 0)
		return 5;
	if (rename("/etc/conf.d", "/etc/conf.old") < 0)
		return 6;
	if (unlink("/etc/web") < 0 || access("/etc/web", F_OK) == 0)
		return 7;
	if (fd_read_file_at(AT_FDCWD, "/etc/hosts", 100, &text) < 0 || strcmp(text, "localhost 127.0.0.1\n") != 0)
		return 8;
	return 0;
}

static void check_way(void **state, enum rootfs_way way)
{
	struct err err = ERR_INIT;
	struct guest g;
	struct statvfs st;

	NEED_ROOT();
	guest_begin(&g, state);

	int root = rootfs_assemble_by(way, &g.spec, &err);

	if (root == -EOPNOTSUPP && way == ROOTFS_BY_FD) {
		guest_end(&g);
		skip();
	}
	assert_ok(root, &err);
	assert_int_equal(count_mounts(), g.scratch.n_mounts);
	assert_int_equal(fstatvfs(root, &st), 0);
	assert_int_equal(st.f_flag & (ST_NOSUID | ST_NODEV | ST_RDONLY | ST_RELATIME), ST_NODEV | ST_RELATIME);
	assert_true(fcntl(root, F_GETFD) & FD_CLOEXEC);

	_cleanup_free_ char *point = str_printf("%s/mnt", g.scratch.path);

	assert_int_equal(run_in_guest(g.spec.userns_fd, root, point, use_the_root), 0);
	/* What is on the disk has the guest's ids, and the template is as it was. */
	assert_int_equal(uid_of(g.scratch.fd, "area/upper"), 0);
	assert_int_equal(uid_of(g.scratch.fd, "area/upper/etc/hosts"), 0);
	assert_int_equal(uid_of(g.scratch.fd, "area/upper/home"), 1000);
	assert_int_equal(uid_of(g.scratch.fd, "layer/etc/web"), 33);
	close(root);
	guest_end(&g);
}

static void test_by_descriptor(void **state)
{
	check_way(state, ROOTFS_BY_FD);
}

static void test_by_path(void **state)
{
	check_way(state, ROOTFS_BY_PATH);
}

static uint64_t effective_caps(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	assert_int_equal(syscall(SYS_capget, &header, data), 0);
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

struct identity {
	uint64_t caps;
	int fsuid, fsgid, securebits, dumpable, death_signal;
};

static struct identity get_identity(void)
{
	struct identity id = {
		.caps = effective_caps(),
		.fsuid = setfsuid((uid_t)-1),
		.fsgid = setfsgid((gid_t)-1),
		.securebits = prctl(PR_GET_SECUREBITS),
		.dumpable = prctl(PR_GET_DUMPABLE),
	};

	prctl(PR_GET_PDEATHSIG, &id.death_signal);
	return id;
}

static void check_identity_is_kept(struct rootfs_spec *spec, bool must_work)
{
	static const enum rootfs_way ways[] = { ROOTFS_BY_FD, ROOTFS_BY_PATH };
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct identity before = get_identity();
		int fd = rootfs_assemble_by(ways[i], spec, &err);
		struct identity after = get_identity();

		assert_memory_equal(&before, &after, sizeof(before));
		assert_true(fd == -EOPNOTSUPP || (fd >= 0) == must_work);
		fd_close(&fd);
	}
}

static void test_identity_is_put_back(void **state)
{
	struct guest g;

	NEED_ROOT();
	guest_begin(&g, state);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_SET_DUMPABLE, 1);
	check_identity_is_kept(&g.spec, true);
	/* A layer that lies in the work folder's way: the kernel refuses in the middle. */
	close(g.spec.layer_fds[0]);
	g.spec.layer_fds[0] = openat(g.scratch.fd, "area", O_PATH | O_DIRECTORY | O_CLOEXEC);
	check_identity_is_kept(&g.spec, false);
	prctl(PR_SET_PDEATHSIG, 0);
	guest_end(&g);
}

/* The host's root has no mapping in the upper layer: the kernel says yes and mounts read-only. */
static void test_silent_read_only_is_an_error(void **state)
{
	struct err err = ERR_INIT;
	struct guest g;

	NEED_ROOT();
	guest_begin(&g, state);
	g.spec.root_uid = 0;
	assert_int_equal(rootfs_assemble(&g.spec, &err), -EROFS);
	assert_err_has(&err, "read-only");
	assert_int_equal(err.exit, EXIT_MOUNT);
	guest_end(&g);
}

static void test_errors_have_the_kernels_words(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	NEED_ROOT();

	int fs = fsctx_open("tmpfs", &err);

	assert_ok(fs, &err);

	int r = fsctx_set(fs, "no_such_option", "1");

	assert_int_equal(r, -EINVAL);
	assert_int_equal(fsctx_err(fs, &err, EXIT_MOUNT, -r, "make it"), -EINVAL);
	assert_err_has(&err, "make it: tmpfs: Unknown parameter 'no_such_option'");
	/* Without words, the errno's. */
	assert_int_equal(fsctx_err(fs, &err, EXIT_MOUNT, ELOOP, "make it"), -ELOOP);
	assert_err_has(&err, "make it: Too many levels");
	close(fs);
	assert_int_equal(fsctx_open("no_such_fs", &err), -ENODEV);
	assert_int_equal(err.exit, EXIT_UNSUPPORTED);
}

/* The work folder as a layer: overlayfs says why only in the kernel's log. */
static void test_refused_layers(void **state)
{
	struct err err = ERR_INIT;
	struct guest g;

	NEED_ROOT();
	guest_begin(&g, state);
	close(g.spec.layer_fds[0]);
	g.spec.layer_fds[0] = openat(g.scratch.fd, "area/work", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(rootfs_assemble(&g.spec, &err) < 0);
	assert_err_has(&err, "dmesg");
	assert_int_equal(err.exit, EXIT_MOUNT);
	guest_end(&g);
}

static void test_area_without_upper(void **state)
{
	struct err err = ERR_INIT;
	struct guest g;

	NEED_ROOT();
	guest_begin(&g, state);
	assert_int_equal(unlinkat(g.scratch.fd, "area/upper", AT_REMOVEDIR), 0);
	assert_int_equal(rootfs_assemble(&g.spec, &err), -ENOENT);
	assert_err_has(&err, "upper");
	g.spec.n_layers = 0;
	assert_int_equal(rootfs_assemble(&g.spec, &err), -EINVAL);
	g.spec.n_layers = 1;
	guest_end(&g);
}

/* A template on a base: the uppermost comes first. */
static int see_upper_layer(void)
{
	_cleanup_free_ char *text = NULL;

	return fd_read_file_at(AT_FDCWD, "/over", 100, &text) < 0 || strcmp(text, "upper") != 0 || access("/base", F_OK) < 0;
}

static void check_layer_order(void **state, enum rootfs_way way)
{
	struct err err = ERR_INIT;
	struct guest g;

	guest_begin(&g, state);
	make_file(g.scratch.fd, "layer/over", "lower", 0644, 0);
	make_file(g.scratch.fd, "layer/base", "", 0644, 0);
	make_tree(g.scratch.fd, "second");
	make_file(g.scratch.fd, "second/over", "upper", 0644, 0);
	g.spec.layer_fds[1] = g.spec.layer_fds[0];
	g.spec.layer_fds[0] = openat(g.scratch.fd, "second", O_PATH | O_DIRECTORY | O_CLOEXEC);
	g.spec.n_layers = 2;

	_cleanup_free_ char *point = str_printf("%s/mnt", g.scratch.path);
	int root = rootfs_assemble_by(way, &g.spec, &err);

	if (root != -EOPNOTSUPP) {
		assert_ok(root, &err);
		assert_int_equal(run_in_guest(g.spec.userns_fd, root, point, see_upper_layer), 0);
		close(root);
	}
	guest_end(&g);
}

static void test_layers_are_in_order(void **state)
{
	NEED_ROOT();
	check_layer_order(state, ROOTFS_BY_FD);
	check_layer_order(state, ROOTFS_BY_PATH);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First: what an earlier one leaves changed would be taken for how it was. */
		STORAGE_TEST(test_identity_is_put_back),
		STORAGE_TEST(test_by_descriptor),
		STORAGE_TEST(test_by_path),
		STORAGE_TEST(test_silent_read_only_is_an_error),
		STORAGE_TEST(test_errors_have_the_kernels_words),
		STORAGE_TEST(test_refused_layers),
		STORAGE_TEST(test_area_without_upper),
		STORAGE_TEST(test_layers_are_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
