/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "storage/storage_unit.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "storage/pool.h"
#include "storage/rootfs.h"

#define FROM "0f0f0f0f-1111-4222-8333-444444444444"
#define TO   "0f0f0f0f-1111-4222-8333-555555555555"
#define MIB  (1ULL << 20)

/* What the tests of whole areas share: a template, a guest that changes all there is to change in it, and how a tree looks. */

struct areas {
	struct scratch scratch;
	struct rootfs_spec spec; /* but for pool and area */
	char *pools_dir;
	char *point;
};

static inline _unused_ void areas_begin(struct areas *a, void **state)
{
	scratch_begin(&a->scratch, state);
	a->pools_dir = str_printf("%s/pools", a->scratch.path);
	a->point = str_printf("%s/mnt", a->scratch.path);
	make_dir(a->scratch.fd, "mnt");
	make_tree(a->scratch.fd, "layer");
	make_dir(a->scratch.fd, "layer/usr");
	make_dir(a->scratch.fd, "layer/usr/share");
	make_dir(a->scratch.fd, "layer/usr/share/doc");
	make_dir(a->scratch.fd, "layer/usr/kept");
	make_file(a->scratch.fd, "layer/usr/share/doc/text", "text\n", 0644, 0);
	make_file(a->scratch.fd, "layer/usr/kept/file", "kept\n", 0644, 0);
	make_file(a->scratch.fd, "layer/etc/conf.d/old", "old\n", 0644, 0);
	make_file(a->scratch.fd, "layer/one-name", "template\n", 0755, 0);
	assert_int_equal(linkat(a->scratch.fd, "layer/one-name", a->scratch.fd, "layer/usr/two-name", 0), 0);
	a->spec = (struct rootfs_spec){
		.layer_fds = { openat(a->scratch.fd, "layer", O_PATH | O_DIRECTORY | O_CLOEXEC) },
		.n_layers = 1,
		.userns_fd = make_userns(),
		.root_uid = TEST_ROOT_UID,
	};
}

static inline _unused_ struct pool *areas_pool(struct areas *a, const char *name, enum pool_kind kind)
{
	const struct pool_spec spec = { .name = name, .kind = kind, .size_bytes = kind == POOL_BTRFS ? 512 * MIB : 0 };
	struct err err = ERR_INIT;
	struct pool *pool = NULL;

	assert_ok(pool_create(a->pools_dir, &spec, NULL, &err), &err);
	assert_ok(pool_open(a->pools_dir, name, &pool, &err), &err);
	return pool;
}

/* What there is in the pool `one`, hidden folders included. */
static inline _unused_ int areas_count(struct areas *a)
{
	_cleanup_free_ char *path = str_printf("%s/one/data", a->pools_dir);
	_cleanup_dir_ DIR *dir = opendir(path);
	int n = -2;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	return n;
}

/* Removing the pool proves that nothing holds it. */
static inline _unused_ void areas_drop_pool(struct areas *a, struct pool *pool)
{
	struct err err = ERR_INIT;
	_cleanup_free_ char *name = strdup(pool_name(pool));

	assert_ok(area_destroy(pool, FROM, &err), &err);
	assert_ok(area_destroy(pool, TO, &err), &err);
	pool_close(pool);
	assert_ok(pool_remove(a->pools_dir, name, &err), &err);
}

static inline _unused_ void areas_end(struct areas *a)
{
	close(a->spec.layer_fds[0]);
	close(a->spec.userns_fd);
	free(a->pools_dir);
	free(a->point);
	scratch_end(&a->scratch);
}

/* There is nothing in it but what every area has. */
static inline _unused_ void areas_check_whole(struct pool *pool, const char *id)
{
	struct err err = ERR_INIT;
	int area = area_open(pool, id, &err);
	struct stat st;

	assert_ok(area, &err);
	assert_int_equal(fstatat(area, "work", &st, 0), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0755);
	assert_int_equal(unlinkat(area, "upper", AT_REMOVEDIR), -1);
	assert_int_equal(errno, ENOTEMPTY);

	_cleanup_dir_ DIR *dir = fdopendir(openat(area, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	int n = 0;

	while (readdir(dir))
		n++;
	assert_int_equal(n, 4);
	close(area);
}

/* The root of a guest with this area, as start makes it. */
static inline _unused_ int areas_mount(struct areas *a, struct pool *pool, const char *id)
{
	struct rootfs_spec spec = a->spec;
	struct err err = ERR_INIT;
	_cleanup_fd_ int area = area_open(pool, id, &err);

	assert_ok(area, &err);
	spec.area_fd = area;
	spec.pool = pool;
	spec.area_id = id;

	int root = rootfs_assemble(&spec, &err);

	assert_ok(root, &err);
	return root;
}

/* Does `body` as the root of a guest with this area. */
static inline _unused_ void areas_run(struct areas *a, struct pool *pool, const char *id, int (*body)(void))
{
	int root = areas_mount(a, pool, id);
	int status = run_in_guest(a->spec.userns_fd, root, a->point, body);

	close(root);
	assert_int_equal(status, 0);
}

static inline int write_at(const char *path, off_t offset, const char *text)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);

	return fd < 0 || pwrite(fd, text, strlen(text), offset) != (ssize_t)strlen(text);
}

static inline int make_socket(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(to.sun_path, path);
	return fd < 0 || bind(fd, (struct sockaddr *)&to, sizeof(to)) < 0;
}

/* A default access list that gives user 1000 something: acl(5) in its form as an attribute (linux/posix_acl_xattr.h). */
static inline int set_default_acl(const char *path)
{
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} e[5];
	} acl = { 2,
		  { { 1, 7, UINT32_MAX }, { 2, 6, 1000 }, { 4, 5, UINT32_MAX }, { 16, 7, UINT32_MAX }, { 32, 5, UINT32_MAX } } };

	return setxattr(path, "system.posix_acl_default", &acl, sizeof(acl), 0) < 0;
}

/* New files of every type that a guest can make. */
static inline _unused_ int make_files(void)
{
	static const struct timespec past[2] = { { 1000000000, 123456789 }, { 1100000000, 987654321 } };
	char deep[256] = "/own";

	if (mkdir("/own", 0711) < 0 || set_default_acl("/own") || write_at("/own/plain", 0, "mine\n"))
		return 20;
	if (link("/own/plain", "/own/again") < 0 || link("/own/plain", "/root/third") < 0 ||
	    symlink("../etc/hosts", "/own/link") < 0)
		return 21;
	if (mkfifo("/own/fifo", 0622) < 0 || make_socket("/own/socket") || write_at("/own/holes", 3 << 20, "end"))
		return 22;
	if (write_at("/own/holes", 1 << 20, "middle") || truncate("/own/holes", 5 << 20) < 0 || write_at("/own/empty", 0, ""))
		return 23;
	if (write_at("/own/suid", 0, "x") || chown("/own/suid", 1000, 1001) < 0 || chmod("/own/suid", 06755) < 0)
		return 24;
	if (setxattr("/own/plain", "user.note", "a\0b", 3, 0) < 0 || lchown("/own/link", 5, 6) < 0 ||
	    chmod("/own/plain", 0604) < 0)
		return 25;
	if (mkdir("/own/sticky", 0) < 0 || chmod("/own/sticky", 03777) < 0 || write_at("/own/\xff\n*", 0, "odd name"))
		return 26;
	for (int i = 0; i < 40; i++) {
		strcat(deep, "/down");
		if (mkdir(deep, 0750) < 0)
			return 27;
	}
	if (utimensat(AT_FDCWD, "/own/link", past, AT_SYMLINK_NOFOLLOW) < 0 || utimensat(AT_FDCWD, "/own/sticky", past, 0) < 0 ||
	    utimensat(AT_FDCWD, "/own/suid", past, 0) < 0)
		return 28;
	return 0;
}

/* Everything that overlayfs notes in the upper layer. */
static inline _unused_ int change_tree(void)
{
	if (write_at("/etc/hosts", 0, "changed") || write_at("/one-name", 0, "written"))
		return 1;
	if (link("/etc/hosts", "/etc/hosts.link") < 0 || unlink("/su") < 0)
		return 2;
	if (unlink("/etc/conf.d/old") < 0 || rmdir("/etc/conf.d") < 0 || mkdir("/etc/conf.d", 0700) < 0 ||
	    write_at("/etc/conf.d/new", 0, "new"))
		return 3;
	if (rename("/usr/share", "/usr/moved") < 0 || rename("/etc/web", "/root/web") < 0)
		return 4;
	if (write_at("/usr/moved/doc/text", 0, "copied") || write_at("/usr/kept/more", 0, "more"))
		return 5;
	return make_files();
}

/* A sum of what is in the file, holes as zeros. */
static inline uint64_t sum_file(int dir_fd, const char *name)
{
	_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	unsigned char block[4096];
	uint64_t sum = 14695981039346656037U;
	ssize_t n;

	while ((n = read(fd, block, sizeof(block))) > 0) {
		for (ssize_t i = 0; i < n; i++)
			sum = (sum ^ block[i]) * 1099511628211U;
	}
	return fd < 0 || n < 0 ? 0 : sum;
}

static inline int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Attributes, in the order of their names; `skip` is a prefix. */
static inline void describe_attrs(FILE *out, const char *path, const char *skip)
{
	char names[4096], *list[64], value[512];
	ssize_t len = llistxattr(path, names, sizeof(names));
	size_t n = 0;

	for (char *name = names; name < names + len && n < ARRAY_SIZE(list); name += strlen(name) + 1)
		list[n++] = name;
	qsort(list, n, sizeof(*list), by_text);
	for (size_t i = 0; i < n; i++) {
		if (skip && str_has_prefix(list[i], skip))
			continue;

		ssize_t got = lgetxattr(path, list[i], value, sizeof(value));

		fprintf(out, " %s=", list[i]);
		for (ssize_t b = 0; b < got; b++)
			fprintf(out, "%02x", (unsigned char)value[b]);
	}
}

struct described {
	FILE *out;
	const char *skip_attrs;
	bool without_times;
};

static inline void describe_entry(const struct described *d, int dir_fd, const char *path, const char *name)
{
	_cleanup_free_ char *full = str_printf("/proc/self/fd/%d/%s", dir_fd, name);
	char target[256];
	struct stat st;

	assert_int_equal(fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	fprintf(d->out, "%s/%s %o %u:%u", path, name, st.st_mode, st.st_uid, st.st_gid);
	if (!S_ISDIR(st.st_mode))
		fprintf(d->out, " links %u rdev %u size %llu", (unsigned int)st.st_nlink, (unsigned int)st.st_rdev,
			(unsigned long long)st.st_size);
	if (!d->without_times)
		fprintf(d->out, " time %lld.%09ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	if (S_ISREG(st.st_mode))
		fprintf(d->out, " sum %llx", (unsigned long long)sum_file(dir_fd, name));
	if (S_ISLNK(st.st_mode))
		fprintf(d->out, " -> %.*s", (int)readlinkat(dir_fd, name, target, sizeof(target)), target);
	describe_attrs(d->out, full, d->skip_attrs);
	fputc('\n', d->out);
}

/* One line for each file below, in the order of their names. */
static inline void describe_dir(const struct described *d, int dir_fd, const char *path)
{
	struct dirent **list;
	int n = scandirat(dir_fd, ".", &list, NULL, alphasort);

	assert_true(n >= 2);
	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;

		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
			_cleanup_free_ char *below = str_printf("%s/%s", path, name);
			_cleanup_fd_ int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			describe_entry(d, dir_fd, path, name);
			if (fd >= 0)
				describe_dir(d, fd, below);
		}
		free(list[i]);
	}
	free(list);
}

/* As the host sees a folder. The caller frees it. */
static inline _unused_ char *describe(int dir_fd, const char *skip_attrs)
{
	char *text = NULL;
	size_t len;
	struct described d = { .out = open_memstream(&text, &len), .skip_attrs = skip_attrs };

	assert_non_null(d.out);
	describe_dir(&d, dir_fd, "");
	fclose(d.out);
	return text;
}

/* As a guest sees its root, through a detached mount. */
static inline _unused_ char *describe_area(struct areas *a, struct pool *pool, const char *id)
{
	int root = areas_mount(a, pool, id);
	_cleanup_fd_ int fd = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *text = describe(fd, NULL);

	close(root);
	return text;
}

/* The first line that differs says what is wrong. */
static inline _unused_ void assert_same_text(const char *is, const char *expected)
{
	while (*is && *expected) {
		size_t n = strcspn(is, "\n"), m = strcspn(expected, "\n");

		if (n != m || memcmp(is, expected, n) != 0) {
			print_error("is:       %.*s\nexpected: %.*s\n", (int)n, is, (int)m, expected);
			fail();
		}
		is += n + (is[n] == '\n');
		expected += m + (expected[m] == '\n');
	}
	assert_string_equal(is, expected);
}
