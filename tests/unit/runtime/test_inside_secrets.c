/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inside_unit.h"

#include <time.h>

#include "runtime/password.h"

static const struct inside_hashes hashes = { .yescrypt = "$y$new", .sha512 = "$6$new" };

static long long today(void)
{
	return (long long)time(NULL) / 86400;
}

static void test_password(void **state)
{
	static const struct {
		const char *old, *new; /* %s is the hash and the day */
	} rows[] = {
		{ "a:*:1::::::\nroot:*:2:0:99999:7:::\nb:!:3::::::\n", "a:*:1::::::\nroot:%s:0:99999:7:::\nb:!:3::::::\n" },
		{ "root:!$6$old:19000:::::20000:", "root:%s:::::20000:" },
		{ "root:\nother:x\n", "root:%s\nother:x\n" },
		{ "rooted:x:1:\nroot::\n", "rooted:x:1:\nroot:%s\n" },
	};
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	put_dir(s->fd, "etc");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_free_ char *day = str_printf("$6$new:%lld", today());
		const char *at = strstr(rows[i].new, "%s");
		_cleanup_free_ char *new = str_printf("%.*s%s%s", (int)(at - rows[i].new), rows[i].new, day, at + 2);

		put_file(s->fd, "etc/shadow", rows[i].old);
		assert_ok(inside_write_password(s->fd, "root", &hashes, &err), &err);
		assert_file(s->fd, "etc/shadow", new);
	}
}

static void test_password_method(void **state)
{
	static const struct {
		const char *file, *text;
		bool yescrypt;
	} rows[] = {
		{ "etc/login.defs", "#\nENCRYPT_METHOD SHA512\n", false },
		{ "etc/login.defs", "#\nENCRYPT_METHOD YESCRYPT\n", true },
		{ "etc/login.defs", "", false },
		{ "etc/pam.d/common-password", "password pam_unix.so obscure yescrypt\n", true },
		{ "etc/pam.d/common-password", "password pam_unix.so obscure sha512\n", false },
	};
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_in(s, rows[i].file, rows[i].text);
		put_file(s->fd, "etc/shadow", "root:*:::::::\n");
		assert_ok(inside_write_password(s->fd, "root", &hashes, &err), &err);
		assert_has(s, "etc/shadow", rows[i].yescrypt ? "root:$y$new:" : "root:$6$new:");
	}
	put_file(s->fd, "etc/shadow", "root:*:::::::\nweb:$y$old:::::::\n");
	assert_ok(inside_write_password(s->fd, "root", &hashes, &err), &err);
	assert_has(s, "etc/shadow", "root:$y$new:");
}

static void assert_refused(const struct scratch *s, const char *user, const char *part)
{
	struct err err = ERR_INIT;

	alarm(10);
	assert_true(inside_write_password(s->fd, user, &hashes, &err) < 0);
	alarm(0);
	assert_err_has(&err, part);
}

static void test_password_refused(void **state)
{
	const struct scratch *s = *state;

	assert_refused(s, "root", "open the guest's /etc");
	put_dir(s->fd, "etc");
	assert_refused(s, "root", "read the guest's /etc/shadow");
	put_file(s->fd, "etc/shadow", "rooted:*:::\n");
	assert_refused(s, "root", "no user 'root' in the guest's /etc/shadow");
	assert_file(s->fd, "etc/shadow", "rooted:*:::\n");
	assert_int_equal(unlinkat(s->fd, "etc/shadow", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "etc/shadow", 0600), 0);
	assert_refused(s, "root", "read the guest's /etc/shadow");
	assert_int_equal(unlinkat(s->fd, "etc/shadow", 0), 0);
	put_file(s->fd, "etc/real", "root:*:::\n");
	assert_int_equal(symlinkat("real", s->fd, "etc/shadow"), 0);
	assert_refused(s, "root", "read the guest's /etc/shadow");
	assert_file(s->fd, "etc/real", "root:*:::\n");
	assert_int_equal(unlinkat(s->fd, "etc/.pwd.lock", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "etc/.pwd.lock", 0600), 0);
	assert_refused(s, "root", ".pwd.lock is no plain file");
}

/* Who waits for the lock of lckpwdf(3), as the guest's passwd(1) holds it, writes after that. */
static void test_password_waits(void **state)
{
	const struct scratch *s = *state;
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct err err = ERR_INIT;
	int p[2];
	char c;

	put_in(s, "etc/.pwd.lock", "");
	put_file(s->fd, "etc/shadow", "root:*:::\n");
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0) {
		struct timespec moment = { .tv_nsec = 100000000 };
		int fd = openat(s->fd, "etc/.pwd.lock", O_RDWR | O_CLOEXEC);

		if (fcntl(fd, F_SETLK, &lock) < 0 || write(p[1], "x", 1) != 1)
			_exit(1);
		nanosleep(&moment, NULL);
		put_file(s->fd, "etc/shadow", "root:*:::\nadded:*:::\n");
		_exit(0);
	}
	assert_int_equal(read(p[0], &c, 1), 1);
	assert_ok(inside_write_password(s->fd, "root", &hashes, &err), &err);
	assert_has(s, "etc/shadow", "added:*");
	assert_has(s, "etc/shadow", "root:$6$new:");
	assert_int_equal(wait_status(pid), 0);
	close(p[0]);
	close(p[1]);
}

static void test_hash(void **state _unused_)
{
	struct password_hashes a, b;
	struct err err = ERR_INIT;
	char text[PASSWORD_MAX + 2] = "";

	assert_ok(password_hash("sesam öffne", &a, &err), &err);
	assert_ok(password_hash("sesam öffne", &b, &err), &err);
	assert_true(str_has_prefix(a.yescrypt, "$y$") && strlen(a.yescrypt) > 60);
	assert_true(str_has_prefix(a.sha512, "$6$") && strlen(a.sha512) > 90);
	/* Salted. */
	assert_string_not_equal(a.yescrypt, b.yescrypt);
	assert_string_not_equal(a.sha512, b.sha512);
	password_hashes_free(&a);
	password_hashes_free(&b);
	assert_true(password_hash("", &a, &err) < 0);
	assert_err_has(&err, "empty");
	assert_true(password_hash("a\nb", &a, &err) < 0);
	memset(text, 'x', PASSWORD_MAX + 1);
	assert_true(password_hash(text, &a, &err) < 0);
	assert_err_has(&err, "at most 511 bytes");
	text[PASSWORD_MAX] = '\0';
	assert_ok(password_hash(text, &a, &err), &err);
	password_hashes_free(&a);
}

static void put_users(const struct scratch *s)
{
	put_in(s, "etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:34::/srv/www:/bin/sh\nhomeless:x:5:5::/none:/bin/sh\n");
	put_dirs(s, "root");
	put_dirs(s, "srv/www");
}

static void test_keys(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;
	struct stat st;

	NEED_ROOT();
	put_users(s);
	assert_ok(inside_write_keys(s->fd, "web", "one\ntwo\n", &err), &err);
	assert_has(s, "srv/www/.ssh/authorized_keys", "\none\ntwo\n# ctctl: end\n");
	assert_int_equal(fstatat(s->fd, "srv/www/.ssh/authorized_keys", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_uid == 33 && st.st_gid == 34);
	assert_int_equal(fstatat(s->fd, "srv/www/.ssh", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_true(st.st_uid == 33 && st.st_gid == 34);
	/* His own stay. */
	put_file(s->fd, "srv/www/.ssh/authorized_keys", "his\n");
	assert_ok(inside_write_keys(s->fd, "web", "three\n", &err), &err);
	assert_has(s, "srv/www/.ssh/authorized_keys", "his\n# ctctl: begin");
	assert_ok(inside_write_keys(s->fd, "web", "", &err), &err);
	assert_file(s->fd, "srv/www/.ssh/authorized_keys", "his\n");
	/* None for somebody who has none: no file. */
	assert_ok(inside_write_keys(s->fd, "root", "", &err), &err);
	assert_not_there(s, "root/.ssh/authorized_keys");
}

static void assert_no_keys(const struct scratch *s, const char *user, const char *part)
{
	struct err err = ERR_INIT;

	alarm(10);
	assert_true(inside_write_keys(s->fd, user, "key\n", &err) < 0);
	alarm(0);
	assert_err_has(&err, part);
}

/* The user, who is not the guest's root, cannot have root write for him elsewhere. */
static void test_keys_refused(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_users(s);
	assert_no_keys(s, "nobody", "no user 'nobody'");
	assert_no_keys(s, "homeless", "'/none'");
	assert_int_equal(symlinkat("/root", s->fd, "srv/www/.ssh"), 0);
	assert_no_keys(s, "web", "'/srv/www/.ssh/authorized_keys'");
	assert_not_there(s, "root/authorized_keys");
	assert_int_equal(unlinkat(s->fd, "srv/www/.ssh", 0), 0);
	put_dirs(s, "srv/www/.ssh");
	assert_int_equal(symlinkat("/root/keys", s->fd, "srv/www/.ssh/authorized_keys"), 0);
	assert_no_keys(s, "web", "authorized_keys");
	assert_not_there(s, "root/keys");
	assert_int_equal(unlinkat(s->fd, "srv/www/.ssh/authorized_keys", 0), 0);
	assert_int_equal(mkfifoat(s->fd, "srv/www/.ssh/authorized_keys", 0600), 0);
	assert_no_keys(s, "web", "authorized_keys");
}

/* What was pending: as much of it as can be, and the first failure is told. */
static void test_pending(void **state)
{
	const struct scratch *s = *state;
	struct err err = ERR_INIT;

	NEED_ROOT();
	put_users(s);
	put_file(s->fd, "etc/shadow", "root:*:::\nweb:*:::\n");
	assert_true(inside_apply_passwords(s->fd, "nobody:$y$1:$6$1\nroot:$y$2:$6$2\nbad\nweb:$y$3:$6$3\n", &err) < 0);
	assert_err_has(&err, "no user 'nobody'");
	assert_has(s, "etc/shadow", "root:$6$2:");
	assert_has(s, "etc/shadow", "web:$6$3:");
	err = ERR_INIT;
	put_in(s, "root/.ssh/authorized_keys", "");
	assert_true(inside_apply_keys(s->fd, "homeless:k1\nhomeless:k2\nweb:ssh-x a:b\nweb:k4\nroot:\n", &err) < 0);
	assert_err_has(&err, "/none");
	assert_has(s, "srv/www/.ssh/authorized_keys", "\nssh-x a:b\nk4\n#");
	assert_file(s->fd, "root/.ssh/authorized_keys", "");
	err = ERR_INIT;
	assert_ok(inside_apply_passwords(s->fd, "", &err), &err);
	assert_ok(inside_apply_keys(s->fd, "", &err), &err);
	assert_true(inside_apply_keys(s->fd, "damaged\n", &err) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_password),	   SCRATCH_TEST(test_password_method), SCRATCH_TEST(test_password_refused),
		SCRATCH_TEST(test_password_waits), cmocka_unit_test(test_hash),	       SCRATCH_TEST(test_keys),
		SCRATCH_TEST(test_keys_refused),   SCRATCH_TEST(test_pending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
