/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "scratch.h"

#include <grp.h>

#include "runtime/join_user.h"

/* The guest's files are looked at in a child whose root is the scratch folder. */

#define PASSWD                                   \
	"root:x:0:0:root:/root:/bin/bash\n"      \
	"garbage\n"                              \
	"web:x:33:34::/var/www:/bin/sh\n"        \
	"bare:x:1000:1000:::\n"                  \
	"minus:x:4294967295:0::/:/bin/sh\n"      \
	"minusgroup:x:5:4294967295::/:/bin/sh\n" \
	"outside:x:70000:70000::/:/bin/sh\n"     \
	"web:x:99:99::/second:/bin/sh\n"

#define GROUP "root:x:0:root\ndisk:x:6:root,web\nwww:x:34:web\nmail:x:8:other,web\nbad\nweb:x:50:\n"

static void put_etc(const struct scratch *s, const char *passwd, const char *group)
{
	(void)!mkdirat(s->fd, "etc", 0755);
	if (passwd)
		put_file(s->fd, "etc/passwd", passwd);
	if (group)
		put_file(s->fd, "etc/group", group);
}

/* "UID:GID NAME HOME SHELL", or the error's message. */
static void find_in(const struct scratch *s, const char *wanted, char *text, size_t size)
{
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);

	pid_t pid = fork_child();

	if (pid == 0) {
		struct join_user u;
		struct err err = ERR_INIT;

		alarm(10);
		if (chroot(s->path) < 0 || chdir("/") < 0)
			_exit(1);
		if (join_user_find(s->fd, wanted, &u, &err) < 0)
			_exit(dprintf(p[1], "%s", err.msg) < 0);
		_exit(dprintf(p[1], "%u:%u %s %s %s", u.uid, u.gid, u.name, u.home, u.shell) < 0);
	}
	close(p[1]);

	ssize_t n = read(p[0], text, size - 1);

	text[n > 0 ? n : 0] = '\0';
	close(p[0]);
	assert_int_equal(wait_status(pid), 0);
}

static void test_find(void **state)
{
	static const struct {
		const char *wanted, *is;
	} rows[] = {
		{ NULL, "0:0 root /root /bin/bash" },
		{ "root", "0:0 root /root /bin/bash" },
		{ "web", "33:34 web /var/www /bin/sh" },
		{ "33", "33:34 web /var/www /bin/sh" },
		{ "33:50", "33:50 web /var/www /bin/sh" },
		{ "bare", "1000:1000 bare / /bin/sh" },
		{ "1234", "1234:1234 1234 / /bin/sh" },
		{ "65535:0", "65535:0 65535:0 / /bin/sh" },
		{ "nobody", "no user 'nobody' in the guest's /etc/passwd" },
		{ "", "no user '' in the guest's /etc/passwd" },
		{ "65536", "no user '65536' in the guest's /etc/passwd" },
		{ "-1", "no user '-1' in the guest's /etc/passwd" },
		{ "33:", "no user '33:' in the guest's /etc/passwd" },
		{ ":33", "no user ':33' in the guest's /etc/passwd" },
		{ "33:web", "no user '33:web' in the guest's /etc/passwd" },
		{ "web:x", "no user 'web:x' in the guest's /etc/passwd" },
	};
	const struct scratch *s = *state;
	char text[256];

	NEED_ROOT();
	put_etc(s, PASSWD, GROUP);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		find_in(s, rows[i].wanted, text, sizeof(text));
		assert_string_equal(text, rows[i].is);
	}
}

/* -1 means "leave as it is" to setresuid(2): the user would be root. */
static void test_ids_that_no_guest_has(void **state)
{
	static const char *const names[] = { "minus", "minusgroup", "outside" };
	const struct scratch *s = *state;
	char text[256];

	NEED_ROOT();
	put_etc(s, PASSWD, GROUP);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		find_in(s, names[i], text, sizeof(text));
		assert_non_null(strstr(text, "expected ids up to 65535"));
	}
}

static void test_files_that_are_none(void **state)
{
	const struct scratch *s = *state;
	char text[256];

	NEED_ROOT();
	for (int i = 0; i < 4; i++) {
		(void)!unlinkat(s->fd, "etc/passwd", 0);
		put_etc(s, NULL, NULL);
		if (i == 1)
			assert_int_equal(mkfifoat(s->fd, "etc/passwd", 0644), 0);
		if (i == 2)
			assert_int_equal(symlinkat("passwd", s->fd, "etc/passwd"), 0);
		if (i == 3)
			put_file(s->fd, "etc/passwd", "");
		find_in(s, NULL, text, sizeof(text));
		assert_string_equal(text, "0:0 root / /bin/sh");
	}
}

/* Becomes `wanted` in a child, which ends with 0 if its ids and groups are those: `groups` ends with -1. */
static void check_become(const struct scratch *s, const char *wanted, uid_t uid, gid_t gid, const int *groups)
{
	pid_t pid = fork_child();

	if (pid == 0) {
		struct join_user u;
		struct err err = ERR_INIT;
		gid_t got[32];
		uid_t ids[3];

		if (chroot(s->path) < 0 || join_user_find(s->fd, wanted, &u, &err) < 0 || join_user_become(s->fd, &u, &err) < 0)
			_exit(1);
		if (getresuid(&ids[0], &ids[1], &ids[2]) < 0 || ids[0] != uid || ids[1] != uid || ids[2] != uid ||
		    getegid() != gid)
			_exit(2);

		int n = getgroups(32, got);

		for (int i = 0; i < n; i++) {
			if ((int)got[i] != groups[i])
				_exit(3);
		}
		_exit(n < 0 || groups[n] != -1 ? 4 : 0);
	}

	int status = wait_status(pid);

	if (status != 0)
		fail_msg("%s: %d", wanted, status);
}

static void test_become(void **state)
{
	const struct scratch *s = *state;

	NEED_ROOT();
	put_etc(s, PASSWD, GROUP);
	check_become(s, "root", 0, 0, (const int[]){ 0, 6, -1 });
	check_become(s, "web", 33, 34, (const int[]){ 6, 8, 34, -1 });
	check_become(s, "bare", 1000, 1000, (const int[]){ 1000, -1 });
	/* Without a name, none of the groups that name root. */
	check_become(s, "1234", 1234, 1234, (const int[]){ 1234, -1 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_find),
		SCRATCH_TEST(test_ids_that_no_guest_has),
		SCRATCH_TEST(test_files_that_are_none),
		SCRATCH_TEST(test_become),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
