/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inside_unit.h"

#include <sys/socket.h>
#include <sys/un.h>

#define BEGIN "# ctctl: begin. What is here is written by ctctl; without these two lines it is yours.\n"
#define END   "# ctctl: end\n"
#define OURS  BEGIN "192.0.2.10 web1\n2001:db8::10 web1\n" END

#define RESOLV                                                                \
	"# Written by ctctl. Remove this line to keep what you write here.\n" \
	"nameserver 192.0.2.53\nnameserver 2001:db8::53\nsearch example.com example.net\n"

static void test_hosts(void **state)
{
	static const struct {
		const char *old, *new;
	} rows[] = {
		{ NULL, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n" OURS },
		{ "127.0.0.1 localhost\n", "127.0.0.1 localhost\n" OURS },
		{ "127.0.0.1 localhost", "127.0.0.1 localhost\n" OURS },
		{ "1.1.1.1 one\n" BEGIN "9.9.9.9 old\n" END "2.2.2.2 two\n", "1.1.1.1 one\n" OURS "2.2.2.2 two\n" },
		/* His own line for the name: none of ours. */
		{ "127.0.1.1\tweb1.lan WEB1 # it\n", "127.0.1.1\tweb1.lan WEB1 # it\n" },
		{ "127.0.1.1 web1\n" BEGIN "9.9.9.9 old\n" END, "127.0.1.1 web1\n" },
		{ "# web1\n1.1.1.1 web10\n", "# web1\n1.1.1.1 web10\n" OURS },
		/* The end was removed: only the first line is ours. */
		{ BEGIN "9.9.9.9 his\n", OURS "9.9.9.9 his\n" },
		{ "", OURS },
	};
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_dir(s->fd, "etc");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)!unlinkat(s->fd, "etc/hosts", 0);
		if (rows[i].old)
			put_file(s->fd, "etc/hosts", rows[i].old);
		write_example(s, &e);
		assert_file(s->fd, "etc/hosts", rows[i].new);
		/* A second time it is the same. */
		write_example(s, &e);
		assert_file(s->fd, "etc/hosts", rows[i].new);
	}
}

static void test_hosts_without_addresses(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	e.network.n_interfaces = 0;
	e.network.nameservers = NULL;
	e.network.hostname = "web1.example.com";
	write_example(s, &e);
	assert_has(s, "etc/hosts", "\n127.0.1.1 web1.example.com web1\n");
	assert_not_there(s, "etc/resolv.conf");
}

static void test_resolv_conf(void **state)
{
	static const struct {
		const char *old, *new;
	} rows[] = {
		{ NULL, RESOLV },
		{ "", RESOLV },
		{ "# Written by ctctl. x\nnameserver 9.9.9.9\n", RESOLV },
		{ "nameserver 9.9.9.9\n", "nameserver 9.9.9.9\n" },
	};
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_dir(s->fd, "etc");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		(void)!unlinkat(s->fd, "etc/resolv.conf", 0);
		if (rows[i].old)
			put_file(s->fd, "etc/resolv.conf", rows[i].old);
		write_example(s, &e);
		assert_file(s->fd, "etc/resolv.conf", rows[i].new);
	}
}

/* systemd-resolved's symlink stays, and it is told by a file of its own. */
static void test_resolved(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;
	char target[64] = "";

	example_init(&e);
	put_in(s, "usr/lib/systemd/systemd-resolved", "");
	put_dir(s->fd, "etc");
	assert_int_equal(symlinkat("../run/systemd/resolve/stub-resolv.conf", s->fd, "etc/resolv.conf"), 0);
	write_example(s, &e);
	assert_true(readlinkat(s->fd, "etc/resolv.conf", target, sizeof(target) - 1) > 0);
	assert_string_equal(target, "../run/systemd/resolve/stub-resolv.conf");
	assert_file(s->fd, "run/systemd/resolved.conf.d/ctctl.conf",
		    "# Written by ctctl.\n[Resolve]\nDNS=192.0.2.53 2001:db8::53\nDomains=example.com example.net\n");
}

/* Owner and mode of a file stay. */
static void test_mode_is_kept(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;
	struct stat st;

	NEED_ROOT();
	example_init(&e);
	put_in(s, "etc/hosts", "1.1.1.1 one\n");
	assert_int_equal(fchownat(s->fd, "etc/hosts", 12, 34, 0), 0);
	assert_int_equal(fchmodat(s->fd, "etc/hosts", 0604, 0), 0);
	write_example(s, &e);
	assert_has(s, "etc/hosts", "web1");
	assert_int_equal(fstatat(s->fd, "etc/hosts", &st, 0), 0);
	assert_int_equal(st.st_uid, 12);
	assert_int_equal(st.st_gid, 34);
	assert_int_equal(st.st_mode & 07777, 0604);
}

static void put_socket(const struct scratch *s, const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", s->path, name);
	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
}

static void put_huge(const struct scratch *s, const char *name)
{
	_cleanup_fd_ int fd = openat(s->fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(ftruncate(fd, INT64_C(1) << 30), 0);
}

/* Whatever the guest has put there: no hang, no failure, and it is left as it was. */
static void test_hostile_files(void **state)
{
	static const char *const names[] = { "etc/hosts", "etc/resolv.conf", "etc/network/interfaces" };
	const struct scratch *s = *state;
	struct inside_example e;
	struct stat before, after;

	example_init(&e);
	put_dirs(s, "etc/network");
	put_in(s, "sbin/ifup", "");
	for (size_t i = 0; i < ARRAY_SIZE(names) * 5; i++) {
		const char *name = names[i / 5];

		/* What an earlier round wrote. */
		(void)!unlinkat(s->fd, name, 0);
		if (i % 5 == 0)
			assert_int_equal(mkfifoat(s->fd, name, 0600), 0);
		else if (i % 5 == 1)
			put_dir(s->fd, name);
		else if (i % 5 == 2)
			put_socket(s, name);
		else if (i % 5 == 3)
			put_huge(s, name);
		else
			assert_int_equal(symlinkat("loop", s->fd, name), 0);
		assert_int_equal(fstatat(s->fd, name, &before, AT_SYMLINK_NOFOLLOW), 0);
		write_example(s, &e);
		assert_int_equal(fstatat(s->fd, name, &after, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(unlinkat(s->fd, name, i % 5 == 1 ? AT_REMOVEDIR : 0), 0);
	}
}

/* Links that would lead out of the guest lead nowhere, or inside of it. */
static void test_links_out(void **state)
{
	struct scratch *s = *state;
	_cleanup_free_ char *outside = str_printf("%s-outside", s->path);
	struct inside_example e;

	assert_non_null(outside);
	example_init(&e);
	assert_int_equal(mkdir(outside, 0700), 0);
	assert_int_equal(symlinkat(outside, s->fd, "etc"), 0);
	assert_int_equal(symlinkat("/proc/self/root/..", s->fd, "run"), 0);
	put_in(s, "lib/systemd/systemd-networkd", "");
	put_in(s, "lib/systemd/systemd-resolved", "");
	write_example(s, &e);
	/* Still empty. */
	assert_int_equal(rmdir(outside), 0);
	(void)!unlinkat(s->fd, "etc", 0);
	/* A folder that is a link inside of the guest is followed as the guest would. */
	put_dir(s->fd, "real");
	assert_int_equal(symlinkat("/../../real", s->fd, "etc"), 0);
	write_example(s, &e);
	assert_has(s, "real/hosts", "192.0.2.10 web1\n");
}

static void test_leftover(void **state)
{
	const struct scratch *s = *state;
	struct inside_example e;

	example_init(&e);
	put_in(s, "etc/hosts.ctctl-new", "of one that was killed\n");
	assert_int_equal(symlinkat("/etc/victim", s->fd, "etc/resolv.conf.ctctl-new"), 0);
	put_in(s, "etc/victim", "as it was\n");
	write_example(s, &e);
	assert_has(s, "etc/hosts", "192.0.2.10 web1\n");
	assert_file(s->fd, "etc/resolv.conf", RESOLV);
	assert_file(s->fd, "etc/victim", "as it was\n");
	assert_not_there(s, "etc/hosts.ctctl-new");
	assert_not_there(s, "etc/resolv.conf.ctctl-new");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCRATCH_TEST(test_hosts),	 SCRATCH_TEST(test_hosts_without_addresses),
		SCRATCH_TEST(test_resolv_conf),	 SCRATCH_TEST(test_resolved),
		SCRATCH_TEST(test_mode_is_kept), SCRATCH_TEST(test_hostile_files),
		SCRATCH_TEST(test_links_out),	 SCRATCH_TEST(test_leftover),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
